"""What `argocd-istio drift` reads, refuses, compares and prints."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argocd_istio import cli
from argocd_istio.drift import draw
from argocd_istio.drift.compare import ABSENT, ANYTHING, Deviation, Matching, aligned, compare
from argocd_istio.drift.install import Install, install
from argocd_istio.drift.report import Report, report
from argocd_istio.syntax.source import SourceError, parse
from argocd_istio.syntax.values import refuse, value
from argocd_istio.terminal import Terminal
from tests.plugin.cases import BOMB, MERGES
from tests.plugin.test_fuzz import mutated
from tests.work import HANG, no_hang

NEW, OLD, OTHER = (f"v9.{rest}" for rest in ("9.9", "9.1", "8.9"))
"""Two releases of one minor version, and one of another."""

SERVER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-server}
spec:
  selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
  template:
    metadata: {labels: {app.kubernetes.io/name: argocd-server}}
    spec:
      containers:
      - name: argocd-server
        image: quay.io/argoproj/argocd:OLD
        env: [{name: A, value: a}]
        ports: [{containerPort: 8080}]
""".replace("OLD", OLD)
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {kept: a, gone: b}\n"
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: argocd-secret}\nstringData: {password: hunter1}\n"
REDIS = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: argocd-redis}\nspec: {replicas: 1}\n"
OFFICIAL = "---\n".join([SERVER, SETTINGS, SECRET, REDIS])
RENDER = "---\n".join(
    [
        SERVER.replace("name: argocd-server}", "name: argocd-server, namespace: cd}", 1)
        .replace(OLD, NEW)
        .replace("env: [", "env: [{name: B, value: b}, ")
        .replace("spec:\n", "spec:\n  replicas: 2\n", 1),
        SETTINGS.replace("gone: b", '"::x\\e[31m": "\\e[31m"'),
        SECRET.replace("stringData: {password: hunter1}", "data: {password: aHVudGVyMg==, more: aHVudGVyMg==}"),
        REDIS,
        "apiVersion: v1\nkind: Secret\nmetadata: {name: own, namespace: cd}\nstringData: {a: hunter2}\n",
        "apiVersion: example.com/v1\nkind: Gateway\nmetadata: {name: argocd, namespace: elsewhere}\n",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: cd}\n",
    ]
)
for name in ("cm", "secret", "redis"):
    RENDER = RENDER.replace(f"metadata: {{name: argocd-{name}}}", f"metadata: {{name: argocd-{name}, namespace: cd}}")

TEXT = """\
render.yaml (NEW) against install.yaml (OLD): 2 changed, 5 added, 1 missing, 2 explained

changed
  Deployment/argocd-server
    spec.replicas: 2, upstream has 1
  Secret/argocd-secret
    data.password: (hidden), upstream has (hidden)

added
  Deployment/argocd-server
    spec.template.spec.containers[argocd-server].env[B]: {"name": "B", "value": "b"}
  ConfigMap/argocd-cm
    data.::x\\x1b[31m: "\\u001b[31m"
  Secret/argocd-secret
    data.more: (hidden)
  Secret/own
  Gateway.example.com/elsewhere/argocd

missing
  ConfigMap/argocd-cm
    data.gone: "b"

explained
  1  another patch release: NEW, upstream's is OLD
  1  the namespace, which upstream leaves to you
""".replace("NEW", NEW).replace("OLD", OLD)


def taken(text: str | bytes, name: str = "render.yaml") -> Install:
    return install(parse(text.encode() if isinstance(text, str) else text, name))


def found(render: str = RENDER, against: str = OFFICIAL) -> Report:
    return report(taken(render), taken(against, "install.yaml"))


def printed(of: Report, form: str = "text", *, every: bool = False) -> str:
    return draw(of, form, Terminal(), every=every)


# ---- output -------------------------------------------------------------------------------------------------------


def test_the_text_names_object_field_and_both_values() -> None:
    assert printed(found()) == TEXT


def test_all_lists_each_explained_difference() -> None:
    lines = printed(found(), every=True).splitlines()
    assert lines[: TEXT.count("\n") - 2] == TEXT.splitlines()[:-2]
    image = "spec.template.spec.containers[argocd-server].image"
    assert lines[-4:] == [
        f"  1  another patch release: {NEW}, upstream's is {OLD}",
        f'    Deployment/argocd-server {image}: "quay.io/argoproj/argocd:{NEW}", upstream has '
        f'"quay.io/argoproj/argocd:{OLD}"',
        "  1  the namespace, which upstream leaves to you",
        "    Namespace/cd",
    ]


