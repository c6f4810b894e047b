"""Write what docs/plugin.md and the package say of the code: the table of fields, the JSON Schema.

python -m tools.reference update|verify
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from argocd_istio import schema
from argocd_istio.exposure import FIELDS, Field
from tools.build import HERE, ToolError, say

ROOT = HERE.parent
PAGE = Path("docs/plugin.md")
SCHEMA = Path("plugin/src/argocd_istio") / schema.FILE


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


SECTIONS = {"fields": fields}
"""What stands in docs/plugin.md between `<!-- NAME -->` and `<!-- /NAME -->`."""


def page(text: str) -> str:
    """The page with its sections written anew. Raises ToolError where one has no place."""
    for name, write in SECTIONS.items():
        found = re.search(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, re.S)
        if not found:
            raise ToolError(f"{PAGE}: no <!-- {name} --> and <!-- /{name} --> found; put them where the section goes")
        text = text[: found.start()] + "\n" + write() + "\n\n" + text[found.end() :]
    return text


def files(root: Path = ROOT) -> dict[Path, str]:
    """The text of every file that is written, by its path from the root."""
    return {PAGE: page((root / PAGE).read_text()), SCHEMA: schema.text()}


def update() -> None:
    """Write the files."""
    for path, text in files().items():
        (ROOT / path).write_text(text)


def verify(root: Path = ROOT) -> None:
    """Raise ToolError, naming the first file that is not what the code gives."""
    for path, text in files(root).items():
        if not (root / path).exists() or (root / path).read_text() != text:
            raise ToolError(f"{path}: not what the code gives; run 'make update-reference' and commit the result")


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
