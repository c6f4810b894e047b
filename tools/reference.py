"""Generate reference parts of the docs and the package: fields, commands, rules, versions, the library's reference, a
picture, the JSON Schema, the settings that Argo CD reads.

python -m tools.reference update|verify
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
import yaml

from argocd_istio.cli import CODES
from argocd_istio.commands import app
from argocd_istio.consumer import LIBRARY, REF
from argocd_istio.explain import draw
from argocd_istio.explain.picture import Picture
from argocd_istio.exposure import schema
from argocd_istio.exposure.fields import BY_PATH, FIELDS, Field
from argocd_istio.lint import catalogue
from argocd_istio.lint.rules.install import KEYS
from argocd_istio.lint.run import run
from argocd_istio.render.components import PARAMETERS
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import parse
from argocd_istio.terminal import Terminal
from tools.build import (
    HERE,
    NEWEST_GATEWAY_API,
    OLDEST_GATEWAY_API,
    ToolError,
    argocd_module,
    istio_module,
    program,
    say,
)
from tools.versions import module, release, versions

ROOT = HERE.parent
README = Path("README.md")
PAGE = Path("docs/plugin.md")
RULES = Path("docs/rules.md")
PICTURE = Path("docs/explain-grpc-routing.svg")
SCHEMA = Path("plugin/src/argocd_istio") / schema.FILE
PARAMETERS_FILE = KEYS.relative_to(ROOT)


def fields() -> str:
    """The table of fields, as Markdown."""
    rows = ["| Field | Value | If left out | Meaning |", "|---|---|---|---|"]
    for field in FIELDS:
        about = field.about if field.plain else f"{field.about} Only in an `ExposureGenerator`."
        rows.append(f"| `{field.path}` | {field.expected} | {_default(field)} | {about} |")
    return "\n".join(rows)


def _default(field: Field) -> str:
    if field.required:
        return "an error"
    if isinstance(field.default, dict):
        return "`" + ", ".join(f"{key}: {value}" for key, value in field.default.items()) + "`"
    return f"`{field.default}`" if field.default else "nothing"


def commands() -> str:
    """Every command with its example, arguments and options, as Markdown."""
    return "\n\n".join(_command(name, command) for name, command in every_command())


def every_command() -> Iterator[tuple[str, Any]]:
    """Each command and its name, those of a group after the group's."""

    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        members = getattr(command, "commands", None)
        if members is None:
            yield path, command
        for name, member in (members or {}).items():
            yield from below(f"{path} {name}", member)

    return below("argocd-istio", typer.main.get_command(app))


def _command(name: str, command: Any) -> str:
    about, _, example = command.help.partition("\b\n")
    lines = [f"### `{name}`", "", " ".join(about.split()), "", "```sh", example.strip(), "```"]
    if command.params:
        lines += ["", "| Argument or option | Meaning |", "|---|---|"]
    for param in command.params:
        typed = param.metavar or ""
        if param.param_type_name == "option":
            typed = f"{', '.join(param.opts)} {typed}".strip()
        typed = typed.replace("|", "\\|")
        lines.append(f"| `{typed}` | {param.help}{' Required.' if param.required else ''} |")
    return "\n".join(lines)


def picture() -> str:
    """`argocd-istio explain examples/local --format svg`."""
    built = subprocess.run(
        [str(program("kustomize")), "build", str(ROOT / "examples/local")], capture_output=True, check=True
    ).stdout
    namespace = BY_PATH["spec.gateway.namespace"].default
    found = facts(Objects(parse(built, "examples/local")), otherwise=namespace)
    return draw(Picture(found, run(found)), "svg", Terminal())


def compatibility() -> str:
    """The table of programs and their versions, as Markdown.

    Two columns while the installed release of Argo CD is newer than the module that is built and tested.
    """
    istio = f"{versions()['istio']} ({(istio_module() / 'VERSION').read_text().strip()} in development)"
    rows = {"Argo CD": module(), "Istio": istio} | {
        title: versions()[name]
        for title, name in (("Envoy", "envoy"), ("Kubernetes, kubectl", "kubernetes"), ("kustomize", "kustomize"))
    }
    rows["CRDs of the Gateway API"] = f"{versions()[OLDEST_GATEWAY_API]} and {versions()[NEWEST_GATEWAY_API]}"
    if release() == module():
        lines = ["What the tests run:", "", "| Program | Version |", "|---|---|"]
        return "\n".join([*lines, *(f"| {program} | {version} |" for program, version in rows.items())])
    lines = [
        f"Argo CD {release()} is installed. Its Go module is not available yet, so the tests build and run {module()},",
        f"and compare every field but the image's tag with the install of {module()}.",
        "",
        "| Program | Installed | What the tests run |",
        "|---|---|---|",
    ]
    installed = {"Argo CD": release()}
    return "\n".join([*lines, *(f"| {one} | {installed.get(one, 'yours')} | {rows[one]} |" for one in rows)])


