"""YAML is read as trees with source positions, and every read error is one line."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest

from argocd_istio.syntax.source import (
    LIMITS,
    Alias,
    Document,
    Limits,
    Mapping,
    Node,
    Scalar,
    Sequence,
    Source,
    SourceError,
    parse,
    visible,
)
from tests.plugin.cases import BOMB, MERGES
from tests.work import LINEAR, growth, steps


def load(text: str, limits: Limits = LIMITS) -> Source:
    return parse(text.encode(), "f.yaml", limits)


def scalars(node: Node | None) -> list[Scalar]:
    """Every scalar of a tree, keys too, in the file's order; aliases are not followed."""
    if isinstance(node, Scalar):
        return [node]
    if isinstance(node, Mapping):
        return [scalar for pair in node.pairs for one in pair for scalar in scalars(one)]
    return [scalar for item in node.items for scalar in scalars(item)] if isinstance(node, Sequence) else []


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a: b", ["a", "b"]),
        ("\ufeffa: b", ["a", "b"]),
        ("ü: 𝄞x\nb: [c,d]", ["ü", "𝄞x", "b", "c", "d"]),
        ("a: 'it''s'\r\nb: \"x\\n\"", ["a", "'it''s'", "b", '"x\\n"']),
        ("a: &x !!str  # why\n  # more\n  'v'", ["a", "'v'"]),
        ("a: !Ref [&y b]", ["a", "b"]),
        ("a: &x\nb: *x", ["a", "", "b"]),
        ("a:\n- {b: c}\n---\nd: |\n  e\n  f\ng: h", ["a", "b", "c", "d", "|\n  e\n  f\n", "g", "h"]),
        ("a: b c # d", ["a", "b c"]),
        ("a: b\n  c\n", ["a", "b\n  c"]),
    ],
)
def test_a_scalars_span_is_its_source_text(text: str, spans: list[str]) -> None:
    source = load(text)
    found = [scalar for document in source.documents for scalar in scalars(document.root)]
    assert [source.text_of(scalar) for scalar in found] == spans


def test_lines_and_columns_count_from_one() -> None:
    source = load("a: 1\r\nb:\r\n- ü: &x\r\n   'c'\n")
    assert [(one.value, one.line, one.column) for one in scalars(source.documents[0].root)] == [
        ("a", 1, 1),
        ("1", 1, 4),
        ("b", 2, 1),
        ("ü", 3, 3),
        ("c", 4, 4),
    ]


def test_a_path_leads_through_aliases() -> None:
    root = load("a: &x {b: [c, d]}\ne: *x\n").documents[0].root
    assert root
    found = root.find("e", "b", 1)
    assert isinstance(found, Scalar) and found.value == "d"
    assert isinstance(root.find("e"), Alias)
    assert root.find("e", "b", 2) is None and root.find("a", "x") is None and root.find("a", "b", "c", "d") is None


def test_documents_have_spans_and_empty_ones_no_root() -> None:
    source = load("# head\n---\na: 1\n---\n...\n---\nb: 2\n")
    assert [document.root is None for document in source.documents] == [False, True, False]
    assert [(document.line, source.text[document.start :][:3]) for document in source.documents] == [
        (2, "---"),
        (4, "---"),
        (6, "---"),
    ]
    assert load("").documents == [] and load("# only\n\n").documents == []


def test_style_tag_anchor_and_flow_are_kept() -> None:
    root = load("a: 'b'\nc: &n !Ref >\n  d\ne: {f: [g]}\n").documents[0].root
    assert root
    quoted, folded, flow = root.find("a"), root.find("c"), root.find("e")
    assert isinstance(quoted, Scalar) and isinstance(folded, Scalar) and isinstance(flow, Mapping)
    assert (quoted.style, folded.style, folded.tag, folded.anchor) == ("'", ">", "!Ref", "n")
    assert flow.flow and not root.flow if isinstance(root, Mapping) else False


def test_nodes_foreign_to_kubernetes_are_noted() -> None:
    source = load("a: !Ref b\nc: !!binary aGk=\n? [k]\n: v\nd: !!str e\nf: !!int '1'\n")
    assert [source.text_of(node) for node in source.odd] == ["b", "aGk=", "[k]"]


REFUSED = [
    # (text, place, a part of the line)
    ("a: 1\na: 2", "2:1", "the key 'a' a second time; it is on line 1 too"),
    ("a: *.example.com", "1:5", "quote a value that begins with \\*"),
    ("a: *x", "1:4", "the alias \\*x without an anchor"),
    ("&a [*a]", "1:5", "inside its own anchor"),
    ("a: &x\n  b: *x", "2:6", "inside its own anchor"),
    ("\ta: 1", "1:1", "indent with spaces"),
    ("a:\n\t- b", "2:1", "indent with spaces"),
    ("a: @x", "1:4", "quote the value"),
    ("a: b: c", "1:5", "mapping values are not allowed"),
    ("x: [1, 2", "2:1", "on line 1"),
    ("{{- if x }}\na: b\n{{ end }}", "1:3", "looks like a template"),
    ("a: \x1b[31m", "1:4", r"control character U\+001B"),
    ("a: \x00", "1:4", r"U\+0000"),
    ("a: \x7f", "1:4", r"U\+007F"),
    ('a: "\\ud800"', "1:", "."),
    ("%YAML 3.0\n---\na: b", "1:1", "."),
    ("a: 'b", "2:1|1:6", "."),
]


