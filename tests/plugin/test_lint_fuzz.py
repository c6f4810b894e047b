"""Any input to `lint` gives findings or one line, in every format, and `--fix` changes the faulty values alone."""

from __future__ import annotations

import copy
import io
import json
import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer.main
import yaml
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from argocd_istio.commands import app
from argocd_istio.commands import lint as command
from argocd_istio.formats import FORMATS
from argocd_istio.lint import mend
from argocd_istio.lint.catalogue import examples
from argocd_istio.lint.rule import IGNORE
from argocd_istio.lint.rules import RULES
from argocd_istio.syntax.source import Mapping, Node, Source, SourceError, parse
from argocd_istio.syntax.splice import change
from tests.plugin import faults_around
from tests.plugin.cases import BOMB, MERGES, Called
from tests.plugin.fuzz import SEED, START, TIMES
from tests.plugin.renders import container, overlay
from tests.plugin.test_fuzz import TOKENS, mutated
from tests.plugin.test_lint_command import BROKEN, MENDED
from tests.render.merge import merged
from tests.render.render import Object
from tests.render.test_tree import RIGHT, WRONG, Files, write
from tests.work import no_hang

Report = Callable[[str, dict[str, int]], None]
BYTES, OBJECTS, FIXES, FOLDERS, BASELINES, ANNOTATIONS, OPTIONS = (
    TIMES * number for number in (400, 300, 130, 60, 200, 100, 100)
)
GIVEN = [
    ("--fail-on", "info"),
    ("--gateway-namespace", "istio-system"),
    ("--gateway-labels", "istio=ingressgateway"),
    ("--istio-version", "1.30"),
    ("--istio-version", "1.20"),
    ("--mesh", "sidecar"),
    ("--mesh", "none"),
    ("--istio-cni",),
    ("--tls-before-gateway",),
    ("--select", "A,C"),
    ("--ignore", "no-credential,K"),
]
JUNK: list[Any] = [
    *(None, True, False, 0, 1, -1, 443, 1 << 70, 1.5, "", " ", "x", "true", "no", "1e3", "0755", "*", "*.a.io", "~"),
    *(
        [],
        {},
        [[]],
        [None],
        [{}],
        {"a": None},
        {"": ""},
        ["*"],
        ["a/b"],
        "a/b",
        "./*",
        "a b",
        "\x7f",
        "é",
        "a\nb",
        "${X}",
    ),
    *("argocd-server", "argocd-server.argocd", "argocd", "istio-system", "HTTPS", "TLS", "SIMPLE", "MUTUAL", "https"),
    *("http://a.io", "https://[::1", "0s", "1h", "-1s", "9" * 400, "1.2.3.4/33", "::ffff:0/200", "^(", "(a+)+$", "%zz"),
    *("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "LS0tLS1CRUdJTg==", "a: [", "{{ x }}", "- a\n"),
]


class Runs:
    """Runs `lint`, and counts how often."""

    def __init__(self, call: Called) -> None:
        self._call, self.count = call, 0

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self.count += 1
        with no_hang():
            return self._call("lint", *words)


@pytest.fixture
def lint(call: Called, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs `lint`, with the command line read once."""
    made = typer.main.get_command(app)
    monkeypatch.setattr(typer.main, "get_command", lambda _: made)
    return Runs(call)


@cache
def renders() -> list[list[Object]]:
    """What a request meets in an overlay, with the example of a rule."""
    texts = [(rule.mode, text) for rule in RULES for text in examples(rule).values() if "/" not in rule.mode]
    texts += [row[2:] for row in (*faults_around.WRONG, *faults_around.SPARED)]
    found = []
    for mode, text in texts:
        objects = overlay(mode)
        container(objects)["env"] = [one for one in container(objects)["env"] if "INSECURE" in one["name"]]
        found.append(merged(objects, text))
    return found


def as_text(chance: random.Random, objects: list[Object]) -> str:
    """The objects as YAML, as JSON, or as a List."""
    form = chance.randrange(8)
    if form == 0:
        return yaml.dump_all(objects, Dumper=yaml.CSafeDumper)
    if form == 1:
        return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    return "---\n".join(f"{json.dumps(one)}\n" for one in objects)


def check(outcome: tuple[int, str, str], form: str) -> bool:
    """Whether the input was taken. The output is in its format, or there is one line on stderr and no output."""
    code, out, error = outcome
    assert "Traceback" not in error and all(line.isprintable() for line in error.splitlines())
    if code in (2, 3):
        assert out == "" and error.count("\n") == 1 and ": " in error, error
        return False
    assert code in (0, 1), outcome
    counts = 0
    if form == "json":
        counts = len(json.loads(out)["findings"])
    elif form == "sarif":
        counts = len(json.loads(out)["runs"][0]["results"])
    elif form == "junit":
        counts = int(ElementTree.fromstring(out.encode()).attrib["failures"])
    elif form == "github":
        counts = len(out.splitlines())
        assert all(
            re.match(r"::(error|warning|notice) file=[^,:]+(,line=\d+)?(,title=\w+)?::.", x) for x in out.splitlines()
        )
    assert form == "text" or code == 0 or counts
    assert all(line.isprintable() for line in out.splitlines() if form != "text")
    return True


def several(chance: random.Random) -> tuple[list[str], str]:
    """Options, and the format."""
    form = chance.choice(FORMATS)
    return [*(word for option in chance.sample(GIVEN, chance.randrange(4)) for word in option), "--format", form], form


def executions(count: int) -> Iterator[tuple[random.Random, int]]:
    """A source of chance for each execution; its number is in the message of a failure."""
    for number in range(count):
        chance = random.Random(f"{SEED} {number}")
        try:
            yield chance, number
        except GeneratorExit:
            print(f"seed {SEED}, execution {number}")
            raise


def test_any_bytes_end_in_findings_or_one_line(here: Path, lint: Runs, report: Report) -> None:
    seeds = [as_text(random.Random(1), one).encode() for one in renders()]
    seeds += [one.encode() for one in (BROKEN, BOMB, MERGES, *(row[0] for row in MENDED.values()))]
    taken = 0
    for chance, _ in executions(BYTES):
        (here / "a.yaml").write_bytes(mutated(chance, seeds))
        words, form = several(chance)
        taken += check(lint("a.yaml", *words), form)
    report(f"{START}lint, bytes", {"executions": lint.count, "taken": taken})
    assert taken > BYTES // 5, "most files break too early to reach the rules"


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every mapping and list with each of its keys."""
    if isinstance(value, dict | list):
        for key, inside in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from places(inside)


def damaged(chance: random.Random, objects: list[Object]) -> list[Object]:
    """The objects with one to six fields lost, changed, repeated or moved."""
    objects = copy.deepcopy(objects)
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        every = list(places(objects))
        if not every:
            break
        inside, key = chance.choice(every)
        kind = chance.randrange(6)
        if kind == 0:
            del inside[key]
        elif kind == 1:
            inside[key] = copy.deepcopy(chance.choice(JUNK))
        elif kind == 2:  # another value of this or another render
            other, place = chance.choice(every)
            inside[key] = copy.deepcopy(other[place])
        elif kind == 3 and isinstance(inside, list):
            inside.insert(chance.randrange(len(inside) + 1), copy.deepcopy(inside[key]))
        elif kind == 4 and isinstance(inside, list):
            chance.shuffle(inside)
        elif kind == 4 and isinstance(inside, dict):
            inside[chance.choice(("", "tls", "hosts", "name", "metadata", "spec", "http", "é", key))] = inside[key]
        else:
            objects += copy.deepcopy(chance.choice(renders()))[: chance.randrange(3)]
    return objects


def identity(item: Any) -> tuple[str, ...]:
    """What makes two objects the same."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    names = [metadata.get(key) for key in ("namespace", "name")] if isinstance(metadata, dict) else []
    group = str(item.get("apiVersion")).rpartition("/")[0] if isinstance(item, dict) else ""
    return (group, str(item.get("kind")) if isinstance(item, dict) else str(id(item)), *map(str, names))


def test_damaged_objects_are_judged_in_any_order(here: Path, lint: Runs, report: Report) -> None:
    counts = {"with findings": 0, "judged in two orders": 0}
    for chance, _ in executions(OBJECTS):
        objects = damaged(chance, chance.choice(renders()))
        (here / "a.yaml").write_text(as_text(chance, objects))
        words, form = several(chance)
        if not check(lint("a.yaml", *words), form):
            continue
        words[-1] = "json"
        first = json.loads(lint("a.yaml", *words)[1])
        counts["with findings"] += bool(first["findings"])
        # Of objects with the same name the last one counts, as for kubectl.
        if len({identity(one) for one in objects}) < len(objects):
            continue
        chance.shuffle(objects)
        (here / "a.yaml").write_text("---\n".join(f"{json.dumps(one)}\n" for one in objects))
        second = json.loads(lint("a.yaml", *words)[1])
        counts["judged in two orders"] += 1
        assert summary(first) == summary(second)
    report(f"{START}lint, objects", {"executions": lint.count, **counts})
    assert counts["judged in two orders"] > OBJECTS // 10


def summary(found: dict[str, Any]) -> tuple[list[str], Any]:
    """The findings without their lines, and the rules that were not checked."""
    return sorted(
        json.dumps([one[key] for key in ("rule", "object", "field", "message", "fix", "severity") if key in one])
        for one in found["findings"]
    ), found["not_checked"]


def mendable(chance: random.Random) -> str:
    """A file with a fault that has one safe answer, in some layout."""
    text = chance.choice(list(MENDED.values()))[0]
    form = chance.randrange(4)
    if form == 0:
        return text
    objects = [one for one in yaml.safe_load_all(text) if one]
    if chance.random() < 0.5:
        objects += copy.deepcopy(chance.choice(renders()))[:1]
    if form == 1:
        return as_text(chance, objects)
    unit, width = chance.choice((2, 4)), chance.choice((20, 80))
    text = yaml.safe_dump_all(objects, indent=unit, width=width, default_flow_style=chance.choice((None, False)))
    lines = text.splitlines(keepends=True)
    for number in range(chance.randrange(4)):
        at = chance.randrange(len(lines))
        lines[at] = lines[at].replace("\n", f"  # c{number}\n", 1)
    return "".join(lines).replace("\n", chance.choice(("\n", "\n", "\r\n")))


def accident(chance: random.Random, text: str) -> str:
    """The text, half of the time with something odd in it."""
    if chance.random() < 0.5:
        return text
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(TOKENS).decode(errors="replace") + text[at + chance.choice((0, 0, 1, 3)) :]


def read(text: str | bytes) -> list[Any]:
    """A file as another parser reads it."""
    data = text.encode() if isinstance(text, str) else text
    return list(YAML(typ="safe", pure=True).load_all(io.BytesIO(data)))


def set_at(value: Any, keys: tuple[str | int, ...], new: Any) -> None:
    """Set a field, or remove it and what that leaves empty."""
    *above, last = keys
    chain = [value]
    for key in above:
        chain.append(chain[-1][key])
    if new is not None:
        chain[-1][last] = new
        return
    del chain[-1][last]
    while above and not chain[-1]:
        chain.pop()
        del chain[-1][above.pop()]


def only_there(source: Source, number: int, keys: tuple[str | int, ...], new: bytes) -> None:
    """The lines before the field and after it are the same; a field that is left empty counts too."""
    node: Node | None = source.documents[number].root
    first = last = 0
    for key in keys:
        assert node
        inside = node.target
        at = inside.keys[key][0] if isinstance(inside, Mapping) and isinstance(key, str) else inside.get(key)
        assert at
        alone = isinstance(inside, Mapping) and len(inside.pairs) == 1
        first = first if alone and first else at.line
        node = inside.get(key)
        assert node
    assert node
    last = source.text[: node.end].count("\n") + 1
    old_lines, new_lines = source.text.encode().splitlines(True), new.splitlines(True)
    before, after = max(0, first - 2), max(0, len(old_lines) - last - 1)
    assert old_lines[:before] == new_lines[:before]
    assert after == 0 or old_lines[-after:] == new_lines[-after:]


def test_a_fix_is_exact_and_final(here: Path, lint: Runs, report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"changed": 0, "refused": 0}

    def watched(source: Source, number: int, keys: tuple[str | int, ...], value: Any) -> bytes:
        new = change(source, number, keys, value)
        if new != source.text.encode():
            only_there(source, number, keys, new)
            try:
                wanted = read(source.text)
            except YAMLError:  # such as a tab before a comment, which is right
                return new
            set_at(wanted[number], keys, value)
            assert read(new) == wanted
        return new

    monkeypatch.setattr(mend, "change", watched)
    file = here / "a.yaml"
    for chance, _ in executions(FIXES):
        file.write_bytes(data := accident(chance, mendable(chance)).encode(errors="replace"))
        code, out, error = lint("a.yaml", "--diff")
        assert file.read_bytes() == data
        if code == 2:
            continue
        shown = bool(out)
        code, out, error = lint("a.yaml", "--fix", "--format", "json")
        assert code in (0, 1) and json.loads(out)["findings"] is not None
        once = file.read_bytes()
        assert (once != data) == shown
        counts["changed"] += once != data
        counts["refused"] += "found" in error
        lint("a.yaml", "--fix")
        assert file.read_bytes() == once
    report(f"{START}lint --fix", {"executions": lint.count, **counts})
    assert counts["changed"] > FIXES // 4


def test_any_kustomization_ends_in_findings(
    tmp_path: Path, lint: Runs, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build is another render each time: the files and what is built need not fit together."""
    trees: list[Files] = [case[0] for case in WRONG.values()] + [case[0] for case in RIGHT.values()]
    texts = [text.encode() for files in trees for text in files.values()]
    built = parse(b"", "x")
    monkeypatch.setattr(command, "built", lambda *_: built)
    counts = {"with findings of K": 0}
    for chance, number in executions(FOLDERS):
        folder = tmp_path / str(number)
        files = chance.choice(trees)
        write(folder, files)
        for name in chance.sample(list(files), chance.choice((1, 1, 2)) if len(files) > 1 else 1):
            (folder / name).write_bytes(mutated(chance, [(folder / name).read_bytes(), *texts[:1]]))
        objects = damaged(chance, chance.choice(renders()))
        (folder / "own.yaml").write_text(as_text(chance, objects))
        built = parse(as_text(chance, objects).encode(), str(folder))
        words, form = several(chance)
        words += chance.choice(([], [], ["--fix"]))
        code, out, error = lint(str(folder), *words)
        assert code in (0, 1, 2) and "Traceback" not in error
        if code != 2 and "--fix" not in words:
            check((code, out, error), form)
        counts["with findings of K"] += bool(re.search(r"\bK\d\d\b", out))
    report(f"{START}lint, folders", {"executions": lint.count, **counts})


def test_any_baseline_is_used_or_refused(here: Path, lint: Runs, report: Report) -> None:
    (here / "a.yaml").write_text(BROKEN)
    assert lint("a.yaml", "--write-baseline", "known.json")[0] == 0
    seeds = [(here / "known.json").read_bytes(), b'{"findings": []}', b"[]", b'{"findings": [{"rule": "A09"}]}']
    seeds += [b'{"findings": [{"rule": [], "object": {}, "field": 1, "message": null}]}', b"[" * 5000]
    counts = {"used": 0, "written and read": 0}
    for chance, number in executions(BASELINES):
        if number % 4:
            (here / "a.yaml").write_text(BROKEN)
            (here / "known.json").write_bytes(mutated(chance, seeds))
            counts["used"] += check(lint("a.yaml", "--baseline", "known.json"), "text")
            continue
        (here / "a.yaml").write_text(as_text(chance, damaged(chance, chance.choice(renders()))))
        (here / "known.json").unlink()
        if lint("a.yaml", "--write-baseline", "known.json")[0] == 0:
            code, out, _ = lint("a.yaml", "--baseline", "known.json", "--format", "json")
            assert code == 0 and json.loads(out)["findings"] == []
            counts["written and read"] += 1
        else:
            (here / "known.json").touch()
    report(f"{START}lint, baselines", {"executions": lint.count, **counts})
    assert counts["used"] and counts["written and read"]


def test_only_a_reason_leaves_a_finding_out(here: Path, lint: Runs, report: Report) -> None:
    [gateway] = yaml.safe_load_all(BROKEN)
    counts = {"left out": 0}
    for chance, _ in executions(ANNOTATIONS):
        word = "".join(chance.choices("a \t\n\x7f\u200b:#'\"\\é", k=chance.randrange(5)))
        value: Any = chance.choice((word, word, chance.choice(JUNK)))
        name = IGNORE + chance.choice(("A09", "A09", "A09", "a09", "A0", "", "A099", "no-credential"))
        item = {**gateway, "metadata": {**gateway["metadata"], "annotations": {name: value}}}
        (here / "a.yaml").write_text(as_text(chance, [item]))
        code, out, _ = lint("a.yaml", "--format", "json", "--select", "A09")
        if code == 2:
            continue
        found = json.loads(out)
        # Kubernetes refuses a number, but it is text that somebody wrote.
        reason = (
            value is not None
            and not isinstance(value, dict | list)
            and any(map(str.isalnum, str(value)))
            and name == f"{IGNORE}A09"
        )
        assert (len(found["findings"]), found["suppressed"]) == ((0, 1) if reason else (1, 0)), (name, value)
        counts["left out"] += bool(reason)
    report(f"{START}lint, annotations", {"executions": lint.count, **counts})
    assert counts["left out"] > ANNOTATIONS // 10


def test_any_option_is_used_or_refused(here: Path, lint: Runs, report: Report) -> None:
    (here / "a.yaml").write_text(BROKEN)
    options = ["--gateway-namespace", "--gateway-labels", "--istio-version", "--mesh", "--select", "--ignore"]
    options += ["--fail-on", "--format", "--baseline", "--write-baseline"]
    words = [str(one) for one in JUNK if "\x00" not in str(one) and "/" not in str(one)]
    words += ["A", "A09", "A09,", ",", "a=b", "a=b,c", "=", "1.30", "1", "1.", "v1.2.3", "99999.1", "ambient", "error"]
    taken = 0
    for chance, _ in executions(OPTIONS):
        given = [text for _ in range(chance.randrange(1, 4)) for text in (chance.choice(options), chance.choice(words))]
        code, out, error = lint("a.yaml", *given)
        assert code in (0, 1, 2, 3) and "Traceback" not in error
        if code in (2, 3):
            assert out == "" and error.count("\n") == 1, (given, error)
        taken += code < 2
        for name in here.iterdir():
            if name.name != "a.yaml":
                name.unlink()
    report(f"{START}lint, options", {"executions": lint.count, "taken": taken})


def test_the_check_of_a_fix_sees_other_lines() -> None:
    """The guard above fails if a change reaches further than its field."""
    source = parse(b"a: 1\nb:\n  c: 2\n  d: 3\ne: 4\nf: 5\n", "f")
    only_there(source, 0, ("b", "c"), b"a: 1\nb:\n  c: 7\n  d: 3\ne: 4\nf: 5\n")
    for other in (b"a: 9\nb:\n  c: 7\n  d: 3\ne: 4\nf: 5\n", b"a: 1\nb:\n  c: 7\n  d: 3\ne: 4\nf: 9\n"):
        with pytest.raises(AssertionError):
            only_there(source, 0, ("b", "c"), other)
    with pytest.raises(SourceError):
        change(parse(b"a: &x 1\nb: *x\n", "f"), 0, ("b",), "2")