def parameters() -> str:
    """The keys of argocd-cmd-params-cm that upstream's workloads read, as JSON."""

    def below(value: Any) -> Iterator[str]:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            if key == "configMapKeyRef" and each["name"] == PARAMETERS:
                yield each["key"]
            elif key == "configMap" and isinstance(each, dict) and each.get("name") == PARAMETERS:
                yield from (one["key"] for one in each["items"])
            elif isinstance(each, dict | list):
                yield from below(each)

    # It has every component of the others.
    text = (argocd_module() / "manifests/install-with-hydrator.yaml").read_text()
    keys = sorted({key for item in yaml.load_all(text, yaml.CSafeLoader) for key in below(item)})
    return json.dumps({"release": module(), "keys": keys}, indent=2) + "\n"


def codes() -> str:
    """The table of exit codes, as Markdown."""
    rows = ["| Exit code | Meaning |", "|---|---|"]
    return "\n".join([*rows, *(f"| {code} | {meaning} |" for code, meaning in CODES.items())])


SECTIONS = {
    PAGE: {"fields": fields, "codes": codes, "commands": commands},
    README: {"versions": compatibility},
    RULES: {"rules": catalogue.page},
}
"""The sections of a page between `<!-- NAME -->` and `<!-- /NAME -->`."""


def page(path: Path, text: str) -> str:
    """The page with its sections replaced. Raises ToolError if a section is missing."""
    for name, write in SECTIONS[path].items():
        found = re.search(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, re.S)
        if not found:
            raise ToolError(f"{path}: no <!-- {name} --> and <!-- /{name} --> found; put them where the section goes")
        text = text[: found.start()] + "\n" + write() + "\n\n" + text[found.end() :]
    return text


# Where a page or an example names the library with a reference: for kustomize, pip, pre-commit, and the schema's file.
_REFERENCE = re.compile(
    rf"({LIBRARY}//?[^\s?]*\?ref=|git\+{LIBRARY}@|repo: {LIBRARY}\n *rev: |{schema.REPOSITORY}/)[\w.-]+"
)


def referenced(text: str) -> str:
    """The text with REF at every address of the library that has a reference."""
    return _REFERENCE.sub(rf"\g<1>{REF}", text)


def _refer() -> list[Path]:
    """The pages and examples that name the library with a reference."""
    found = (path.relative_to(ROOT) for pattern in ("**/*.md", "examples/**/*.yaml") for path in ROOT.glob(pattern))
    own = sorted(path for path in found if not re.match(r"\.|results$", path.parts[0]))
    return [path for path in own if _REFERENCE.search((ROOT / path).read_text())]


def files(root: Path = ROOT) -> dict[Path, str]:
    """The text of every file that is written, by its path from the root."""
    pages = {path: (root / path).read_text() for path in [*SECTIONS, *_refer()]}
    pages |= {path: page(path, pages[path]) for path in SECTIONS}
    written = {SCHEMA: schema.text(), PICTURE: picture(), PARAMETERS_FILE: parameters()}
    return {path: referenced(text) for path, text in pages.items()} | written


def update() -> None:
    """Write the files."""
    for path, text in files().items():
        (ROOT / path).write_text(text)


def verify(root: Path = ROOT) -> None:
    """Raise ToolError with the first file that does not match the code."""
    for path, text in files(root).items():
        if not (root / path).exists() or (root / path).read_text() != text:
            raise ToolError(f"{path}: does not match the code; run 'make update-reference' and commit the result")


def main(arguments: list[str]) -> int:
    """Run `update` or `verify`."""
    commands = {"update": update, "verify": verify}
    if len(arguments) != 1 or arguments[0] not in commands:
        say(f"usage: python -m tools.reference {'|'.join(commands)}")
        return 2
    try:
        commands[arguments[0]]()
    except (ToolError, OSError) as error:
        say(f"reference: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
