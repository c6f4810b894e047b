"""`argocd-istio init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import listed
from argocd_istio.exposure.fields import MODES
from argocd_istio.exposure.wired import EXPOSURE_ONLY, WAYS, WITHOUT_CRDS, Wired
from argocd_istio.streams import tell
from argocd_istio.syntax.source import visible


@app.command()
def init(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder; it is created if it does not exist.")],
    mode: Annotated[
        str,
        typer.Option(metavar="MODE", help=f"Where TLS ends: {', '.join(MODES)}.", autocompletion=lambda: list(MODES)),
    ],
    host: Annotated[
        list[str],
        typer.Option(
            metavar="HOST", help="A host name; repeat it or use commas for more. The first is the public address."
        ),
    ],
    secret_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The Secret of the certificate. Default: argocd-certificate.")
    ] = None,
    way: Annotated[
        str,
        typer.Option(
            metavar="WAY",
            help=f"Another gateway: {', '.join(WAYS)}. Default: an Istio Gateway of your own.",
            show_default=False,
            autocompletion=lambda: list(WAYS),
        ),
    ] = "",
    gateway: Annotated[
        str | None, typer.Option(metavar="NAMESPACE/NAME", help="The Gateway of --way existing-gateway.")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The GatewayClass of --way gateway-api, for example istio.")
    ] = None,
    parent: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME[/LISTENER]",
            help="The Gateway of --way gateway-api/listener-set; with its listener for --way "
            "gateway-api/existing-gateway. ListenerSet/ before it names a ListenerSet.",
        ),
    ] = None,
    redirect_parent: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE/NAME/LISTENER",
            help="Its listener for plain HTTP, to redirect it to https. Only with --way gateway-api/existing-gateway.",
        ),
    ] = None,
    without_crds: Annotated[
        bool, typer.Option("--without-crds", help="You install the CRDs of Argo CD by yourself.")
    ] = False,
    exposure_only: Annotated[
        bool, typer.Option("--exposure-only", help="Argo CD is already installed. Requires --service and --label.")
    ] = False,
    service: Annotated[str | None, typer.Option(metavar="NAME", help="The Service of that argocd-server.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label of its pods; repeat it or use commas for more."),
    ] = None,
    selector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="A label of the gateway's pods; repeat it or use commas for more. Default: istio=ingressgateway.",
        ),
    ] = None,
    gateway_namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="The namespace of the gateway's pods. Default: istio-system.")
    ] = None,
    ref: Annotated[
        str,
        typer.Option(
            metavar="REF", help=f"The library's tag, branch or commit. Default: {consumer.REF}.", show_default=False
        ),
    ] = consumer.REF,
    checked: Annotated[bool, typer.Option("--checked", help="Let the build run the generator.")] = False,
) -> int:
    """Write a new consumer, a folder that builds.

    Existing files are never overwritten.

    \b
    argocd-istio init cd --mode grpc-routing --host cd.acme.io
    """
    if exposure_only and without_crds:
        raise typer.BadParameter("--exposure-only has no CRDs; leave one of the two out", param_hint="--without-crds")
    amount = EXPOSURE_ONLY if exposure_only else WITHOUT_CRDS if without_crds else ""
    made = consumer.Consumer(
        Wired(mode, way, amount),
        listed(host),
        secret_name,
        consumer.Gateway(listed(selector or []), gateway_namespace, gateway, class_name, parent, redirect_parent),
        ref,
        checked,
        server=(service, listed(label or [])),
    )
    made.write(folder)
    tell(*made.notices)
    names = " and ".join(visible(str(Path(folder, name))) for name in made.files)
    print("\n  ".join([f"Wrote {names}. Next:", *made.next_steps(folder)]))
    if made.settings:
        print("\n  ".join(["The owner of that Argo CD sets, and then restarts argocd-server:", *made.settings]))
    return 0