def test_a_long_list_is_cut_unless_all() -> None:
    more = ", ".join(f"k{number}: x" for number in range(25))
    report = found(RENDER.replace("{kept: a", f"{{{more}, kept: a"))
    assert "    and 6 more, which --all shows\n" in printed(report)
    assert "which --all shows" not in printed(report, every=True)
    assert printed(report, every=True).count(': "x"\n') == 25


def test_a_long_value_is_cut_in_text_only() -> None:
    report = found(RENDER.replace("kept: a", f"kept: {'a' * 500}"))
    assert f'data.kept: "{"a" * 59}... (502 characters), upstream has "a"\n' in printed(report)
    assert "a" * 500 in printed(report, "json")


def test_the_json_has_stable_keys() -> None:
    text = printed(found(), "json")
    assert text.isascii()
    shown = json.loads(text)
    assert list(shown) == ["render", "against", "versions", "namespace", "changed", "added", "missing", "explained"]
    assert (shown["render"], shown["against"], shown["namespace"]) == ("render.yaml", "install.yaml", "cd")
    assert shown["versions"] == {"render": NEW, "against": OLD}
    assert shown["changed"][0] == {
        "object": "Deployment/argocd-server",
        "field": "spec.replicas",
        "render": 2,
        "upstream": 1,
    }
    assert shown["missing"] == [
        {"object": "ConfigMap/argocd-cm", "field": "data.gone", "render": None, "upstream": "b"}
    ]
    assert shown["explained"][1] == {
        "object": "Namespace/cd",
        "field": "",
        "render": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "cd"}},
        "upstream": None,
        "reason": "the namespace, which upstream leaves to you",
    }
    assert [entry["object"] for entry in shown["added"]][-1] == "Gateway.example.com/elsewhere/argocd"


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_value_of_a_secret_is_printed(form: str) -> None:
    secrets = ("hunter1", "hunter2", "aHVudGVyMg==", "aHVudGVyMQ==")
    odd = SECRET.replace("stringData: {password: hunter1}", "stringData: hunter2\nData: {a: hunter2}")
    note = "metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: hunter2}, uid: a,"
    other = "metadata: {annotations: {example.com/applied: hunter2},"
    for render in (RENDER, OFFICIAL.replace(SECRET, odd), OFFICIAL.replace(SECRET, ""), SERVER):
        for start in ("metadata: {", note, other):
            text = render.replace("kind: Secret\nmetadata: {", f"kind: Secret\n{start}")
            for one in (found(text), found(OFFICIAL, text)):
                shown = printed(one, form, every=True)
                assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize(
    ("render", "against", "older"),
    [
        ("v9.9.1", "v9.9.2", True),
        ("v9.9.2", "v9.9.10", True),
        ("v9.9.1-rc2", "v9.9.1", True),
        ("v9.9.1-rc2", "v9.9.1-rc10", True),
        ("v9.9.10", "v9.9.2", False),
        ("v9.9.1", "v9.9.1-rc2", False),
        ("v9.9.1", "9.9.1", False),
        ("v9.9.1", "v9.9.1", False),
    ],
)
def test_an_older_release_is_called_older(render: str, against: str, older: bool) -> None:
    text = printed(found(OFFICIAL.replace(OLD, render), OFFICIAL.replace(OLD, against)))
    name = f"({render}, older)" if older else f"({render})"
    assert text.startswith(f"render.yaml {name} against install.yaml ({against}): 0 changed, 0 added, 0 missing")
    assert (f"an older patch release: {render}, upstream's is {against}\n" in text) is older


def test_equal_secrets_of_two_forms_do_not_differ() -> None:
    other = OFFICIAL.replace("stringData: {password: hunter1}", "data: {password: aHVudGVyMQ==}")
    assert found(other).clean


