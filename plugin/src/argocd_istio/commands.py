"""The commands: they read what was typed, call the module that does it, and print what it gives.

Each returns its exit code; what it prints to stdout is written by `cli` when it is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import __version__, consumer
from argocd_istio.explain import FORMATS
from argocd_istio.exposure import KINDS, MODES, nearest
from argocd_istio.source import LIMITS, Document, Node, Source, SourceError, visible
from argocd_istio.streams import tell

STDIN = "-"

if TYPE_CHECKING:
    from argocd_istio.edit import Edit, Field

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, context_settings={"max_content_width": 80})
set_app = typer.Typer(rich_markup_mode=None)
app.add_typer(set_app, name="set", help="Change one value in your own file.\n\n\b\nargocd-istio set host cd.acme.io")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"argocd-istio {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Argo CD behind an Istio gateway, with Kustomize.

    Write a consumer, change it, check it, and see what it does. A consumer is a folder with two files,
    kustomization.yaml and exposure.yaml.

    \b
    argocd-istio init cd --mode grpc-routing --host cd.acme.io
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)


@app.command()
def init(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="The folder; it is made where there is none.")],
    mode: Annotated[
        str,
        typer.Option(metavar="MODE", help=f"Where TLS ends: {', '.join(MODES)}.", autocompletion=lambda: list(MODES)),
    ],
    host: Annotated[
        list[str], typer.Option(metavar="HOST", help="A host name, again for more; the first is the public address.")
    ],
    secret_name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The Secret of the certificate; else argocd-certificate.")
    ] = None,
    selector: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A label of the gateway's pods, again for more; else istio=ingressgateway."
        ),
    ] = None,
    ref: Annotated[
        str,
        typer.Option(
            metavar="REF", help=f"The library's tag, branch or commit; else {consumer.REF}.", show_default=False
        ),
    ] = consumer.REF,
    checked: Annotated[bool, typer.Option("--checked", help="Let the build run the generator, which checks.")] = False,
) -> int:
    """Write a new consumer, a folder that builds.

    Nothing is ever overwritten.

    \b
    argocd-istio init cd --mode grpc-routing --host cd.acme.io
    """
    made = consumer.Consumer(mode, host, secret_name, selector or [], ref, checked)
    made.write(folder)
    tell(*made.notices)
    names = " and ".join(visible(str(Path(folder, name))) for name in made.files)
    print("\n  ".join([f"Wrote {names}. Next:", *made.next_steps(folder)]))
    return 0


_FILE = "The file with the Exposure or ExposureGenerator"
File = Annotated[str, typer.Argument(metavar="FILE", help=f"{_FILE}; else exposure.yaml.", show_default=False)]
Readable = Annotated[
    str, typer.Argument(metavar="FILE", help=f"{_FILE}; - is stdin. Else exposure.yaml.", show_default=False)
]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="Its metadata.name, where the file has several.")]
Host = Annotated[str | None, typer.Option(metavar="HOST", help="For this host only: its entry in tls.secretNames.")]


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
    from argocd_istio import edit

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
    from argocd_istio import edit

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
    from argocd_istio import edit

    return _edit(file, lambda data: edit.set_selector(data, _listed(labels), file=file, name=name))


@set_app.command("url")
def set_url(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://, one of the hosts, and port and path if any.")],
    file: File = consumer.EXPOSURE,
    name: Name = None,
) -> int:
    """Set the public address.

    It is needed where it is not https:// and the first host, and only an ExposureGenerator has it.

    \b
    argocd-istio set url https://cd2.acme.io
    """
    from argocd_istio import edit

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
    from argocd_istio import edit

    known = next((known for known in _OPTIONAL if known == field), None)
    if known is None:
        raise typer.BadParameter(f"{field!r} is not one of {', '.join(_OPTIONAL)}", param_hint="FIELD")
    return _edit(file, lambda data: edit.unset(data, known, host=host, file=file, name=name))


def _content(file: str) -> bytes:
    """The bytes of a file, or of stdin for `-`."""
    from argocd_istio.files import read

    if file != STDIN:
        return read(file)
    if os.isatty(0):
        raise typer.BadParameter("stdin is a terminal; name a file, or pipe something in", param_hint=STDIN)
    with open(0, "rb", closefd=False) as stdin:
        # One byte more than is accepted, so that more is refused without reading all of it.
        return stdin.read(LIMITS.bytes + 1)


def _source(file: str) -> Source:
    from argocd_istio.source import read

    return read(_content(file), "stdin" if file == STDIN else file)


def _exposures(source: Source) -> list[Document]:
    """The documents that are an Exposure or ExposureGenerator; a SourceError where there is none."""
    from argocd_istio.explain.objects import text

    kinds = [text(document.root, "kind") for document in source.documents]
    found = [document for document, kind in zip(source.documents, kinds, strict=True) if kind in KINDS]
    if not found:
        there = f"kind {kinds[0]}" if len(kinds) == 1 and kinds[0] else "none"
        hint = nearest(kinds[0], KINDS) if len(kinds) == 1 else ""
        expected = f"a document of kind {' or '.join(KINDS)}"
        if "{{" in source.text:
            hint = "this looks like a template: render it first"
        raise SourceError(source.file, 0, 0, there, expected, hint or "name the file that has it")
    return found


def _again(source: Source, documents: list[Document]) -> Iterator[SourceError]:
    """Every document that has the kind, name and namespace of one before it."""
    from argocd_istio.explain.objects import text
    from argocd_istio.names import shown

    seen: dict[tuple[str, str, str], Node] = {}
    for root in (document.root for document in documents if document.root):
        kind, name = text(root, "kind"), text(root, "metadata", "name")
        before = seen.setdefault((kind, name, text(root, "metadata", "namespace")), root)
        if name and before is not root:
            found = f"the {kind} {shown(name)} a second time; it is on line {before.line} too"
            yield source.error(root, found, "each once", "remove one, or give it another name")


@app.command("check")
def check_files(
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE", help="The files to check; - is stdin. Else exposure.yaml.")
    ] = None,
) -> int:
    """Say what is wrong in files.

    There is one line for each finding, on stderr; where nothing is wrong it is silent.

    \b
    argocd-istio check exposure.yaml
    """
    from argocd_istio.check import check
    from argocd_istio.files import FileError

    worst = 0
    for file in files or [consumer.EXPOSURE]:
        try:
            source = _source(file)
            documents = _exposures(source)
            for document in documents:
                exposure, findings = check(source, document.root)
                tell(*findings)
                worst = max(worst, 0 if exposure else 1)
            again = list(_again(source, documents))
            tell(*again)
            worst = max(worst, 1 if again else 0)
        except (SourceError, FileError) as error:
            tell(error)
            worst = max(worst, error.code if isinstance(error, FileError) else 2)
    return worst


@app.command()
def generate(file: Readable = consumer.EXPOSURE) -> int:
    """Print what the generator makes of a file.

    It is to be committed where a build can run no function.

    \b
    argocd-istio generate exposure-generator.yaml > exposure.yaml
    """
    from argocd_istio.check import check
    from argocd_istio.emit import to_yaml
    from argocd_istio.exposure import complete

    source = _source(file)
    documents = _exposures(source)
    if len(documents) > 1:
        found = f"{len(documents)} documents of kind {' or '.join(KINDS)}"
        raise SourceError(source.file, 0, 0, found, "one", "put each into a file of its own")
    exposure, findings = check(source, documents[0].root, generate=True)
    tell(*findings)
    if exposure is None:
        return 1
    print(to_yaml(complete(exposure)), end="")
    return 0


@app.command()
def explain(
    path: Annotated[
        str,
        typer.Argument(
            metavar="DIR|FILE|-",
            help="A folder to build, a file that was built, or - for stdin; else this folder.",
            show_default=False,
        ),
    ] = ".",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"One of {', '.join(FORMATS)}; else text.",
            show_default=False,
            autocompletion=lambda: list(FORMATS),
        ),
    ] = FORMATS[0],
    gateway_namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE",
            help="Where the gateway's pods are; else as the folder's Exposure says, or istio-system.",
        ),
    ] = None,
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="Draw the text with ASCII characters only.")] = False,
) -> int:
    """Draw the way of a request to Argo CD.

    From the host over gateway port, route and Service port to the pod: what travels as clear text, and who holds
    which certificate. What is broken on the way is marked; the exit code is 1 then.

    \b
    argocd-istio explain cd
    kustomize build cd | argocd-istio explain -
    argocd-istio explain cd --format svg > cd.svg
    """
    from dataclasses import replace

    from argocd_istio.explain import draw
    from argocd_istio.explain.objects import Objects
    from argocd_istio.explain.read import ISTIO
    from argocd_istio.explain.read import explain as explained
    from argocd_istio.explain.terminal import Terminal
    from argocd_istio.names import namespace_problem

    if form not in FORMATS:
        raise typer.BadParameter(f"{form!r} is not one of {', '.join(FORMATS)}", param_hint="--format")
    problem = namespace_problem(gateway_namespace) if gateway_namespace is not None else None
    if problem:
        raise SourceError("--gateway-namespace", 0, 0, *problem)
    folder = path if os.path.isdir(path) else ""  # noqa: PTH112
    source = _render(path, enable_exec)
    objects = Objects(source)
    if not objects.of(ISTIO, "Gateway"):
        hint = "name a folder, or what kustomize builds of one"
        raise SourceError(source.file, 0, 0, f"no Gateway of {ISTIO}", "at least one", hint)
    found = explained(objects, gateway_namespace or consumer.gateway_namespace(folder))
    terminal = Terminal.of_stdout()
    print(draw(found, form, replace(terminal, unicode=terminal.unicode and not ascii_only)), end="")
    return 1 if found.all_problems() else 0


def _render(path: str, enable_exec: bool) -> Source:
    """What is built of a folder, or was built: a file, or stdin."""
    from argocd_istio.explain.render import render
    from argocd_istio.source import read

    if not os.path.isdir(path):  # noqa: PTH112
        return _source(path)
    return read(render(path, enable_exec=enable_exec, waiting=_waiting), path)


def _official(path: str, high_availability: bool) -> str:
    """The file of an official install: the path itself, or the one in a folder of upstream's. Raises FileError."""
    from argocd_istio.files import FileError

    if not os.path.isdir(path):  # noqa: PTH112
        return path
    name = "ha/install.yaml" if high_availability else "install.yaml"
    for place in (Path(path, name), Path(path, "manifests", name)):
        if place.is_file():
            return str(place)
    expected = f"{name} or manifests/{name}"
    raise FileError(path, f"found a folder without {expected}, expected one of them; name the file", 2)


