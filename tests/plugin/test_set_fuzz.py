"""Random Exposures and broken files: a change is exact, can be set back, or is refused with one line."""

from __future__ import annotations

import io
import random
import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from argocd_istio.syntax.source import SourceError
from tests.plugin.exposures import HEAD, set_field
from tests.plugin.test_edit import CHANGES, FRAMES, REFUSALS
from tests.work import MOST_A_BYTE, no_hang, steps_a_byte

Report = Callable[[str, dict[str, int]], None]
HOSTS = ["a.x.io", "b.x.io", "cd.acme.io", "3scale.acme.io", "1e3.io", "xn--bcher-kva.example"]
NAMES = ["cert", "12", "1e3", "0755", "null", "a.b", "on"]
LABELS = ["istio=edge", "istio=on", "app=", "app.kubernetes.io/name=gateway", "y=1"]


def independent_reading(data: bytes) -> list[Any]:
    """A file read by another parser, with the rules of YAML 1.2."""
    yaml = YAML(typ="safe", pure=True)
    return list(yaml.load_all(io.BytesIO(data)))


def expected_change(documents: list[Any], what: str) -> None:
    """Apply the change of `set WHAT` to the parsed values."""
    (spec,) = (
        one["spec"] for one in documents if isinstance(one, dict) and str(one.get("kind")).startswith("Exposure")
    )
    field, *values = what.split()
    if field == "host":
        spec["hosts"] = values
    elif field == "url":
        spec["url"] = values[0]
    elif field == "secret-name":
        spec.setdefault("tls", {})["secretName"] = values[0]
    else:
        spec.setdefault("gateway", {})["selector"] = dict(value.split("=") for value in values)


def former_value(documents: list[Any], what: str) -> str:
    """What sets the field back."""
    (spec,) = (
        one["spec"] for one in documents if isinstance(one, dict) and str(one.get("kind")).startswith("Exposure")
    )
    field = what.split()[0]
    if field == "host":
        return " ".join(["host", *spec["hosts"]])
    if field == "url":
        return f"url {spec['url']}" if "url" in spec else "unset url"
    if field == "secret-name":
        return f"secret-name {spec['tls']['secretName']}" if "tls" in spec else "unset secret-name"
    if "gateway" not in spec:
        return "unset selector"
    return " ".join(["selector", *("=".join(pair) for pair in spec["gateway"]["selector"].items())])


hosts = st.lists(st.sampled_from(HOSTS), min_size=1, max_size=4, unique=True)
labels = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique_by=lambda label: label.split("=")[0])
commands = st.one_of(
    hosts.map(lambda values: " ".join(["host", *values])),
    st.sampled_from(HOSTS).map(lambda host: f"url https://{host}"),
    st.sampled_from(NAMES).map(lambda name: f"secret-name {name}"),
    labels.map(lambda values: " ".join(["selector", *values])),
)


@st.composite
def files(draw: st.DrawFn, tidy: bool) -> bytes:
    """The file of a person who has a style; `tidy` has no comments and blank lines inside lists and mappings."""
    unit, dash = draw(st.sampled_from(["  ", "    "])), draw(st.sampled_from(["", "  "]))
    quote = draw(st.sampled_from(["", "'", '"']))

    def text(value: str, plain: str = quote) -> str:
        misread = value in ("12", "1e3", "0755", "null", "on", "1", "y", "")
        mark = plain or ("'" if misread else "")
        return f"{mark}{value}{mark}"

    def note() -> str:
        return "" if tidy else draw(st.sampled_from(["", "", " # why", "\n# a line", "\n", "\n        # deep"]))

    def some_quote() -> str:
        return quote if tidy else draw(st.sampled_from([quote, quote, "'", '"']))

    chosen = draw(hosts)
    lines = []
    if draw(st.booleans()):
        lines.append(f"{unit}hosts:" + note())
        lines += [f"{unit}{dash}- {text(host, some_quote())}" + note() for host in chosen]
    else:
        comma = ", " if tidy else draw(st.sampled_from([", ", ",", " , ", f",\n{unit * 2}"]))
        lines.append(f"{unit}hosts: [" + comma.join(text(host, some_quote()) for host in chosen) + "]" + note())
    fields = []
    if draw(st.booleans()):
        fields.append([f"{unit}url: {text('https://a.x.io')}" + note()])
    if draw(st.booleans()):
        name = draw(st.sampled_from(NAMES))
        fields.append(
            [f"{unit}tls: {{secretName: {text(name)}}}"]
            if draw(st.booleans())
            else [f"{unit}tls:" + note(), f"{unit * 2}secretName: {text(name)}" + note()]
        )
    if draw(st.booleans()):
        pairs = [label.split("=") for label in draw(labels)]
        keys = [f"{text(key, '')}: {text(value)}" for key, value in pairs]
        fields.append(
            [f"{unit}gateway: {{selector: {{{', '.join(keys)}}}}}"]
            if draw(st.booleans())
            else [f"{unit}gateway:", f"{unit * 2}selector:", *(f"{unit * 3}{key}" + note() for key in keys)]
        )
    fields = draw(st.permutations([lines, *fields]))
    head, _, tail = FRAMES[draw(st.sampled_from(sorted(FRAMES)))]
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    body = "\n".join(line for field in fields for line in field)
    last = "\n" if tail else draw(st.sampled_from(["\n", "", "\n\n"]))
    return (head + HEAD + body + last + tail).replace("\n", end).encode()