def test_control_characters_are_made_visible() -> None:
    name = "::error::\x1b[31m"
    text = draw(report(taken(RENDER, name), taken(OFFICIAL, name)), "text", Terminal(colour=False))
    assert text.startswith(f" ::error::\\x1b[31m ({NEW})") and "\x1b" not in text
    named = draw(found(RENDER.replace("name: own", 'name: "\\e[31m"')), "text", Terminal())
    assert "  Secret/\\x1b[31m\n" in named and "\x1b" not in named
    assert "\x1b[1mchanged\x1b[0m" in draw(found(), "text", Terminal(colour=True))
    euro = RENDER.replace("kept: a", "kept: €")
    assert draw(found(euro), "text", Terminal(unicode=False)).isascii()


# ---- comparison ---------------------------------------------------------------------------------------------------

SCALARS: list[tuple[str, Any]] = [
    *((text, True) for text in ("true", "yes", "on", "y", "On")),
    *((text, False) for text in ("false", "no", "off", "N", "OFF")),
    *((text, 493) for text in ("0755", "0o755", "0x1ed", "493", "+493", "4_93", "0b111101101", "493.0", "4.93e2")),
    *((text, text) for text in ("2001-01-01", "12:30:45", "v1", "1.2.3", ".inf", ".nan", "1e999", "+", "0x", "=")),
    *((text, None) for text in ("", "~", "null", "Null")),
    *((f'"{text}"', text) for text in ("true", "1", "null", "0755")),
    ("08", 8),
    ("-1", -1),
    (".5", 0.5),
    ("1.5e-3", 0.0015),
    ("18446744073709551615", (1 << 64) - 1),
    ("18446744073709551616", 1 << 64),
    ("9" * 5000, "9" * 5000),
    ("!!str 1", "1"),
    ("|-\n  1", "1"),
]


@pytest.mark.parametrize(("text", "expected"), SCALARS, ids=lambda one: str(one)[:20])
def test_a_scalar_is_read_as_kubectl_does(text: str, expected: Any) -> None:
    root = parse(f"- {text}\n".encode(), "f").documents[0].root
    assert root
    [result] = value(root)
    assert (result, type(result)) == (expected, type(expected))


def test_aliases_and_merges_are_written_out() -> None:
    text = "a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, x: 3}\nd: {<<: [{x: 4}, *a]}\ne: ~\non: z\n"
    root = parse(text.encode(), "f").documents[0].root
    assert root
    # `y` is a boolean to kubectl, and JSON has it as "true".
    whole = {"x": 1, "true": 2}
    assert value(root) == {
        "a": whole,
        "b": whole,
        "c": {"x": 3, "true": 2},
        "d": {"x": 4, "true": 2},
        "true": "z",
    }


def test_tags_and_odd_keys_are_refused() -> None:
    for text in ("a: !Ref b\n", "? {a: b}\n: c\n", "? \n: b\n", "a: !!binary aa==\n"):
        source = parse(text.encode(), "f")
        with pytest.raises(SourceError, match=r"f:\d:\d+: found (the tag|a key)"):
            refuse(source)


def test_values_are_compared_by_type() -> None:
    for written, shown in (('"2"', "2"), ("2", 2), ("true", True)):
        report = found(OFFICIAL.replace("replicas: 1", f"replicas: {written}"))
        assert [(entry.render, entry.upstream) for entry in report.changed] == [(shown, 1)]


def test_api_server_defaults_are_no_difference() -> None:
    written = OFFICIAL.replace("replicas: 1", "replicas: 1, revisionHistoryLimit: 10, paused: null")
    assert found(written).clean and found(OFFICIAL, written).clean


def test_the_items_of_a_list_are_objects() -> None:
    items = "".join(f"- {part.replace(chr(10), chr(10) + '  ').strip()}\n" for part in OFFICIAL.split("---\n"))
    assert found(f"apiVersion: v1\nkind: List\nitems:\n{items}").clean


def test_fields_written_by_a_cluster_are_ignored() -> None:
    live = OFFICIAL.replace(
        "metadata: {name: argocd-redis}",
        "metadata: {name: argocd-redis, uid: a, resourceVersion: b, generation: 1, creationTimestamp: 2026-01-01,"
        " annotations: {deployment.kubernetes.io/revision: '1'}}\nstatus: {replicas: 1}",
    )
    assert found(live).clean
    assert not found(live.replace("uid: a, ", "")).clean


