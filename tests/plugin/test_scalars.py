"""Text that a reader would misread is recognized, and all readers read the written YAML the same way."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from argocd_istio.syntax.emit import needs_quotes, quoted, to_yaml
from argocd_istio.syntax.scalars import plain_reading, reading
from argocd_istio.syntax.source import Scalar, parse

TRAPS = {
    "the boolean": ["on", "Off", "yes", "NO", "y", "N", "true", "False"],
    "nothing": ["", "~", "null", "NULL"],
    "the merge key": ["<<"],
    "the default key": ["="],
    "the date": ["2001-01-01", "2001-99-99", "2001-1-1T2:00:00Z", "2001-12-14 21:59:43.10 -5"],
}
NUMBERS = "0755 1_000 12:30:45 0x1F 0o14 0b11 1e3 1.0e+3 +1 -0 .5 1. 685_230.15 .inf -.Inf .NaN 1e400"
TEXTS = ["cd.acme.io", "1.2.3", "0.a", "on.acme.io", "0x1G", "1e3x", "e3", "-a", "x:y", "2001-01-01x", "trueish"]


@pytest.mark.parametrize(
    ("what", "text"),
    [(what, text) for what, texts in TRAPS.items() for text in texts]
    + [("the number", text) for text in NUMBERS.split()],
)
def test_a_trap_is_named(what: str, text: str) -> None:
    assert plain_reading(text) == what
    assert needs_quotes(text)


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_text(text: str) -> None:
    assert plain_reading(text) == ""


def test_quotes_and_tag_str_make_any_value_text() -> None:
    root = parse(b"- 'on'\n- \"0755\"\n- !!str 1e3\n- ! on\n- |\n  on\n- !!int on\n- on\n", "f").documents[0].root
    found = [root.get(index) for index in range(7)] if root else []
    assert [reading(node) for node in found if isinstance(node, Scalar)] == [*[""] * 5, "the tag !!int", "the boolean"]


plain = st.text(st.sampled_from("0123456789abefnotxyzNOTEn_.:-+~<= "), max_size=12)


@given(plain)
def test_values_that_python_misreads_are_traps(text: str) -> None:
    tag = yaml.SafeLoader("").resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    assert tag.endswith(":str") or plain_reading(text), tag


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=20) | plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | plain, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_both_parsers_read_back_the_written_value(value: Any) -> None:
    text = to_yaml(value)
    assert yaml.load(text, yaml.SafeLoader) == value
    assert yaml.load(text, yaml.CSafeLoader) == value


@given(values)
def test_a_tree_is_written_as_it_was_read(value: Any) -> None:
    root = parse(yaml.safe_dump(value).encode(), "f").documents[0].root
    assert yaml.safe_load(to_yaml(root)) == value


def test_a_tree_keeps_scalars_and_expands_aliases() -> None:
    text = "a: 0755\nb: &x\n- on\n- 1e3\n- 2001-01-01\nc: *x\nd: !!int 'x'\ne: ''\nf:\n"
    written = to_yaml(parse(text.encode(), "f").documents[0].root)
    lists = "- on\n- 1e3\n- 2001-01-01\n"
    assert written == f'a: 0755\nb:\n{lists}c:\n{lists}d: !!int x\ne: ""\nf: null\n'
    assert yaml.safe_load("x: 2001-01-01") == {"x": datetime.date(2001, 1, 1)}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("cd.acme.io", "cd.acme.io"),
        ("./a", "./a"),
        ("on", '"on"'),
        ("a: b", '"a: b"'),
        ("\x1b\u2028", '"\\x1b\\u2028"'),
    ],
)
def test_text_is_quoted_only_if_needed(text: str, written: str) -> None:
    assert quoted(text) == written


def test_multiline_text_is_a_block_if_it_roundtrips() -> None:
    assert to_yaml({"a": "x\ny\n"}) == "a: |\n  x\n  y\n"
    for text in ("x\ny", " x\n", "x\n\n", "x\r\ny\n"):
        assert yaml.safe_load(to_yaml({"a": text})) == {"a": text}


def test_a_long_key_comes_back() -> None:
    value = {"k" * 2000: {"a": ["b", {"c": "d\ne\n"}]}, "x": {"ü" * 999: "y"}}
    assert yaml.load(to_yaml(value), yaml.CSafeLoader) == value
