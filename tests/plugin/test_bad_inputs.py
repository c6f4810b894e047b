"""Each kind of bad input to the function and to lint: exit code, text on stderr, and content of stdout.

The numbers are those of the project's list of bad inputs.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio import API_VERSION
from argocd_istio.formats import FORMATS
from tests.plugin.cases import BOMB, MERGES, Called, exposure, generator, resource_list, run
from tests.work import HANG
from tools.build import program

GOOD = generator(hosts=["cd.acme.io"])
HEAD = "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


def config(spec: str, metadata: str = "{name: argocd}") -> str:
    """A ResourceList with a literal configuration, which kustomize would write differently."""
    lines = exposure(spec, metadata=metadata).splitlines()
    return HEAD + "items: []\nfunctionConfig:\n" + "".join(f"  {line}\n" for line in lines)


def host(text: str) -> str:
    return config(f"hosts:\n- {text}")


def items(text: str) -> bytes:
    return resource_list(GOOD, []).replace(b'"items": []', f"items:{text}".encode())


def item(text: str) -> bytes:
    return items(f"\n- {text}")


Case = tuple[str, bytes | str, str]

UNREADABLE: list[Case] = [
    # (rows, input, text on stderr): exit 2 and nothing on stdout
    (
        "1",
        b"",
        "stdin: found nothing, expected a ResourceList; kustomize gives one; to check a file: argocd-istio check FILE",
    ),
    ("2", b"  \n\n", "stdin: found nothing"),
    ("2", b"# only\n---\n", "stdin: found nothing"),
    ("4", b"- a\n", "stdin:1:1: found a list, expected a ResourceList"),
    ("4", b"text\n", 'stdin:1:1: found the text "text"'),
    ("4", b"12\n", "stdin:1:1: found the number 12"),
    ("4", b"null\n", "stdin:1:1: found nothing"),
    ("4", b"{}\n", "stdin:1:1: found no kind"),
    (
        "5",
        b"apiVersion: apps/v1\nkind: Deployment\n",
        "found kind Deployment, expected a ResourceList; to check a file: argocd",
    ),
    (
        "6",
        b"apiVersion: config.kubernetes.io/v1alpha1\nkind: ResourceList\n",
        "found apiVersion config.kubernetes.io/v1alpha1",
    ),
    ("6", b"apiVersion: v1\nkind: ResourceList\n", "found apiVersion v1"),
    ("6", b"kind: ResourceList\n", "found no apiVersion"),
    ("8", items(" {a: b}"), "found a mapping at items, expected a list"),
    ("8", items(" text"), 'found the text "text" at items'),
    ("9", items("\n- \n- {}"), "found nothing at items[0], expected an object"),
    ("9", item("null"), "found nothing at items[0]"),
    ("10", items("\n- {}\n- text"), 'found the text "text" at items[1]'),
    ("10", item("[a]"), "found a list at items[0]"),
    ("23", host("*.example.com"), "quote a value that begins with *"),
    ("33", HEAD + HEAD, "stdin:3:1: found the key 'apiVersion' a second time; it is on line 1 too"),
    ("33", config("hosts: [a.b]\nhosts: [c.d]"), "the key 'hosts' a second time; it is on line "),
    ("34", items("\n- &a {apiVersion: v1, kind: A, metadata: {name: a}}\n- *a"), "found A a a second time at items[1]"),
    ("35", HEAD + BOMB, "found alias number "),
    ("36", HEAD + MERGES, "found alias number "),
    ("36", HEAD + "items: &a [*a]\n", "the alias *a inside its own anchor"),
    ("38", b"[" * 2000, "nesting > 100"),
    ("38", "".join(f"{' ' * n}a:\n" for n in range(1500)), "nesting > 100"),
    ("38", "{a: " * 900, "nesting > 100"),
    ("40", HEAD + "items: !!python/object/apply:os.system [id]\n", "found the tag !!python/object/apply:os.system"),
    ("40", config("hosts: [!Ref a]"), "found the tag !Ref"),
    ("41", config("hosts: [!!binary YS5i]"), "found the tag !!binary"),
    ("41", config("hosts: !!set {a.b}"), "found the tag !!set"),
    ("41", config("url: !!timestamp 2001-01-01"), "found the tag !!timestamp"),
    ("41", config("? [a]\n: b"), "found a list as a key"),
    ("42", HEAD + "items:\n\t- a\n", "stdin:4:1: found invalid YAML"),
    ("43", b"\xffa: b", "not UTF-8 at byte 0"),
    ("43", HEAD.encode() + "# é".encode("latin-1"), "not UTF-8 at byte"),
    ("44", HEAD.encode("utf-16"), "found UTF-16, expected UTF-8"),
    ("45", HEAD + "a: \x00", "control character U+0000"),
    ("45", HEAD + "a: \x7f", "control character U+007F"),
    ("45", HEAD + "a: \x1b[2J", "control character U+001B"),
    ("45", HEAD + 'a: "\\ud800"\n', "invalid Unicode character"),
    ("51", "{{- if .Values.x }}\nkind: ResourceList\n{{ end }}\n", "looks like a template"),
    ("51", HEAD + "---\n" + HEAD, "found a second document"),
    ("56", "#" * (64 << 20) + "#", "expected at most 67108864"),
]

MISTAKES: list[Case] = [
    # (rows, input, text on stderr): exit 2 and a ResourceList with results
    ("16", resource_list(None), "functionConfig: found nothing, expected an ExposureGenerator"),
    ("16", HEAD + "functionConfig: null\n", "functionConfig: found nothing"),
    (
        "17",
        resource_list(CONFIG_MAP | {"data": {"host": "a.b"}}),
        'ConfigMap: kind: found the text "ConfigMap", expected',
    ),
    ("18", config("host: a.b"), "did you mean hosts?"),
    ("18", config("hostname: a.b"), "did you mean hosts?"),
    ("18", config("hosts: [a.b]\ntls: {secretname: x}"), "did you mean secretName?"),
    ("18", config("hosts: [a.b]\ngateway: {slector: {a: b}}"), "did you mean selector?"),
    ("19", resource_list(GOOD | {"kind": "Exposure"}), 'kind: found the text "Exposure", expected ExposureGenerator'),
    (
        "19",
        resource_list(GOOD | {"apiVersion": "argocd-istio.github.io/v1"}),
        'apiVersion: found the text "argocd-istio',
    ),
    ("19", HEAD + "functionConfig: text\n", 'found the text "text", expected ExposureGenerator'),
    ("19", HEAD + "functionConfig: []\n", "found an empty list, expected ExposureGenerator"),
    *[
        ("20", host(text), f'spec.hosts[0]: found the boolean {text}, expected a host name; quote it: "{text}"')
        for text in ("on", "yes", "NO", "y")
    ],
    *[
        ("21", host(text), f"spec.hosts[0]: found the number {text}, expected a host name")
        for text in ("1e3", "0755", "1_000", "12:30:45", "0x1F", ".inf")
    ],
    ("21", host("2001-01-01"), "spec.hosts[0]: found the date 2001-01-01, expected a host name; quote it"),
    # The form of on, 0755 and 2001-01-01 after kustomize, as the function gets them.
    ("20", host('"on"'), 'spec.hosts[0]: found the single label "on"'),
    ("21", host("493"), "spec.hosts[0]: found the number 493, expected a host name; quote the value in the file"),
    ("21", host('"2001-01-01T00:00:00Z"'), "spec.hosts[0]: found the date 2001-01-01, expected a host name; quote it"),
    ("22", host("null"), "spec.hosts[0]: found nothing"),
    ("22", host(""), "spec.hosts[0]: found nothing"),
    ("22", host('""'), "spec.hosts[0]: found an empty text"),
    ("22", host('"   "'), "spec.hosts[0]: found a text of 3 spaces"),
    ("22", host("[a.b]"), "spec.hosts[0]: found a list"),
    ("22", host("{a: b}"), "spec.hosts[0]: found a mapping"),
    ("22", config("hosts: null"), "spec.hosts: found nothing"),
    ("23", host('"*.example.com"'), 'found the wildcard "*.example.com"'),
    ("24", host("https://cd.acme.io:8443/x"), "write cd.acme.io"),
    ("24", host("me@cd.acme.io"), "write cd.acme.io"),
    ("24", host("cd acme.io"), "write the name alone"),
    ("24", host('"cd\\n.acme.io"'), 'found several lines in "cd\\n.acme.io"'),
    ("24", host('"cd\\t.acme.io"'), 'found invisible characters in "cd\\t.acme.io"'),
    ("25", host("CD.acme.io"), "found upper case"),
    ("25", host("cd.acme.io."), "found a final dot"),
    ("26", host("münchen.de"), "write xn--mnchen-3ya.de"),
    ("26", host('"c\u200dd.acme.io"'), "\\u200d"),
    ("26", host("p\u0430ypal.com"), "write xn--pypal-4ve.com"),
    ("26", host("xn--zzzzzzzz99999999.de"), "which does not decode"),
    ("27", host(f"{'a' * 64}.io"), "found 64 characters"),
    ("27", host(".".join(["a" * 63] * 3 + ["b" * 62])), "found a host of 254 characters"),
    ("28", host("10.0.0.1"), "found the IP address"),
    ("28", host('"[::1]"'), "found the IP address"),
    ("28", host('"2130706433"'), "found the IP address"),
    ("28", host('"0x7f000001"'), "found the IP address"),
    ("29", config("hosts: [a.b, a.b]"), 'spec.hosts[1]: found "a.b" a second time'),
    ("29", config("hosts: [a.b, A.b]"), "spec.hosts[1]: found upper case"),
    ("29", config("hosts: [a.b, a.b.]"), "spec.hosts[1]: found a final dot"),
    *[
        ("30", config(f"hosts: [a.b]\ntls: {{secretName: {name}}}"), "spec.tls.secretName: found")
        for name in ("Upper_Case", "a" * 254, "ns/name")
    ],
    ("31", host("'{{ .Values.host }}'"), "found the unrendered template"),
    ("31", config("hosts: [a.b]\ntls: {secretName: $(NAME)}"), "found the unrendered template"),
    ("31", config("hosts: [a.b]\ntls: {secretName: '${NAME}'}"), "found the unrendered template"),
    ("31", host("{{ x }}").replace("{{ x }}", "'}}'"), "found the unrendered template"),
    ("32", host('"\\e[31mred.acme.io"'), '"\\x1b[31mred.acme.io"'),
    ("32", host('"cd\\r::error::x"'), "\\r::error::x"),
    ("32", config("hosts: [a.b]", metadata='{name: "::error::x"}'), 'metadata.name: found "::error::x"'),
    ("39", host("9" * 5000), "spec.hosts[0]: found the number 999"),
    ("39", host("2001-99-99"), "spec.hosts[0]: found the date 2001-99-99"),
    ("45", host('"a\\0.b"'), '"a\\x00.b"'),
    (
        "52",
        '{"apiVersion": "config.kubernetes.io/v1", "kind": "ResourceList", "items": []}',
        "functionConfig: found nothing",
    ),
]

ACCEPTED: list[tuple[str, bytes | str, str, list[Any]]] = [
    # (rows, input, text on stderr, other items in the output): exit 0
    ("6", resource_list(GOOD).replace(b'io/v1"', b'io/v1beta1"', 1), "", []),
    (
        "7",
        resource_list(GOOD).split(b'"items"')[0]
        + b'"functionConfig"'
        + resource_list(GOOD).split(b'"functionConfig"')[1],
        "info: items: found nothing",
        [],
    ),
    ("7", items(" null"), "info: items: found nothing", []),
    ("11", item("{a: 0755}"), "warning: items[0]: found no apiVersion and no kind", [{"a": 0o755}]),
    ("11", item("{kind: A}"), "warning: items[0]: found no apiVersion", [{"kind": "A"}]),
    (
        "12",
        item("{apiVersion: v1, kind: A}"),
        "warning: items[0]: found no metadata.name",
        [{"apiVersion": "v1", "kind": "A"}],
    ),
    (
        "12",
        item("{apiVersion: v1, kind: A, metadata: null}"),
        "warning: items[0]: found no metadata.name",
        [{"apiVersion": "v1", "kind": "A", "metadata": None}],
    ),
    (
        "13",
        item("{apiVersion: v1, kind: A, metadata: {generateName: a-}}"),
        "info: items[0]: found generateName",
        [{"apiVersion": "v1", "kind": "A", "metadata": {"generateName": "a-"}}],
    ),
    (
        "14",
        item("{apiVersion: v1, kind: List, items: [{a: b}]}"),
        "",
        [{"apiVersion": "v1", "kind": "List", "items": [{"a": "b"}]}],
    ),
    (
        "15",
        item("{apiVersion: v1, kind: A, metadata: {name: a, annotations: null}}"),
        "warning: items[0]: found annotations",
        [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "annotations": None}}],
    ),
    (
        "15",
        item("{apiVersion: v1, kind: A, metadata: {name: a, annotations: {b: 1}}}"),
        "warning: items[0]: found annotations",
        [{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a", "annotations": {"b": 1}}}],
    ),
    ("27", resource_list(generator(hosts=[f"{'a' * 63}.io", ".".join(["a" * 63] * 3 + ["b" * 61])])), "", []),
    ("30", resource_list(generator(hosts=["a.b"], tls={"secretName": "a-cacert"})), "warning: spec.tls.secretName", []),
    (
        "37",
        config("hosts: [&a cd.acme.io]\nurl: https://cd.acme.io\ntls: {secretName: &b x}\nmode: termination"),
        "",
        [],
    ),
    ("42", HEAD + "items: []\t# tab\n" + config("hosts: [a.b]").removeprefix(HEAD + "items: []\n"), "", []),
    ("44", "\ufeff" + config("hosts: [a.b]"), "", []),
    ("46", config("hosts: [a.b]").replace("\n", "\r\n"), "", []),
    ("50", "%YAML 1.1\n---\n" + config("hosts: [a.b]") + "...\n", "", []),
    (
        "77",
        resource_list(
            GOOD,
            [
                CONFIG_MAP
                | {
                    "metadata": {
                        "name": "a",
                        "annotations": {"internal.config.kubernetes.io/seqindent": "wide", "config.k8s.io/id": "3"},
                    }
                }
            ],
        ),
        "",
        [
            CONFIG_MAP
            | {
                "metadata": {
                    "name": "a",
                    "annotations": {"internal.config.kubernetes.io/seqindent": "wide", "config.k8s.io/id": "3"},
                }
            }
        ],
    ),
    (
        "78",
        resource_list(
            GOOD, [CONFIG_MAP | {"metadata": {"name": name}, "data": {"k": "x" * 300_000}} for name in ("z", "a")]
        ),
        "",
        [CONFIG_MAP | {"metadata": {"name": name}, "data": {"k": "x" * 300_000}} for name in ("z", "a")],
    ),
    (
        "80",
        resource_list(
            GOOD,
            [CONFIG_MAP | {"metadata": {"name": "a", "annotations": {"config.kubernetes.io/local-config": "true"}}}],
        ),
        "",
        [CONFIG_MAP | {"metadata": {"name": "a", "annotations": {"config.kubernetes.io/local-config": "true"}}}],
    ),
]


def outcome(data: bytes | str, loader: Any = yaml.CBaseLoader) -> tuple[int, str, Any]:
    """Exit code, stderr and stdout as a value (of texts by default), after checks that apply to every input."""
    result = run(data if isinstance(data, bytes) else data.encode())
    stderr = result.stderr.decode()
    assert "Traceback" not in stderr
    assert all(line.isprintable() and line and not line.startswith("::") for line in stderr.splitlines())
    return result.returncode, stderr, yaml.load(result.stdout, loader) if result.stdout else None


def ids(cases: Sequence[tuple[Any, ...]]) -> list[str]:
    return [f"{number}-row-{case[0]}" for number, case in enumerate(cases)]


@pytest.mark.parametrize(("rows", "data", "words"), UNREADABLE, ids=ids(UNREADABLE))
def test_invalid_resource_list_gives_one_line_no_output(rows: str, data: bytes | str, words: str) -> None:
    code, stderr, stdout = outcome(data)
    assert (code, stdout) == (2, None)
    assert words in stderr and stderr.count("\n") == 1 and stderr.startswith("stdin"), stderr


@pytest.mark.parametrize(("rows", "data", "words"), MISTAKES, ids=ids(MISTAKES))
def test_a_mistake_is_a_line_and_a_result(rows: str, data: bytes | str, words: str) -> None:
    code, stderr, stdout = outcome(data)
    assert code == 2
    assert words in stderr, stderr
    assert stdout["kind"] == "ResourceList" and stdout["items"] == []
    errors = [one for one in stdout["results"] if one["severity"] == "error"]
    assert errors and all(one["message"] in stderr for one in errors)


@pytest.mark.parametrize(("rows", "data", "words", "others"), ACCEPTED, ids=ids(ACCEPTED))
def test_odd_but_valid_values_pass(rows: str, data: bytes | str, words: str, others: list[Any]) -> None:
    code, stderr, stdout = outcome(data, yaml.CSafeLoader)
    assert code == 0, stderr
    assert words in stderr and bool(words) == bool(stderr), stderr
    severities = re.findall(r"(?:^|: )(warning|info): ", stderr, re.M)
    assert [one["severity"] for one in stdout.get("results", [])] == severities
    assert [one for one in stdout["items"] if one.get("apiVersion") != API_VERSION] == others
    assert [one["kind"] for one in stdout["items"] if one.get("apiVersion") == API_VERSION] == ["Exposure"]


def test_the_tables_are_counted(report: Callable[[str, dict[str, int]], None]) -> None:
    cases = [*UNREADABLE, *MISTAKES, *(one[:3] for one in ACCEPTED)]
    report("bad inputs to the function", {"cases": len(cases), "rows of the list": len({one[0] for one in cases})})
    assert len({one[1] for one in cases}) == len(cases), "a case stands there twice"


# ---- lint

GATEWAY_DOC = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n"
LINT_UNREADABLE = [
    *(case for case in UNREADABLE if case[0] in {"23", "33", "35", "36", "38", "42", "43", "44", "45"}),
    ("1", b"", "found no object of Kubernetes, expected at least one"),
    ("2", b"# only\n---\n\n", "found no object of Kubernetes"),
    ("4", b"- a\n", "found no object of Kubernetes"),
    ("4", b"text\n", "found no object of Kubernetes"),
    ("4", b"{}\n", "found no object of Kubernetes"),
    ("39", GATEWAY_DOC + "a: [", "found invalid YAML"),
    ("51", "{{- if .Values.x }}\nkind: A\n{{ end }}\n", "looks like a template"),
    ("56", "---\n" * 50_001, "documents"),
    ("56", "#" * (64 << 20) + "#", "67108864"),
]
"""(rows, input, text on stderr): exit 2, one line, nothing on stdout."""

LINT_ACCEPTED = [
    # (rows, input)
    ("7", "kind: List\napiVersion: v1\nitems:\n---\n" + GATEWAY_DOC),
    ("8", "kind: List\napiVersion: v1\nitems: {a: b}\n---\n" + GATEWAY_DOC),
    ("9", "kind: List\napiVersion: v1\nitems: [null, text, [a]]\n---\n" + GATEWAY_DOC),
    ("10", "text\n---\n- a\n---\n12\n---\n" + GATEWAY_DOC),
    ("11", "{a: b}\n---\n{kind: A}\n---\n{apiVersion: v1}\n---\n" + GATEWAY_DOC),
    (
        "12",
        "{kind: Gateway, apiVersion: networking.istio.io/v1, metadata: null}\n---\n{kind: Service, apiVersion: v1}\n",
    ),
    ("13", "{kind: Service, apiVersion: v1, metadata: {generateName: a-}}\n"),
    ("14", "{kind: List, items: [{kind: List, items: [{kind: Service, apiVersion: v1, metadata: {name: a}}]}]}\n"),
    ("15", GATEWAY_DOC.replace("a}", "a, annotations: null, labels: [a]}")),
    ("15", GATEWAY_DOC.replace("a}", "a, annotations: {b: 1, c: null, d: [e]}}")),
    ("20", GATEWAY_DOC + "spec: {servers: [{hosts: [on, NO], port: {number: on}}]}\n"),
    ("21", GATEWAY_DOC + "spec: {servers: [{hosts: [1e3, 0755, 12:30:45], port: {number: 0x1F}}]}\n"),
    ("22", GATEWAY_DOC + "spec: {servers: [{hosts: [null, '', [a], {b: c}], port: null}, null, text]}\n"),
    ("24", GATEWAY_DOC + "spec: {servers: [{hosts: ['https://a.io:1/x', 'a b', \"a\\tb\"], port: {number: 443}}]}\n"),
    ("26", GATEWAY_DOC + "spec: {servers: [{hosts: [münchen.de, xn--zzzzzzzz99999999.de], port: {number: 443}}]}\n"),
    ("27", GATEWAY_DOC + f"spec: {{servers: [{{hosts: [{'a' * 5000}.io], port: {{number: 443}}}}]}}\n"),
    ("28", GATEWAY_DOC + "spec: {servers: [{hosts: ['[::1]', '10.0.0.1'], port: {number: 443}}]}\n"),
    (
        "32",
        GATEWAY_DOC + 'spec: {servers: [{hosts: ["::error::\\e[31m", "\\r\\n::set-output"], port: {number: 80}}]}\n',
    ),
    ("34", GATEWAY_DOC + "---\n" + GATEWAY_DOC),
    # Nothing is constructed, and the file may be another program's.
    (
        "40",
        GATEWAY_DOC + "spec: !!python/object/apply:os.system [id]\n---\n" + GATEWAY_DOC.replace("Gateway", "!Ref A"),
    ),
    ("41", GATEWAY_DOC + "spec: {servers: !!set {a}, selector: !!binary YS5i, ? [a] : b}\n"),
    ("37", GATEWAY_DOC + "spec: &a {servers: &b []}\nother: [*a, *b]\n"),
    ("39", GATEWAY_DOC + f"spec: {{servers: [{{port: {{number: {'9' * 5000}}}, hosts: [2001-99-99]}}]}}\n"),
    ("42", GATEWAY_DOC + "spec: {}\t# tab\n"),
    ("44", "\ufeff" + GATEWAY_DOC),
    ("46", GATEWAY_DOC.replace("\n", "\r\n")),
    ("47", GATEWAY_DOC.rstrip("\n")),
    ("50", "%YAML 1.1\n---\n" + GATEWAY_DOC + "...\n---\n---\n"),
    ("52", '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}'),
    ("53", GATEWAY_DOC + "---\n" + GATEWAY_DOC.replace("name: a", "name: b")),
    ("54", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"),
    ("56", "---\n" * 40_000 + GATEWAY_DOC),
    ("80", GATEWAY_DOC.replace("a}", "a, annotations: {config.kubernetes.io/local-config: 'true'}}")),
]


@contextmanager
def piped(file: Path) -> Iterator[None]:
    """The file as stdin."""
    own, descriptor = os.dup(0), os.open(file, os.O_RDONLY)
    try:
        os.dup2(descriptor, 0)
        yield
    finally:
        os.dup2(own, 0)
        os.close(own)
        os.close(descriptor)


@pytest.mark.parametrize("way", ["file", "stdin", "folder", "folder below"])
@pytest.mark.parametrize(("rows", "data", "words"), LINT_UNREADABLE, ids=ids(LINT_UNREADABLE))
def test_lint_refuses_unreadable_input_in_one_line(
    rows: str, data: bytes | str, words: str, way: str, here: Path, call: Called
) -> None:
    file = here / "all/below/a.yaml"
    file.parent.mkdir(parents=True)
    file.write_bytes(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))
    path = {"file": "all/below/a.yaml", "stdin": "-", "folder": "all/below", "folder below": "all"}[way]
    with piped(file):
        code, out, error = call("lint", path)
    assert (code, out) == (2, "")
    start = "stdin" if way == "stdin" else path if "no object" in words else "all/below/a.yaml"
    assert error.count("\n") == 1 and error.rstrip("\n").isprintable()
    assert error.startswith(start) and words.removeprefix("stdin") in error, error


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("rows", "data"), LINT_ACCEPTED, ids=ids(LINT_ACCEPTED))
def test_lint_takes_odd_objects(rows: str, data: str, form: str, here: Path, call: Called) -> None:
    (here / "a.yaml").write_bytes(data.encode())
    code, out, error = call("lint", "a.yaml", "--format", form)
    assert code in (0, 1) and error == ""
    assert form == "github" or not any(line.startswith("::") for line in out.splitlines())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out)


def spoiled(here: Path) -> None:
    """Files and folders that cannot be used, beside a right one."""
    (here / "a.yaml").write_text(GATEWAY_DOC)
    (here / "folder/sub").mkdir(parents=True)
    os.mkfifo(here / "pipe")
    (here / "loop").symlink_to("loop")
    (here / "dangling.yaml").symlink_to("nowhere")
    with (here / "large.yaml").open("wb") as file:
        file.truncate(1 << 40)
    (here / "wrong.json").write_text("{")
    (here / "unbuilt").mkdir()
    (here / "unbuilt/kustomization.yaml").write_text("resources: [missing.yaml]\n")
    for name in ("name\n::error::x.yaml", "-x.yaml"):
        (here / name).write_text("a: [")
    (here / "known.json").write_text('{"findings": []}')
    (here / "fixed.yaml").write_text(UNFIXED)
    (here / "fixed.yaml").chmod(0o444)


UNFIXED = f"""\
{GATEWAY_DOC}spec:
  servers:
  - port: {{number: 443, protocol: TLS}}
    hosts: [a.io]
    tls: {{mode: PASSTHROUGH, credentialName: a}}