def test_an_install_without_namespace_moves_along() -> None:
    moved = OFFICIAL.replace("metadata: {name:", "metadata: {namespace: cd, name:")
    assert found(moved).clean and found(OFFICIAL, moved).clean
    other = moved.replace("name: argocd-redis}", "name: argocd-redis}".replace("}", ", labels: {a: b}}"))
    assert [entry.field for entry in found(other).added] == ["metadata.labels.a"]


def test_a_namespace_of_upstream_moves_along() -> None:
    def text(name: str) -> str:
        space = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n"
        return f"{OFFICIAL.replace('metadata: {name:', f'metadata: {{namespace: {name}, name:')}---\n{space}"

    assert found(text("cd"), text("argocd")).clean


def test_a_group_of_others_is_another_object() -> None:
    other = OFFICIAL + "---\napiVersion: example.com/v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\n"
    assert [entry.object for entry in found(other).added] == ["ConfigMap.example.com/argocd-cm"]


def test_a_version_without_a_tag_is_unknown() -> None:
    for image in ("registry.io:5000/argocd", "argocd@sha256:abc", "argocd:latest"):
        other = found(OFFICIAL.replace(f"quay.io/argoproj/argocd:{OLD}", image))
        assert f"render.yaml (unknown version) against install.yaml ({OLD}): " in printed(other)
        assert other.as_json()["versions"] == {"render": None, "against": OLD}
    mirrored = found(OFFICIAL.replace("quay.io/argoproj", "registry.io:5000"), OFFICIAL)
    assert [entry.field.rpartition(".")[2] for entry in mirrored.changed] == ["image"]


# ---- deviations ---------------------------------------------------------------------------------------------------


def _one(data: dict[str, Any], name: str = "a") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def _reasons(ours: dict[str, Any], upstream: dict[str, Any], *rows: Deviation) -> tuple[list[str], int]:
    differences, unused = compare([ours], [upstream], rows)
    return [one.reason for one in differences], len(unused)


def test_a_matching_takes_its_values_and_no_other() -> None:
    short = Matching("a short text", lambda value: isinstance(value, str) and len(value) < 3)
    row = Deviation(("ConfigMap/a",), "data.x", ABSENT, short, "why")
    assert _reasons(_one({"x": "ab"}), _one({}), row) == (["why"], 0)
    assert _reasons(_one({"x": "abc"}), _one({}), row) == ([""], 1)
    assert _reasons(_one({"x": "ab"}), _one({"x": "c"}), row) == ([""], 1)
    assert _reasons(_one({}), _one({"x": "ab"}), row) == ([""], 1)
    below = Deviation(("ConfigMap/a",), "data.x", ABSENT, {"y": short, "z": [ANYTHING]}, "why")
    assert _reasons(_one({"x": {"y": "a", "z": [{}]}}), _one({}), below) == (["why"], 0)
    for wrong in ({"y": "abc", "z": [1]}, {"y": "a", "z": []}, {"y": "a"}, {"y": "a", "z": [1], "more": 1}):
        assert _reasons(_one({"x": wrong}), _one({}), below) == ([""], 1)


def test_a_star_matches_one_step() -> None:
    row = Deviation(("*/a-*",), "data.*.y", ABSENT, 1, "why")
    for name, data, reason in (
        ("a-b", {"x": {"y": 1}}, "why"),
        ("b", {"x": {"y": 1}}, ""),
        ("a-b", {"x": {"z": {"y": 1}}}, ""),
        ("a-b", {"x": {"y": 2}}, ""),
    ):
        empty = json.loads(json.dumps(data).replace('"y": 1', "").replace('"y": 2', ""))
        assert _reasons(_one(data, name), _one(empty, name), row) == ([reason], 0 if reason else 1)


def test_a_whole_object_may_be_declared() -> None:
    row = Deviation(("ConfigMap/b",), "", ABSENT, _one({"x": ANYTHING}, "b"), "why")
    for data, reason in (({"x": 1}, "why"), ({"y": 1}, "")):
        differences, _ = compare([_one({}), _one(data, "b")], [_one({})], [row])
        assert [one.reason for one in differences] == [reason]


