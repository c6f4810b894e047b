"""`argocd-istio init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import listed
from argocd_istio.exposure.fields import MODES
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
    made = consumer.Consumer(
        mode, listed(host), secret_name, listed(selector or []), ref, checked, namespace=gateway_namespace
    )
    made.write(folder)
    tell(*made.notices)
    names = " and ".join(visible(str(Path(folder, name))) for name in made.files)
    print("\n  ".join([f"Wrote {names}. Next:", *made.next_steps(folder)]))
    return 0