@app.command("drift")
def show_drift(
    against: Annotated[
        str,
        typer.Option(
            metavar="FILE|DIR|-",
            help="Upstream's install.yaml, a folder that has it in manifests, or - for stdin.",
        ),
    ],
    path: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR|FILE|-",
            help="A folder to build, a file that was built, or - for stdin. Else what is piped in, or this folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="One of text, json; else text.",
            show_default=False,
            autocompletion=lambda: ["text", "json"],
        ),
    ] = "text",
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="List every field, and each explained difference.")] = False,
) -> int:
    """Show how a render differs from an official install.

    What you changed, added and left out is listed by object and field. What this library changes is explained below;
    the exit code is 1 where something else differs.

    \b
    kustomize build cd | argocd-istio drift --against install.yaml
    argocd-istio drift cd --against install.yaml --format json
    """
    from argocd_istio.drift import FORMATS as DRIFT_FORMATS
    from argocd_istio.drift import draw, without_collector
    from argocd_istio.drift.install import install
    from argocd_istio.drift.report import report
    from argocd_istio.explain.terminal import Terminal

    if form not in DRIFT_FORMATS:
        raise typer.BadParameter(f"{form!r} is not one of {', '.join(DRIFT_FORMATS)}", param_hint="--format")
    if path is None:
        path = "." if against == STDIN or os.isatty(0) else STDIN
    if path == against == STDIN:
        raise typer.BadParameter("stdin is the render already; name a file or a folder", param_hint="--against")
    with without_collector():
        render = install(_render(path, enable_exec), piped=path == STDIN)
        official = install(_source(_official(against, bool(render.high_availability))), piped=against == STDIN)
        found = report(render, official)
    print(draw(found, form, Terminal.of_stdout(), every=every), end="")
    return 0 if found.clean else 1


def _waiting(text: str) -> None:
    """Something takes more than a second."""
    if os.isatty(2):
        tell(text)


@app.command("schema")
def print_schema() -> int:
    """Print the JSON Schema for editors.

    \b
    argocd-istio schema > exposure.schema.json
    """
    from argocd_istio.schema import text

    print(text(), end="")
    return 0