"""
PLACES = [
    # (rows, arguments, exit code, text on stderr)
    ("64", ["none.yaml"], 3, "none.yaml: No such file or directory"),
    ("64", ["dangling.yaml"], 3, "dangling.yaml: No such file or directory"),
    ("64", ["loop"], 3, "loop: Too many levels of symbolic links"),
    ("64", ["folder"], 2, "folder: has no kustomization.yaml and no YAML file; name a folder or file that has them"),
    ("64", ["/dev/null"], 2, "/dev/null: is a device; name a file"),
    ("64", ["pipe"], 2, "pipe: is a pipe that nobody writes into"),
    ("64", [""], 3, "No such file or directory"),
    ("55", ["unbuilt"], 1, ""),
    ("56", ["large.yaml"], 2, "large.yaml: has more than 67108864 bytes"),
    ("70", ["name\n::error::x.yaml"], 2, "name\\n::error::x.yaml:2:1: found invalid YAML"),
    ("70", ["--", "-x.yaml"], 2, "-x.yaml:2:1: found invalid YAML"),
    ("70", ["-x.yaml"], 2, "no such option"),
    ("71", ["a" * 5000], 3, "File name too long"),
    ("64", ["a.yaml", "--baseline", "none.json"], 3, "none.json: No such file or directory"),
    ("64", ["a.yaml", "--baseline", "folder"], 2, "folder: is a folder; name a file"),
    ("56", ["a.yaml", "--baseline", "large.yaml"], 2, "large.yaml: has more than"),
    (
        "4",
        ["a.yaml", "--baseline", "wrong.json"],
        2,
        "wrong.json: found no baseline, expected one that",
    ),
    ("64", ["a.yaml", "--write-baseline", "folder"], 2, "folder: is a folder"),
    ("65", ["a.yaml", "--write-baseline", "none/a.json"], 3, "none/a.json: No such file or directory"),
    ("65", ["fixed.yaml", "--fix"], 3, "fixed.yaml: is read-only; make it writable first"),
    ("18", ["a.yaml", "--gatway-labels", "a=b"], 2, "no such option"),
    ("18", ["a.yaml", "--format", "xml"], 2, "'xml' is not one of text, json"),
    ("18", ["a.yaml", "--select", ""], 2, '--select: found "", expected a rule'),
    ("18", ["a.yaml", "--gateway-labels", "a"], 2, '--gateway-labels: found "a", expected KEY=VALUE'),
    ("18", ["a.yaml", "--istio-version", ""], 2, '--istio-version: found "", expected a version'),
    ("18", ["a.yaml", "--mesh", "x"], 2, '--mesh: found "x", expected one of'),
    ("18", ["a.yaml", "--gateway-namespace", "A"], 2, '--gateway-namespace: found "A", expected a namespace'),
]


@pytest.mark.parametrize(("rows", "words", "code", "text"), PLACES, ids=ids(PLACES))
def test_lint_refuses_unusable_files_and_options(
    rows: str, words: list[str], code: int, text: str, here: Path, call: Called, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("argocd_istio.commands.inputs.PATIENCE", 0.1)
    monkeypatch.setenv("KUSTOMIZE", str(program("kustomize")))
    spoiled(here)
    got, out, error = call("lint", *words)
    assert got == code
    if code == 1:
        assert 'error: found "missing.yaml", which is not there' in out and "missing.yaml" in error
        return
    assert out == "" and error.count("\n") == 1 and text.lower() in error.lower(), error
    assert (here / "fixed.yaml").read_text() == UNFIXED


@pytest.mark.parametrize(
    ("redirection", "code"), [(">/dev/full", 3), (">&-", 3), ("2>&-", 0), ("<&-", 0), ("| head -c 1", 0)]
)
def test_lint_ends_well_without_its_streams(redirection: str, code: int, here: Path) -> None:
    (here / "a.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")
    command = f"{sys.executable} -m argocd_istio.cli lint a.yaml {redirection}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, timeout=HANG)
    assert done.returncode == code and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_lint_refuses_a_terminal(here: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "argocd_istio.cli", "lint", "-"]
        done = subprocess.run(command, stdin=theirs, capture_output=True, text=True, check=False, timeout=HANG)
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stdout) == (2, "") and "stdin is a terminal" in done.stderr


def test_an_alias_bomb_is_refused_before_it_grows(here: Path) -> None:
    """In a process with little memory."""
    for number, text in enumerate((BOMB, MERGES)):
        (here / f"{number}.yaml").write_text(GATEWAY_DOC + text)
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); sys.argv[0] = 'x'\n"
    code = limit + "from argocd_istio.cli import main\nsys.exit(main())"
    command = [sys.executable, "-c", code, "lint", "0.yaml", "1.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("0.yaml:")


def test_the_tables_of_lint_are_counted(report: Callable[[str, dict[str, int]], None]) -> None:
    rows = [case[0] for case in (*LINT_UNREADABLE, *LINT_ACCEPTED, *PLACES)]
    report("bad inputs to lint", {"cases": len(rows), "rows of the list": len(set(rows))})
