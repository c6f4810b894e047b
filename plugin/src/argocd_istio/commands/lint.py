"""`argocd-istio lint`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from argocd_istio import consumer
from argocd_istio.commands.app import app
from argocd_istio.commands.inputs import STDIN, built, format_option, has_kustomization, listed, source_of
from argocd_istio.formats import FORMATS, formatted
from argocd_istio.streams import tell
from argocd_istio.syntax.source import SourceError, visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_istio.findings import Finding
    from argocd_istio.lint.mend import Mended
    from argocd_istio.lint.report import Report
    from argocd_istio.render.model import Stated
    from argocd_istio.syntax.source import Source
    from argocd_istio.tree.order import Tree

_LEVELS = ("error", "warning", "info")


def _level(value: str) -> str:
    if value not in _LEVELS:
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(_LEVELS)}", param_hint="--fail-on")
    return value


@app.command("lint")
def lint_files(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DIR|FILE|-",
            help="Folders, files, or - for stdin; all are one set of objects. Default: this folder.",
            show_default=False,
        ),
    ] = None,
    form: Annotated[str, format_option(FORMATS)] = FORMATS[0],
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="RULES", help="Only these rules: IDs, their first letters, or names."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="RULES", help="Not these rules, as in --select.")
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            metavar="SEVERITY",
            help=f"The least severity for exit code 1: {', '.join(_LEVELS)}. Default: error.",
            show_default=False,
            callback=_level,
        ),
    ] = "error",
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Leave out the findings in this file.", show_default=False)
    ] = None,
    write_baseline: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write all findings to this file, for --baseline.", show_default=False),
    ] = None,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Correct faults that have one safe answer, in your files; then report the rest."),
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change, and write nothing.")] = False,
    gateway_namespace: Annotated[
        str | None,
        typer.Option(
            metavar="NAMESPACE",
            help="The namespace of the gateway's pods. Default: as the files or the folder's Exposure state.",
        ),
    ] = None,
    gateway_labels: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="The labels of the gateway's pods, with commas between."),
    ] = None,
    istio_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="The version of Istio, such as 1.30.", show_default=False)
    ] = None,
    mesh: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="How Argo CD's pods are in the mesh: sidecar, ambient or none."),
    ] = None,
    istio_cni: Annotated[
        bool | None,
        typer.Option("--istio-cni/--no-istio-cni", help="Whether istio-cni is installed.", show_default=False),
    ] = None,
    tls_before_gateway: Annotated[
        bool, typer.Option("--tls-before-gateway", help="TLS ends before the gateway, at a load balancer.")
    ] = False,
    enable_exec: Annotated[
        bool, typer.Option("--enable-exec", help="Let kustomize run the functions that the folder names.")
    ] = False,
) -> int:
    """Find what makes an exposed Argo CD fail or leak, in anybody's manifests.

    A folder with a kustomization is built; its own files are checked too, as by check. Of another folder the YAML
    files are read, and those of the folders below it that have no kustomization. Parts are enough, such as a Gateway
    alone: what the files do not show is never an error, and the last lines name the rules that need an option. The
    annotation argocd-istio.github.io/ignore-ID with a reason leaves out a finding about its object. See
    `argocd-istio rules`.

    \b
    argocd-istio lint cd
    helm template cd argo/argo-cd | argocd-istio lint - gateway.yaml
    argocd-istio lint cd --write-baseline known.json
    argocd-istio lint cd --baseline known.json
    """
    from argocd_istio.lint import options
    from argocd_istio.lint.report import baseline as text_of_baseline
    from argocd_istio.lint.report import chosen, read_baseline, text_of, unchecked_data, without

    if fix and not diff and STDIN in (paths or []):
        raise SourceError("stdin", 0, 0, "--fix", "files, which it can correct", "name the files, or see --diff")
    labels = _labels(gateway_labels)
    stated = options.stated("--{}".format, gateway_namespace, labels, istio_version, mesh, istio_cni)
    select = options.rules(listed(select or []), "--select")
    ignore = options.rules(listed(ignore or []), "--ignore")
    wanted = options.wants(select, ignore)

    def report_of() -> tuple[Report, list[Mended]]:
        return _report(paths or ["."], gateway_namespace or "", stated, tls_before_gateway, enable_exec, wanted)

    report, changes = report_of()
    if diff:
        from argocd_istio.commands.set import difference

        print("".join(difference(one.file, one.old, one.new) for one in changes), end="")
        tell(*(why for one in changes for why in one.refused))
        return 1 if changes else 0
    if fix and changes:
        from argocd_istio import files

        tell(*files.replace_all([(one.file, one.old, one.new) for one in changes if one.new != one.old]))
        tell(*(f"{one.file}: corrected {', '.join(one.rules)}" for one in changes if one.rules))
        tell(*(why for one in changes for why in one.refused))
        report, _ = report_of()
    found = chosen(report.findings, select, ignore)
    if write_baseline is not None:
        _write(write_baseline, text_of_baseline(found).encode())
    if baseline is not None:
        from argocd_istio.files import read

        found = without(found, read_baseline(read(baseline), baseline))
    left = {rule: why for rule, why in report.unchecked.items() if wanted(rule)}
    known = len(chosen(report.findings, select, ignore)) - len(found)
    report = report._replace(findings=found, unchecked=left, known=known)
    if form == FORMATS[0]:
        print(text_of(report), end="")
    else:
        more = {"not_checked": unchecked_data(report), "suppressed": report.suppressed, "in_baseline": known}
        print(formatted(found, form, **more), end="")
    failing = options.failing(fail_on)
    return 1 if write_baseline is None and any(one.severity in failing for one in found) else 0


def _labels(words: list[str] | None) -> dict[str, str]:
    from argocd_istio.exposure.names import labels_of

    found = labels_of(listed(words)) if words else {}
    if isinstance(found, tuple):
        raise SourceError("--gateway-labels", 0, 0, *found)
    return found


def _report(
    paths: list[str],
    namespace: str,
    stated: Stated,
    before: bool,
    enable_exec: bool,
    wanted: Callable[[str], bool],
) -> tuple[Report, list[Mended]]:
    """The report on everything, and the changes for the rules that are wanted."""
    from argocd_istio.lint.mend import mended
    from argocd_istio.lint.report import Report, findings_of
    from argocd_istio.lint.run import judge
    from argocd_istio.render.build import RenderError
    from argocd_istio.render.objects import Objects
    from argocd_istio.render.ways import facts

    sources: list[Source] = []
    trees: dict[str, Tree] = {}
    found: list[Finding] = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112
            sources.append(source_of(path))
            found += _deployments(sources[-1])
        elif has_kustomization(path):
            wrong, trees[path] = _folder(path)
            found += wrong
            try:
                sources.append(built(path, enable_exec))
            except RenderError as error:
                if not any(one.severity == "error" for one in wrong):
                    raise
                tell(error)  # The findings say why; what the build would give is not checked.
        else:
            for source in _files(path):
                sources.append(source)
                found += _deployments(source)
    # The namespace in one folder's Exposure does not apply to other inputs.
    known = {consumer.gateway_namespace(path) if path in trees else "" for path in paths}
    otherwise = known.pop() if len(known) == 1 else ""
    objects = Objects(*sources)
    if not trees and not any(item.kind for item in objects):
        # Such as a pipe from a command that failed: nothing would be found in it.
        name = "stdin" if paths == [STDIN] else paths[0]
        hint = "name the files or the folder, or pipe a build in"
        raise SourceError(name, 0, 0, "no object of Kubernetes", "at least one", hint)
    whole = facts(objects, namespace, otherwise, tls_before_gateway=before, stated=stated)
    judged = judge(whole)
    found += findings_of(whole, judged, trees)
    order = {level: at for at, level in enumerate(_LEVELS)}
    found.sort(key=lambda one: order[one.severity])
    report = Report(found, len(judged.suppressed), 0, dict(sorted(judged.unchecked.items())))
    return report, mended((one for one in judged.findings if wanted(one.rule)), trees)


def _folder(path: str) -> tuple[list[Finding], Tree]:
    """What is wrong in the kustomizations and Exposures of a folder, with the names of the rules; and the facts."""
    from argocd_istio.lint.catalogue import BY_ID
    from argocd_istio.tree.check import read_folder

    found, tree = read_folder(path, substitute=True)
    for one in found:
        one.name = BY_ID[one.rule].name if one.rule in BY_ID else ""
    return found, tree


def _deployments(source: Source) -> list[Finding]:
    """What is wrong in the Applications and Flux Kustomizations of a file."""
    from argocd_istio.lint.catalogue import BY_ID
    from argocd_istio.tree.check import check_deployments
    from argocd_istio.tree.deploy import DEPLOYED

    found = (check_deployments(source) or []) if DEPLOYED.search(source.text.encode()) else []
    for one in found:
        one.name = BY_ID[one.rule].name if one.rule in BY_ID else ""
    return found


def _files(folder: str) -> list[Source]:
    """The YAML and JSON files of a folder without a kustomization, and of the folders below it.

    Hidden folders, linked ones, and those that are built or rendered first are left out; a line says which these are.
    """
    from argocd_istio.files import FileError

    found: list[str] = []
    built_first: list[str] = []
    for path, folders, names in os.walk(folder, onerror=_unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if path != folder and (has_kustomization(path) or "Chart.yaml" in names):
            built_first.append(path)
            folders.clear()
            continue
        found += (os.path.join(path, name) for name in sorted(names) if name.endswith((".yaml", ".yml", ".json")))  # noqa: PTH118
        if len(found) > MOST_FILES:
            raise FileError(folder, f"has more than {MOST_FILES} YAML files; name the folders that matter", 2)
    if not found:
        hint = f"its folders, such as {visible(built_first[0])}" if built_first else "a folder or file that has them"
        raise FileError(folder, f"has no kustomization.yaml and no YAML file; name {hint}", 2)
    for path in built_first:
        chart = not has_kustomization(path)
        left, how = ("a Helm chart", "helm template") if chart else ("a kustomization", "argocd-istio lint")
        tell(f"{visible(path)}: found {left}, which is not part of the files around it; run {how} {visible(path)}")
    return [source_of(path) for path in found]


MOST_FILES = 10_000
"""The most files of a folder."""


def _unreadable(error: OSError) -> None:
    from argocd_istio.files import FileError

    raise FileError(str(error.filename), error.strerror or "cannot be read") from error


def _write(path: str, data: bytes) -> None:
    from argocd_istio import files

    if os.path.lexists(path):
        old = files.read(path)
        tell(*files.replace(path, old, data))
    else:
        files.create(path, data)
