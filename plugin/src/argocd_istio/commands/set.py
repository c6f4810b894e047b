"""`argocd-istio set` and `unset`: one value of the user's own file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio.commands.app import App, app
from argocd_istio.commands.inputs import Diff, File, Force, Hosts, Name, OldFile, file_of, listed, split_words
from argocd_istio.exposure.fields import MODES
from argocd_istio.streams import tell

if TYPE_CHECKING:
    from argocd_istio.exposure.edit import Edit, Field

set_app = App(rich_markup_mode=None)
app.add_typer(set_app, name="set", help="Change one value in your own file.\n\n\b\nargocd-istio set host cd.acme.io")


def _edit(
    file: str, changes: Sequence[Callable[[bytes], Edit]], *, diff: bool, force: bool, mode: str | None = None
) -> int:
    """Read, change and replace the file, or print the diff; with `mode` also change the component beside it.

    A change that adds an error of `check` is written only with `force`.
    """
    from argocd_istio import files
    from argocd_istio.exposure import component
    from argocd_istio.exposure.edit import consequences
    from argocd_istio.exposure.wired import Wired
    from argocd_istio.findings import ERROR

    old = new = files.read(file)
    notices: list[object] = []
    for change in changes:
        edited = change(new)
        new = edited.data
        notices += edited.notices
    before = component.wired_beside(file)
    after = before
    replaced = [(file, old, new)]
    if mode:
        listed = component.the_component(file)
        replaced.insert(0, (listed.source.file, listed.source.text.encode(), listed.changed(mode)))
        after = Wired(mode, listed.wired.way, listed.wired.amount)
    found = consequences(old, new, file=file, before=before, after=after)
    tell(*notices, *found)
    refused = not force and any(one.severity == ERROR for one in found)
    if diff:
        print("".join(difference(*one) for one in replaced), end="")
    elif refused:
        tell(f"{found[0].file}: nothing was written: check would refuse it; correct that first, or add --force")
    else:
        tell(*files.replace_all(replaced))
    return 1 if refused else 0


def difference(file: str, old: bytes, new: bytes) -> str:
    """The unified diff of two texts, "" if they are the same."""
    from difflib import unified_diff

    from argocd_istio.syntax.source import visible

    name = visible(file)
    text = unified_diff(_lines(old), _lines(new), name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in text)


def _lines(data: bytes) -> list[str]:
    """The lines of a text with their line feeds; other separators do not end a line."""
    return re.findall(r"[^\n]*\n|[^\n]+", data.decode())


@set_app.command("host")
def set_host(
    words: Annotated[
        list[str], typer.Argument(metavar="HOST", help="The host names, the public one first; commas also work.")
    ],
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the host names.

    \b
    argocd-istio set host cd.acme.io cd2.acme.io
    """
    from argocd_istio.exposure import edit

    hosts, path = split_words(words, file)
    changes = [partial(edit.set_hosts, hosts=listed(hosts), file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("secret-name")
def set_secret_name(
    secret: Annotated[str, typer.Argument(metavar="NAME", help="The Secret's name.")],
    old_file: OldFile = None,
    file: File = None,
    host: Hosts = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the Secret of the certificate.

    It is in the namespace of the gateway's pods; with the Gateway API in that of Argo CD. A Secret for one of several
    hosts requires an ExposureGenerator with spec.mode.

    \b
    argocd-istio set secret-name cd-certificate
    argocd-istio set secret-name cd2-certificate --host cd2.acme.io
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    hosts = listed(host) if host else [None]
    changes = [partial(edit.set_secret_name, secret=secret, host=one, file=path, name=name) for one in hosts]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("selector")
def set_selector(
    words: Annotated[
        list[str],
        typer.Argument(metavar="KEY=VALUE", help="All labels of the gateway's pods; commas also work."),
    ],
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set which pods are the gateway.

    \b
    argocd-istio set selector istio=ingress
    """
    from argocd_istio.exposure import edit

    labels, path = split_words(words, file)
    changes = [partial(edit.set_selector, labels=listed(labels), file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("gateway-namespace")
def set_gateway_namespace(
    namespace: Annotated[str, typer.Argument(metavar="NAME", help="The namespace of the gateway's pods.")],
    old_file: OldFile = None,
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the namespace of the gateway's pods.

    The Secret of the certificate is in this namespace too, except with the Gateway API.

    \b
    argocd-istio set gateway-namespace istio-ingress
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    changes = [partial(edit.set_gateway_namespace, namespace=namespace, file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("gateway")
def set_gateway(
    gateway: Annotated[str, typer.Argument(metavar="NAMESPACE/NAME", help="The Gateway of somebody else.")],
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the Istio Gateway that the routes bind to.

    \b
    argocd-istio set gateway istio-ingress/shared
    """
    from argocd_istio.exposure import edit

    path = file_of(None, file)
    return _edit(path, [partial(edit.set_gateway, gateway=gateway, file=path, name=name)], diff=diff, force=force)


@set_app.command("class-name")
def set_class_name(
    class_name: Annotated[str, typer.Argument(metavar="NAME", help="The GatewayClass.")],
    old_file: OldFile = None,
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the class of our Gateway of the Gateway API.

    \b
    argocd-istio set class-name istio
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    changes = [partial(edit.set_class_name, class_name=class_name, file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


_PARENT = "The Gateway of somebody else, and its listener. ListenerSet/ before it names a ListenerSet."


@set_app.command("parent")
def set_parent(
    parent: Annotated[str, typer.Argument(metavar="NAMESPACE/NAME[/LISTENER]", help=_PARENT)],
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the Gateway of the Gateway API that routes or listeners bind to.

    \b
    argocd-istio set parent istio-ingress/shared/https
    """
    from argocd_istio.exposure import edit

    path = file_of(None, file)
    changes = [partial(edit.set_parent, what="parent", parent=parent, file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("redirect-parent")
def set_redirect_parent(
    parent: Annotated[str, typer.Argument(metavar="NAMESPACE/NAME/LISTENER", help=_PARENT)],
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the listener for plain HTTP whose requests components/gateway-api/redirect redirects.

    \b
    argocd-istio set redirect-parent istio-ingress/shared/http
    """
    from argocd_istio.exposure import edit

    path = file_of(None, file)
    changes = [partial(edit.set_parent, what="redirect-parent", parent=parent, file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("server")
def set_server(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Its Service.")],
    old_file: OldFile = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="A label of its pods; repeat it or use commas for more."),
    ] = None,
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the argocd-server that is already installed, for exposure-only.

    \b
    argocd-istio set server cd-argocd-server --label release=cd
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    changes = [partial(edit.set_server, service=service, labels=listed(label or []), file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force)


@set_app.command("url")
def set_url(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://, one of the hosts, and the port if it has one.")],
    old_file: OldFile = None,
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set the public address.

    Needed only if it is not https:// and the first host. Requires an ExposureGenerator.

    \b
    argocd-istio set url https://cd2.acme.io
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    return _edit(path, [partial(edit.set_url, url=url, file=path, name=name)], diff=diff, force=force)


@set_app.command("mode")
def set_mode(
    mode: Annotated[
        str,
        typer.Argument(metavar="MODE", help=f"One of {', '.join(MODES)}.", autocompletion=lambda: list(MODES)),
    ],
    old_file: OldFile = None,
    secret_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The Secret of the certificate, if passthrough had none.")
    ] = None,
    file: File = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Set where TLS ends.

    Changes the component in the kustomization.yaml beside the file, and spec.mode if the file states it.
    If it does, a change to passthrough also removes the Secret. Have the certificate of the new mode ready.

    \b
    argocd-istio set mode termination
    argocd-istio set mode grpc-routing --secret-name cd-certificate
    """
    from argocd_istio.exposure import edit

    path = file_of(old_file, file)
    changes = [partial(edit.set_mode, mode=mode, secret=secret_name, file=path, name=name)]
    return _edit(path, changes, diff=diff, force=force, mode=mode)


_OPTIONAL: tuple[Field, ...] = (
    "secret-name",
    "selector",
    "url",
    "gateway-namespace",
    "gateway",
    "class-name",
    "parent",
    "redirect-parent",
    "server",
)


@app.command()
def unset(
    field: Annotated[
        str,
        typer.Argument(metavar="FIELD", help=f"One of {', '.join(_OPTIONAL)}.", autocompletion=lambda: list(_OPTIONAL)),
    ],
    old_file: OldFile = None,
    file: File = None,
    host: Hosts = None,
    name: Name = None,
    diff: Diff = False,
    force: Force = False,
) -> int:
    """Remove one value from your own file.

    Its default then applies.

    \b
    argocd-istio unset url
    """
    from argocd_istio.exposure import edit

    known = next((known for known in _OPTIONAL if known == field), None)
    if known is None:
        raise typer.BadParameter(f"{field!r} is not one of {', '.join(_OPTIONAL)}", param_hint="FIELD")
    path = file_of(old_file, file)
    hosts = listed(host) if host else [None]
    changes = [partial(edit.unset, what=known, host=one, file=path, name=name) for one in hosts]
    return _edit(path, changes, diff=diff, force=force)