def test_changed_items_are_paired_by_name() -> None:
    old = [{"name": "a", "x": 1}, {"name": "b", "x": 1}]
    new = [{"name": "c", "x": 2}, {"name": "a", "x": 2}, {"name": "b", "x": 2}]
    assert list(aligned(old, new)) == [(None, 0), (0, 1), (1, 2)]
    assert list(aligned([1, 2], [3, 4])) == [(0, 0), (1, 1)]


# ---- refused input ------------------------------------------------------------------------------------------------

# The text of a file, and a part of the line.
BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "found no object, expected an install of Argo CD"),
    "only comments": ("# nothing\n---\n", "found no object"),
    "a text": ("just text\n", "1:1: found a text, expected an object of Kubernetes"),
    "a number": ("5\n", "1:1: found a number"),
    "a list": ("- kind: Deployment\n", "1:1: found a list"),
    "a list of lists": ("kind: List\nitems: [[]]\n", "2:9: found a list"),
    "an empty List": ("kind: List\nitems: []\n", "found no object"),
    "an object of nothing": (f"{OFFICIAL}---\n{{}}\n", "found an object without a kind"),
    "no kind": ("metadata: {name: a}\n", "found an object without a kind"),
    "a kind that is a list": ("kind: [a]\n", "found an object without a kind"),
    "an apiVersion that is a number": ("apiVersion: 1\nkind: A\nmetadata: {name: a}\n", "that is a number"),
    "no metadata": ("kind: A\n", 'found metadata of "A" that is nothing, expected a mapping'),
    "metadata that is a list": ("kind: A\nmetadata: [a]\n", 'found metadata of "A" that is a list'),
    "no name": ("kind: A\nmetadata: {}\n", 'found a "A" without metadata.name'),
    "a name that is a number": ("kind: A\nmetadata: {name: 1}\n", 'found a "A" without metadata.name'),
    "a namespace that is a boolean": ("kind: A\nmetadata: {name: a, namespace: on}\n", "metadata.namespace"),
    "labels that are a list": ("kind: A\nmetadata: {name: a, labels: [a]}\n", "metadata.labels of"),
    "annotations that are a text": ("kind: A\nmetadata: {name: a, annotations: a}\n", "metadata.annotations of"),
    "one object": (SETTINGS, "found one object, ConfigMap, expected an install of Argo CD"),
    "no argocd-server": (f"{SETTINGS}---\n{SECRET}", "found 2 objects without a Deployment argocd-server"),
    "a Helm chart": (
        SERVER.replace("argocd-server", "argo-cd-argocd-server") + "---\nkind: StatefulSet\nmetadata: {name: a}\n",
        '; "argo-cd-argocd-server" is a name of a Helm chart: render it with fullnameOverride: argocd',
    ),
    "a kustomization": ("kind: Kustomization\nmetadata: {name: a}\n", "name its folder, or what kustomize build"),
    "an Exposure": ("kind: Exposure\nmetadata: {name: a}\n", "name the folder that the build reads it from"),
    "two installs": (f"{SERVER}---\n{SERVER.replace('name:', 'namespace: b, name:', 1)}", "a second time; it is on li"),
    "an object twice": (f"{OFFICIAL}---\n{SETTINGS}", '"ConfigMap/argocd-cm" a second time; it is on line'),
    "a key twice": (f"{OFFICIAL}kind: b\n", "'kind' a second time"),
    "an alias bomb": (BOMB, "alias number"),
    "a bomb of merges": (MERGES, "alias number"),
    "an alias in itself": ("a: &a [*a]\n", "inside its own anchor"),
    "deep nesting": ("[" * 2000, "nesting > 100"),
    "binary": (bytes(range(128)), "control character"),
    "not UTF-8": (b"kind: \xff\n", "not UTF-8"),
    "UTF-16": (OFFICIAL.encode("utf-16"), "UTF-16"),
    "a tag of its own": (f"{SERVER}---\na: !Ref b\n", "found the tag !Ref"),
    "a key that is a list": ("? [a]\n: b\n", "found a key that is not text"),
    "a page of the web": ("<!DOCTYPE html>\n<html><head>\n", "found a text"),
    "a template": ("{{- if .Values.on }}\nkind: A\n{{- end }}\n", "render it first"),
    "an open quote": ('a: "\n', "invalid YAML"),
    "another minor": (OFFICIAL.replace(OLD, OTHER), OTHER),
    "another major": (OFFICIAL.replace(":v9", ":v8"), "v8.9"),
    "high availability": (
        OFFICIAL.replace(
            "Deployment\nmetadata: {name: argocd-redis}", "StatefulSet\nmetadata: {name: argocd-redis-ha-server}"
        ),
        "high availability",
    ),
}

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with render.yaml and install.yaml that is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "render.yaml").write_text(RENDER)
    (tmp_path / "install.yaml").write_text(OFFICIAL)
    return tmp_path


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Called:
    """Runs the command in this process; exit code, stdout and stderr."""

    def called(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = cli.run(["drift", *arguments])
        return code, *capfd.readouterr()

    return called


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("side", ["render.yaml", "install.yaml"])
def test_a_file_without_install_gives_one_line(side: str, case: str, here: Path, call: Called) -> None:
    text, words = BAD[case]
    (here / side).write_bytes(text.encode() if isinstance(text, str) else text)
    code, out, error = call("render.yaml", "--against", "install.yaml")
    assert (code, out, error.count("\n")) == (2, "", 1), error
    pair = case in ("another minor", "another major", "high availability")
    assert error.startswith("install.yaml: found " if pair else f"{side}:") and words in error, error


def test_another_minor_names_both_and_the_file(here: Path, call: Called) -> None:
    (here / "install.yaml").write_text(OFFICIAL.replace(OLD, OTHER))
    assert call("render.yaml", "--against", "install.yaml") == (
        2,
        "",
        f"install.yaml: found Argo CD {OTHER}, expected v9.9, as render.yaml has {NEW}; "
        f"take https://raw.githubusercontent.com/argoproj/argo-cd/{NEW}/manifests/install.yaml\n",
    )


# ---- the command --------------------------------------------------------------------------------------------------


def test_exit_codes_say_whether_something_differs(here: Path, call: Called) -> None:
    assert call("render.yaml", "--against", "install.yaml") == (1, TEXT, "")
    code, out, error = call("install.yaml", "--against", "install.yaml")
    assert (code, error) == (0, "") and out.endswith(": 0 changed, 0 added, 0 missing, 0 explained\n")
    assert call("render.yaml", "--against", "none.yaml")[0] == 3
    assert call("none.yaml", "--against", "install.yaml")[0] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["render.yaml"], "Missing option '--against'"),
        (["render.yaml", "--against", "install.yaml", "--format", "svg"], "'svg' is not one of text, json"),
        (["-", "--against", "-"], "Invalid value for --against: stdin is already the render"),
    ],
)
def test_wrong_usage_is_one_line(arguments: list[str], words: str, here: Path, call: Called) -> None:
    code, out, error = call(*arguments)
    assert (code, out, error.count("\n")) == (2, "", 1) and words in error
    assert error.startswith("argocd-istio drift: ")