def check_change(data: bytes, what: str) -> bool:
    """Whether there was anything to change; fails if more than that changed, or if it cannot be set back."""
    new = set_field(data, what)
    documents = independent_reading(data)
    back = former_value(documents, what)
    expected_change(documents, what)
    assert independent_reading(new) == documents
    assert set_field(new, what) == new
    if new != data:
        assert set_field(new, back) == data
    return new != data


PROPERTY = settings(max_examples=400)


def test_tidy_files_take_every_change_and_revert(report: Report) -> None:
    counts = {"changed": 0, "refused": 0}

    @PROPERTY
    @given(files(tidy=True), commands)
    def test(data: bytes, what: str) -> None:
        try:
            counts["changed"] += check_change(data, what)
        except SourceError as error:
            # Needed and unneeded single quotes cannot be distinguished.
            assert b"'" in data and "a layout that would be lost" in str(error)
            counts["refused"] += 1

    test()
    assert counts["refused"] < counts["changed"] / 5
    report("set, properties in tidy files", counts)


def test_any_file_is_changed_reversibly_or_refused(report: Report) -> None:
    counts = {"changed": 0, "refused": 0}

    @PROPERTY
    @given(files(tidy=False), commands)
    def test(data: bytes, what: str) -> None:
        try:
            counts["changed"] += check_change(data, what)
        except SourceError as error:
            assert re.match(r"f:[1-9]\d*:[1-9]\d*: found ", str(error))
            counts["refused"] += 1

    test()
    assert counts["changed"] > 50
    report("set, properties in any file", counts)


# ---- broken files

EXECUTIONS = 50_000
COUNTED = 10  # only one example in this many, because counting is slow
PIECES = [
    *"#:-,?&*!|>'\"%@`{}[]~=\\ \t\n\r",
    *("\r\n", ": ", " #x", "- ", "&a ", "*a", "!!str ", "!x ", "<<: ", "---\n", "...\n", "%YAML 1.2\n", "|-\n", ">+\n"),
    *("\ufeff", "\x85", "\u2028", "\0", "\x1b", "\ud800", "\U0001f600", "{{ x }}", "null", "12", "0x1F", "[[", "{a: "),
    *("  hosts:\n", "spec:\n", "kind: Exposure\n", "a.x.io", "https://", "tls: {}", "<<: *a\n", "? ", "on", "\u200d"),
]
WHAT = [
    *("host a.x.io", "host b.x.io a.x.io", "host a.x.io b.x.io c.x.io", "url https://b.x.io", "secret-name other"),
    *("secret-name 12", "secret-name --host a.x.io cert-a", "selector istio=edge", "selector app=on istio=x"),
    *("unset url", "unset secret-name", "unset selector"),
]


def broken(chance: random.Random, text: str) -> str:
    """A text with one to four accidents."""
    for _ in range(chance.randint(1, 4)):
        at, length = chance.randrange(len(text) + 1), chance.choice([0, 0, 1, 2, 8, 40])
        match chance.randrange(6):
            case 0:  # lost
                text = text[:at] + text[at + length :]
            case 1:  # twice
                text = text[:at] + text[at : at + length] * 2 + text[at + length :]
            case 2:  # a line in another place
                lines = text.splitlines(keepends=True)
                if lines:
                    lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
                text = "".join(lines)
            case 3:  # another indentation
                lines = text.splitlines(keepends=True)
                if lines:
                    number = chance.randrange(len(lines))
                    lines[number] = lines[number].lstrip(" ") if chance.random() < 0.5 else "  " + lines[number]
                text = "".join(lines)
            case _:
                text = text[:at] + chance.choice(PIECES) + text[at + length * chance.randrange(2) :]
    return text


def refused(data: bytes, what: str) -> bool:
    try:
        set_field(data, what)
    except SourceError:
        return True
    return False


def test_a_broken_file_is_changed_exactly_or_refused(
    report: Callable[[str, dict[str, int]], None],
) -> None:
    chance = random.Random(4)
    texts = [
        head + HEAD + text + tail
        for head, _, tail in FRAMES.values()
        for before, _, after, _ in CHANGES.values()
        for text in (before, after)
    ] + [text for text, _, _ in REFUSALS.values()]
    changed = refusals = slowest = 0
    most = 0.0
    for number in range(EXECUTIONS):
        data = broken(chance, chance.choice(texts)).encode(errors="surrogatepass")
        what = chance.choice(WHAT)
        if number % COUNTED == 0:
            most = max(most, steps_a_byte(partial(refused, what=what), data))
        start = time.perf_counter()
        try:
            with no_hang():
                new = set_field(data, what)
        except SourceError as error:
            refusals += 1
            assert str(error).isprintable() and len(str(error)) < 2000
            continue
        finally:
            slowest = max(slowest, round((time.perf_counter() - start) * 1000))
        if new != data:
            changed += 1
            assert set_field(new, what) == new
    counts = {"executions": EXECUTIONS, "changed": changed, "refused": refusals, "slowest (ms)": slowest}
    report("set, fuzz", {**counts, "most steps a byte": round(most)})
    assert 0 < most < MOST_A_BYTE
    assert changed > EXECUTIONS / 20
