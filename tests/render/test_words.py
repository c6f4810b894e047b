"""The prose uses the usual words: plain English, as CONTRIBUTING.md asks for."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from fnmatch import fnmatch

import pytest

from tests.render.render import ROOT

# Words and turns that make a sentence hard to read, and the usual ones. Only those with no good use here.
WORDS = {
    r"told": "declared, set, passed; says",
    r"said": "prints, states, names",
    r"anew": "again",
    r"befall(s|en)?|befell": "happens to",
    r"lack(s|ed|ing)?": "is missing, has no, without",
    r"holds?|held|holding": "contains, keeps, applies, is true",
    r"(be|is|are|was|were) had": "is available, exists",
    r"st(ands?|ood) (above|in|on|under|below|beside)|as it stands": "is in; as it is",
    r"affairs?": "concern; leave it to",
    r"but for|save for": "except",
    r"none ran": "skipped",
    r"lest": "so that ... not",
    r"(there|where|here)(of|in|by|upon|with)": "of it, in it, with it",
    r"whilst|amongst|aught|naught|ere|betwixt": "while, among, anything, nothing, before, between",
}
_ANY = re.compile("|".join(rf"\b(?:{word})\b" for word in WORDS), re.I)


def markdown(text: str) -> str:
    """Without code, and without the sections that are written from Python."""
    for code in (r"^ *```.*?^ *```", r"<!-- (\w+) -->.*?<!-- /\1 -->", r"`[^`\n]+`"):
        text = re.sub(code, lambda found: "\n" * found[0].count("\n"), text, flags=re.M | re.S)
    return text


def comments(text: str) -> str:
    """What is after the first `#` of each line."""
    return "\n".join(line.partition("#")[2] for line in text.splitlines())


# The files that are read, and what is prose in them. In Python names are prose too.
PROSE: dict[str, Callable[[str], str]] = {
    "*.md": markdown,
    "*.yaml": comments,
    "*.sh": comments,
    "*.conf": comments,
    "Makefile": comments,
    "*.py": lambda text: text.replace("_", " "),
}
NOT_READ = ("tests/render/test_words.py",)


def usual(word: str) -> str:
    return next(usual for odd, usual in WORDS.items() if re.fullmatch(odd, word, re.I))


def found(path: str, text: str) -> list[str]:
    return [
        f'{path}:{number}: found "{word[0]}", expected another word, for example: {usual(word[0])}'
        for number, line in enumerate(text.splitlines(), 1)
        for word in _ANY.finditer(line)
    ]


def test_the_prose_uses_the_usual_words() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [path for path in listing.stdout.split("\0") if (ROOT / path).is_file() and path not in NOT_READ]
    wrong = [
        line
        for path in paths
        for pattern, prose in PROSE.items()
        if fnmatch(path, pattern)
        for line in found(path, prose((ROOT / path).read_text()))
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("a.md", "It is told\nanew: `anew`\n```sh\nlacks\n```\n<!-- a -->\nholds\n<!-- /a -->\nHeld.\n", [1, 2, 9]),
        ("a.yaml", "told: anew\n# A key that lacks a value\nkey: 1  # holds\n", [2, 3]),
        ("Makefile", "up: ## what this system lacks\n\tanew\n", [1]),
        ("a.md", "The household is threefold, and a placeholder.\n", []),
    ],
)
def test_words_are_found_in_prose_only(path: str, text: str, words: list[int]) -> None:
    [prose] = [prose for pattern, prose in PROSE.items() if fnmatch(path, pattern)]
    assert [int(line.split(":")[1]) for line in found(path, prose(text))] == words


def test_names_of_tests_have_eight_words() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    names = [name for file in files for name in re.findall(r"^def test_(\w+)", file.read_text(), re.M)]
    assert [name for name in names if name.count("_") > 7] == [] != names