def test_an_upstream_folder_contains_both_installs(here: Path, call: Called) -> None:
    available = OFFICIAL.replace(
        REDIS, REDIS.replace("Deployment", "StatefulSet").replace("redis}", "redis-ha-server}")
    )
    ours = RENDER.replace(
        "Deployment\nmetadata: {name: argocd-redis,", "StatefulSet\nmetadata: {name: argocd-redis-sentinel,"
    )
    (here / "ours.yaml").write_text(ours)
    for top in ("upstream", "upstream/manifests"):
        (here / top / "ha").mkdir(parents=True)
        (here / top / "install.yaml").write_text(OFFICIAL)
        (here / top / "ha/install.yaml").write_text(available)
        for render, file in (("render.yaml", f"{top}/install.yaml"), ("ours.yaml", f"{top}/ha/install.yaml")):
            code, out, error = call(render, "--against", "upstream", "--format", "json")
            assert (code, error, json.loads(out)["against"]) == (1, "", file)
        for file in ("install.yaml", "ha/install.yaml"):
            (here / top / file).unlink()
        code, out, error = call("ours.yaml", "--against", "upstream")
        assert (code, out) == (2, "")
        assert error.startswith("upstream: found a folder without ha/install.yaml or manifests/ha/install.yaml, exp")


