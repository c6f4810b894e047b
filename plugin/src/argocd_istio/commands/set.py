"""`argocd-istio set` and `unset`: one value of the user's own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import File, Host, Name
from argocd_istio.streams import tell

if TYPE_CHECKING:
    from argocd_istio.exposure.edit import Edit, Field

set_app = typer.Typer(rich_markup_mode=None)
app.add_typer(set_app, name="set", help="Change one value in your own file.\n\n\b\nargocd-istio set host cd.acme.io")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _edit(file: str, change: Callable[[bytes], Edit]) -> int:
    """Read, change and replace the file."""
    from argocd_istio import files

    old = files.read(file)
    edited = change(old)
    notices = [*edited.notices, *files.replace(file, old, edited.data)]
    tell(*notices)
    return 0


@set_app.command("host")
def set_host(
    hosts: Annotated[str, typer.Argument(metavar="HOST[,HOST...]", help="The host names, the public one first.")],
    file: File = consumer.EXPOSURE,
    name: Name = None,
) -> int:
    """Set the host names.

    \b
    argocd-istio set host cd.acme.io,cd2.acme.io
    """
    from argocd_istio.exposure import edit

    return _edit(file, lambda data: edit.set_hosts(data, _listed(hosts), file=file, name=name))


@set_app.command("secret-name")
def set_secret_name(
    secret: Annotated[str, typer.Argument(metavar="NAME", help="The Secret, in the namespace of the gateway's pods.")],
    file: File = consumer.EXPOSURE,
    host: Host = None,
    name: Name = None,
) -> int:
    """Set the Secret of the certificate.

    \b
    argocd-istio set secret-name cd-certificate
    argocd-istio set secret-name cd2-certificate --host cd2.acme.io
    """
    from argocd_istio.exposure import edit

    return _edit(file, lambda data: edit.set_secret_name(data, secret, host=host, file=file, name=name))


@set_app.command("selector")
def set_selector(
    labels: Annotated[
        str, typer.Argument(metavar="KEY=VALUE[,...]", help="The labels of the gateway's pods, all of them.")
    ],
    file: File = consumer.EXPOSURE,
    name: Name = None,
) -> int:
    """Set which pods are the gateway.

    \b
    argocd-istio set selector istio=ingress
    """
    from argocd_istio.exposure import edit

    return _edit(file, lambda data: edit.set_selector(data, _listed(labels), file=file, name=name))


@set_app.command("url")
def set_url(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://, one of the hosts, and the port if it has one.")],
    file: File = consumer.EXPOSURE,
    name: Name = None,
) -> int:
    """Set the public address.

    It is needed where it is not https:// and the first host, and only an ExposureGenerator has it.

    \b
    argocd-istio set url https://cd2.acme.io
    """
    from argocd_istio.exposure import edit

    return _edit(file, lambda data: edit.set_url(data, url, file=file, name=name))


_OPTIONAL: tuple[Field, ...] = ("secret-name", "selector", "url")


@app.command()
def unset(
    field: Annotated[
        str,
        typer.Argument(metavar="FIELD", help=f"One of {', '.join(_OPTIONAL)}.", autocompletion=lambda: list(_OPTIONAL)),
    ],
    file: File = consumer.EXPOSURE,
    host: Host = None,
    name: Name = None,
) -> int:
    """Take one value out of your own file.

    Then its default counts.

    \b
    argocd-istio unset url
    """
    from argocd_istio.exposure import edit

    known = next((known for known in _OPTIONAL if known == field), None)
    if known is None:
        raise typer.BadParameter(f"{field!r} is not one of {', '.join(_OPTIONAL)}", param_hint="FIELD")
    return _edit(file, lambda data: edit.unset(data, known, host=host, file=file, name=name))