@pytest.mark.parametrize(("text", "place", "words"), REFUSED)
def test_unreadable_input_gives_one_line_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as error:
        load(text)
    line = str(error.value)
    assert any(line.startswith(f"f.yaml:{one}") for one in place.split("|")), line
    assert line.isprintable() and ": found " in line and ", expected " in line and "; " in line


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: \xff", r"f.yaml:1:4: found a byte that is not UTF-8 at byte 3 \(0xff\)"),
        ("ä: \u00fc".encode("latin-1"), "not UTF-8 at byte 0"),
        (b"a: 1\r\nb: \xc3", "f.yaml:2:4: .* at byte 9"),
        (b"\xed\xa0\x80", "not UTF-8"),
        ("a: b".encode("utf-16"), "found UTF-16, expected UTF-8"),
        ("\ufeffa: b".encode("utf-16-be"), "found UTF-16, expected UTF-8"),
    ],
)
def test_invalid_utf8_is_refused_with_its_byte(data: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        parse(data, "f.yaml")


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\t# c",
        "a: 1 # c\t",
        '{"a": [1, {"b": null}]}',
        "%YAML 1.1\n---\na: b\n...\n",
        "a: &x b\nc: *x",
        "<<: {a: b}\n<<: {c: d}",
        "a: 2001-99-99\nb: " + "9" * 5000,
        "a: = \nb: <<",
        "a:\x85  b",
        "!!python/object:os.system {a: b}",
    ],
)
def test_all_valid_yaml_is_read(text: str) -> None:
    assert load(text).documents


MORE = "\nmore: [" + "x," * 50_000 + "]"


@pytest.mark.parametrize(
    ("text", "values", "words"),
    [
        (BOMB + MORE, 140, "values, expected"),
        (MERGES + MORE, 160, "values, expected"),
        ("a: &a b\nc: [" + "*a," * 100_000 + "]", 10_001, "alias number 10001"),
        ("[" * 2000, 101, "nesting > 100"),
        ("[" * 100_000, 101, "nesting > 100"),
        ("{a: " * 900, 201, "nesting > 100"),
        ("\n".join(" " * n + "a:" for n in range(1500)), 201, "nesting > 100"),
        ("- " * 50_000, 101, "nesting > 100"),
        ("- &a " + "[" * 60 + "]" * 60 + "\n- " + "[" * 60 + "*a" + "]" * 60 + "\n- x" * 50_000, 182, "nesting > 100"),
        ("a: '" + "x" * (1 << 20) + "x'" + MORE, 2, "a value of 1048577 characters"),
        ("---\n" * 200_000, 50_001, "more than 50000 documents"),
    ],
    ids=["bomb", "merges", "aliases", "flow", "deep flow", "maps", "blocks", "lists", "anchors", "scalar", "documents"],
)
def test_a_limit_bounds_the_work_and_the_memory(text: str, values: int, words: str) -> None:
    """`values` are those before the refused place; the rest must not be read."""
    tracemalloc.start()
    with pytest.raises(SourceError, match=words):
        load(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    def again() -> None:
        with suppress(SourceError):
            load(text)

    assert steps(again) < 100 * (values + 10) and peak < 100 << 20


def test_large_but_allowed_files_are_read() -> None:
    load("[" * 100 + "]" * 100)
    load("a: '" + "x" * (1 << 20) + "'")
    load("a: |\n  " + "x" * (2 << 20))


def test_levels_are_counted_through_aliases() -> None:
    def nested(levels: int) -> str:
        return f"- &a {'[' * 50}x{']' * 50}\n- {'[' * levels}*a{']' * levels}\n- &b y\n- {'[' * 99}*b{']' * 99}\n"

    load(nested(49))
    with pytest.raises(SourceError, match="nesting > 100"):
        load(nested(50))


def test_an_oversized_file_is_refused_before_parsing() -> None:
    with pytest.raises(SourceError, match="found 11 bytes, expected at most 10"):
        load("\x00" * 11, Limits(bytes=10))


def test_reading_takes_steps_in_proportion_to_the_size() -> None:
    def text(count: int) -> str:
        return "".join(f"- &a{n} name: n{n}\n  value: 'text {n}' # why\n- *a{n}\n" for n in range(count))

    assert 8 < growth(load, text(500), text(5_000)) < LINEAR


@pytest.mark.parametrize(
    "text", ["x: *" + "a" * 100_000, "? " + "k" * 100_000 + "\n: a\n? " + "k" * 100_000 + "\n: b\n"]
)
def test_long_values_are_cut_in_the_line(text: str) -> None:
    with pytest.raises(SourceError) as error:
        load(text)
    assert len(str(error.value)) < 1000


def test_control_characters_are_shown_as_escapes() -> None:
    assert visible("a\x1b[31m\r\n\u202e\ud800ü") == "a\\x1b[31m\\r\\n\\u202e\\ud800ü"


def test_a_document_without_content_says_so() -> None:
    assert Document(0, 1).root is None