def _process(*arguments: str, input: bytes, **more: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "argocd_istio.cli", "drift", *arguments]
    done = subprocess.run(command, input=input, capture_output=True, check=False, timeout=HANG, **more)
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_either_side_may_come_from_stdin(here: Path) -> None:
    piped = _process("--against", "install.yaml", input=RENDER.encode())
    assert (piped.returncode, piped.stdout, piped.stderr) == (1, TEXT.replace("render.yaml", "stdin"), "")
    assert _process("-", "--against", "install.yaml", input=RENDER.encode()).stdout == piped.stdout
    other = _process("render.yaml", "--against", "-", input=OFFICIAL.encode())
    assert (other.returncode, other.stdout) == (1, TEXT.replace("install.yaml", "stdin"))


def test_an_empty_pipe_points_at_the_build(here: Path) -> None:
    result = _process("--against", "install.yaml", input=b"")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "stdin: found no object, expected an install of Argo CD; check whether the command before the pipe failed\n"
    )


def test_a_folder_is_built(here: Path) -> None:
    script = here / "kustomize"
    script.write_text("#!/bin/sh\ncat render.yaml\n")
    script.chmod(0o755)
    env = os.environ | {"KUSTOMIZE": str(script)}
    for arguments, input in ((["."], b""), ([], OFFICIAL.encode())):
        against = "-" if input else "install.yaml"
        result = _process(*arguments, "--against", against, input=input, env=env)
        assert (result.returncode, result.stderr) == (1, "")
        assert result.stdout.startswith(f". ({NEW}) against {'stdin' if input else 'install.yaml'} ({OLD}): 2 cha")


def test_neither_generator_nor_commands_load_it() -> None:
    code = (
        "import sys, argocd_istio.{0}; print([name for name in sys.modules if name.startswith('argocd_istio.drift')])"
    )
    for module in ("krm.generator", "commands", "cli"):
        command = [sys.executable, "-c", code.format(module)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


# ---- broken input of all kinds ------------------------------------------------------------------------------------

EXECUTIONS = 12_000


def test_no_input_raises_or_hangs(report: Callable[[str, dict[str, int]], None]) -> None:
    """`ARGOCD_ISTIO_FUZZ_SEED` chooses other inputs; the seed of a failure is in its message."""
    seed = int(os.environ.get("ARGOCD_ISTIO_FUZZ_SEED", "1"))
    source = random.Random(seed)
    service = "kind: Service\nmetadata: {name: a, uid: b}\nspec: {ports: [{port: 1}], clusterIP: a}\n"
    crd = "kind: CustomResourceDefinition\nmetadata: {name: a}\nspec: {versions: [{schema: {description: a}}]}\n"
    istio = "apiVersion: networking.istio.io/v1\nkind: {}\nmetadata: {{name: argocd, namespace: cd}}\nspec: {}\n"
    gateway = istio.format(
        "Gateway", "{servers: [{name: https, hosts: [./a.b], tls: {mode: SIMPLE}}, {name: https-2}]}"
    )
    routes = istio.format("VirtualService", "{hosts: [a.b], http: [{name: grpc, route: [{destination: {host: a}}]}]}")
    own = f"{gateway}---\n{routes}"
    more = "---\n".join([RENDER, own, service, crd, "kind: List\nitems: [{kind: A, metadata: {name: a}}]\n"])
    seeds = [one.encode() for one in (RENDER, OFFICIAL, more)]
    sides = [taken(RENDER), taken(OFFICIAL), taken(more)]
    compared = 0
    for number in range(EXECUTIONS):
        data = mutated(source, seeds)
        try:
            with no_hang():
                compared += _executed(data, source.choice(sides), number % 2 == 0)
        except Exception as error:
            raise AssertionError(f"seed {seed}, execution {number}: {error!r} for {data!r}") from error
    report("fuzz of drift", {"executions": EXECUTIONS, "of them compared": compared})
    assert compared > EXECUTIONS // 10, "most inputs break too early to be compared"


def _executed(data: bytes, other: Install, first: bool) -> bool:
    """Read, compare and print; whether the input was an install."""
    try:
        one = taken(data)
        made = report(one, other) if first else report(other, one)
    except SourceError as error:
        assert str(error).isprintable()
        return False
    text = printed(made, every=True)
    assert all(line.isprintable() for line in text.splitlines())
    assert json.loads(printed(made, "json"))["versions"]
    return True
