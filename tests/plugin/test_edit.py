"""`set` changes the named field and no other byte; any other change is refused with its line."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
import yaml

from argocd_istio.exposure import edit
from argocd_istio.syntax.source import SourceError
from tests.plugin.exposures import HEAD, set_field

# ---- changes

JSON = {"apiVersion": "argocd-istio.github.io/v1alpha1", "kind": "Exposure", "metadata": {"name": "argocd"}}
FIELDS = {"hosts": ["a.x.io"], "gateway": {"selector": {"istio": "edge"}}}
BLOCK = "  hosts:\n  - a.x.io\n  - b.x.io\n"

# Name: the text below `spec:`, the arguments of `set`, the text after it, and the arguments that set it back.
CHANGES: dict[str, tuple[str, str, str, str]] = {
    "the only host": ("  hosts:\n  - a.x.io\n", "host b.x.io", "  hosts:\n  - b.x.io\n", "host a.x.io"),
    "one of two hosts": (BLOCK, "host a.x.io c.x.io", "  hosts:\n  - a.x.io\n  - c.x.io\n", "host a.x.io b.x.io"),
    "a host behind the last": (BLOCK, "host a.x.io b.x.io c.x.io", BLOCK + "  - c.x.io\n", "host a.x.io b.x.io"),
    "a host before the first": (
        BLOCK,
        "host c.x.io a.x.io b.x.io",
        "  hosts:\n  - c.x.io\n  - a.x.io\n  - b.x.io\n",
        "host a.x.io b.x.io",
    ),
    "a host between two": (
        BLOCK,
        "host a.x.io c.x.io b.x.io",
        "  hosts:\n  - a.x.io\n  - c.x.io\n  - b.x.io\n",
        "host a.x.io b.x.io",
    ),
    "the first host goes": (BLOCK, "host b.x.io", "  hosts:\n  - b.x.io\n", "host a.x.io b.x.io"),
    "the last host goes": (BLOCK, "host a.x.io", "  hosts:\n  - a.x.io\n", "host a.x.io b.x.io"),
    "hosts change places": (BLOCK, "host b.x.io a.x.io", "  hosts:\n  - b.x.io\n  - a.x.io\n", "host a.x.io b.x.io"),
    "comments keep their places": (
        "  # names\n  hosts: # all\n  # first\n  - a.x.io  # main\n  # second\n  - b.x.io\n  # end\n",
        "host c.x.io d.x.io e.x.io",
        "  # names\n  hosts: # all\n  # first\n  - c.x.io  # main\n  # second\n  - d.x.io\n  - e.x.io\n  # end\n",
        "host a.x.io b.x.io",
    ),
    "a comment below a host stays below it": (
        "  hosts:\n  - a.x.io\n    # the main one\n",
        "host a.x.io b.x.io",
        "  hosts:\n  - a.x.io\n    # the main one\n  - b.x.io\n",
        "host a.x.io",
    ),
    "what the list ends with stays, with its comments": (
        "  hosts:\n  - a.x.io # first\n  - b.x.io # last\n",
        "host c.x.io a.x.io b.x.io",
        "  hosts:\n  - c.x.io\n  - a.x.io # first\n  - b.x.io # last\n",
        "host a.x.io b.x.io",
    ),
    "indented items": (
        "  hosts:\n    -   a.x.io\n",
        "host a.x.io b.x.io",
        "  hosts:\n    -   a.x.io\n    -   b.x.io\n",
        "host a.x.io",
    ),
    "double quotes": (
        '  hosts:\n  - "a.x.io"\n',
        "host c.x.io b.x.io",
        '  hosts:\n  - "c.x.io"\n  - "b.x.io"\n',
        "host a.x.io",
    ),
    "single quotes": (
        "  hosts:\n  - 'a.x.io'\n",
        "host c.x.io b.x.io",
        "  hosts:\n  - 'c.x.io'\n  - 'b.x.io'\n",
        "host a.x.io",
    ),
    "each item its own quotes": (
        "  hosts:\n  - 'a.x.io'\n  - b.x.io\n",
        "host c.x.io d.x.io e.x.io",
        "  hosts:\n  - 'c.x.io'\n  - d.x.io\n  - e.x.io\n",
        "host a.x.io b.x.io",
    ),
    "a flow list": ("  hosts: [a.x.io, b.x.io]\n", "host a.x.io", "  hosts: [a.x.io]\n", "host a.x.io b.x.io"),
    "a flow list without blanks": (
        "  hosts: [a.x.io,b.x.io] # two\n",
        "host a.x.io b.x.io c.x.io",
        "  hosts: [a.x.io,b.x.io,c.x.io] # two\n",
        "host a.x.io b.x.io",
    ),
    "a padded flow list": (
        "  hosts: [ a.x.io ]\n",
        "host b.x.io a.x.io",
        "  hosts: [ b.x.io, a.x.io ]\n",
        "host a.x.io",
    ),
    "a flow list over lines": (
        "  hosts: [\n    a.x.io,\n  ]\n",
        "host a.x.io b.x.io",
        "  hosts: [\n    a.x.io,\n    b.x.io,\n  ]\n",
        "host a.x.io",
    ),
    "comments in a flow list of the same length": (
        "  hosts: [\n    a.x.io, # one\n    b.x.io # two\n  ]\n",
        "host c.x.io d.x.io",
        "  hosts: [\n    c.x.io, # one\n    d.x.io # two\n  ]\n",
        "host a.x.io b.x.io",
    ),
    "a Secret": (
        BLOCK + "  tls:\n    secretName: cert # ours\n",
        "secret-name other",
        BLOCK + "  tls:\n    secretName: other # ours\n",
        "secret-name cert",
    ),
    "a Secret whose name is a number is quoted": (
        BLOCK + "  tls: {secretName: cert}\n",
        "secret-name 0755",
        BLOCK + "  tls: {secretName: '0755'}\n",
        "secret-name cert",
    ),
    "quotes that a value needs in double quotes are there already": (
        BLOCK + '  tls: {secretName: "cert"}\n',
        "secret-name 1e3",
        BLOCK + '  tls: {secretName: "1e3"}\n',
        "secret-name cert",
    ),
    "a Secret that was missing": (
        BLOCK + "  gateway:\n    namespace: istio\n",
        "secret-name cert",
        BLOCK + "  gateway:\n    namespace: istio\n  tls:\n    secretName: cert\n",
        "unset secret-name",
    ),
    "a Secret beside those of hosts": (
        "  hosts:\n    - a.x.io\n  tls:\n      secretNames:\n          a.x.io: cert-a\n      # end of tls\n  # end\n",
        "secret-name cert",
        "  hosts:\n    - a.x.io\n  tls:\n      secretNames:\n          a.x.io: cert-a\n      secretName: cert\n"
        "      # end of tls\n  # end\n",
        "unset secret-name",
    ),
    "a Secret of a host": (
        BLOCK + "  tls:\n    secretNames:\n      a.x.io: cert-a\n",
        "secret-name --host a.x.io other",
        BLOCK + "  tls:\n    secretNames:\n      a.x.io: other\n",
        "secret-name --host a.x.io cert-a",
    ),
    "the first Secret of a host": (
        BLOCK,
        "secret-name --host b.x.io cert-b",
        BLOCK + "  tls:\n    secretNames:\n      b.x.io: cert-b\n",
        "unset secret-name --host b.x.io",
    ),
    "an address": (
        BLOCK + "  url: https://a.x.io\n",
        "url https://a.x.io:8443",
        BLOCK + "  url: https://a.x.io:8443\n",
        "url https://a.x.io",
    ),
    "an address that was missing": (
        BLOCK + "\n\n",
        "url https://b.x.io",
        BLOCK + "  url: https://b.x.io\n\n\n",
        "unset url",
    ),
    "a field that was missing is written as its neighbours": (
        '  hosts:\n    - "a.x.io"\n  gateway:\n      selector: {"istio": "edge"}\n',
        "url https://a.x.io",
        '  hosts:\n    - "a.x.io"\n  gateway:\n      selector: {"istio": "edge"}\n  url: "https://a.x.io"\n',
        "unset url",
    ),
    "an address behind a deeper comment": (
        "  hosts:\n  - a.x.io\n    # - c.x.io\n# the end\n",
        "url https://a.x.io",
        "  hosts:\n  - a.x.io\n    # - c.x.io\n  url: https://a.x.io\n# the end\n",
        "unset url",
    ),
    "the value of a label": (
        BLOCK + "  gateway:\n    selector:\n      istio: edge # ours\n      app: gateway\n",
        "selector app=gateway istio=on",
        BLOCK + "  gateway:\n    selector:\n      istio: 'on' # ours\n      app: gateway\n",
        "selector istio=edge app=gateway",
    ),
    "another label": (
        BLOCK + "  gateway:\n    selector: {istio: edge}\n",
        "selector app.kubernetes.io/name=gateway",
        BLOCK + "  gateway:\n    selector: {app.kubernetes.io/name: gateway}\n",
        "selector istio=edge",
    ),
    "one label more": (
        BLOCK + "  gateway:\n    selector:\n      istio: edge\n",
        "selector istio=edge app=gateway",
        BLOCK + "  gateway:\n    selector:\n      istio: edge\n      app: gateway\n",
        "selector istio=edge",
    ),
    "labels that were missing": (
        "  hosts:\n    - a.x.io\n",
        "selector istio=edge app=y",
        "  hosts:\n    - a.x.io\n  gateway:\n    selector:\n      istio: edge\n      app: 'y'\n",
        "unset selector",
    ),
    "hosts that were missing": (
        "  tls:\n    secretName: cert\n",
        "host a.x.io b.x.io",
        "  tls:\n    secretName: cert\n  hosts:\n  - a.x.io\n  - b.x.io\n",
        "",
    ),
    "hosts that were missing are indented as other lists": (
        "  other:\n    - x\n",
        "host a.x.io",
        "  other:\n    - x\n  hosts:\n    - a.x.io\n",
        "",
    ),
    "a Secret that was missing in a flow mapping over lines": (
        "  {hosts: [a.x.io],\n  url: https://a.x.io}\n",
        "secret-name cert",
        "  {hosts: [a.x.io],\n  url: https://a.x.io,\n  tls: {\n    secretName: cert\n  }}\n",
        "unset secret-name",
    ),
    "hosts of an empty field": ("  hosts: # none yet\n", "host a.x.io", "  hosts: [a.x.io] # none yet\n", ""),
    "hosts of an empty list": ("  hosts: []\n", "host a.x.io b.x.io", "  hosts: [a.x.io, b.x.io]\n", ""),
    "an empty address": (BLOCK + "  url:\n", "url https://a.x.io", BLOCK + "  url: https://a.x.io\n", ""),
    "a null address": (BLOCK + "  url: ~\n", "url https://a.x.io", BLOCK + "  url: https://a.x.io\n", ""),
    "an empty mapping": (
        BLOCK + "  tls: {}\n",
        "secret-name cert",
        BLOCK + "  tls: {secretName: cert}\n",
        "unset secret-name",
    ),
    "an absent mapping": (BLOCK + "  tls:\n", "secret-name cert", BLOCK + "  tls: {secretName: cert}\n", ""),
    "an address with a scheme becomes a host": (
        "  hosts: [https://a.x.io/]\n",
        "host a.x.io",
        "  hosts: [a.x.io]\n",
        "",
    ),
    "a Secret that is a number": (
        BLOCK + "  tls: {secretName: 12}\n",
        "secret-name a",
        BLOCK + "  tls: {secretName: a}\n",
        "",
    ),
    "an anchor on the value stays": (
        "  hosts: &hosts\n  - &first a.x.io\n",
        "host b.x.io",
        "  hosts: &hosts\n  - &first b.x.io\n",
        "host a.x.io",
    ),
    "an anchor elsewhere stays": (
        "  hosts:\n  - a.x.io\n  mode: &mode grpc-routing\n  other: *mode\n",
        "host b.x.io c.x.io",
        "  hosts:\n  - b.x.io\n  - c.x.io\n  mode: &mode grpc-routing\n  other: *mode\n",
        "host a.x.io",
    ),
    "the tag of a text stays": (
        "  hosts:\n  - !!str a.x.io\n",
        "host b.x.io",
        "  hosts:\n  - !!str b.x.io\n",
        "host a.x.io",
    ),
    "a tab before a comment": (
        "  hosts:\n  - a.x.io\t# main\n",
        "host b.x.io",
        "  hosts:\n  - b.x.io\t# main\n",
        "host a.x.io",
    ),
    "a value on the next line": (
        BLOCK + "  url:\n    https://a.x.io\n",
        "url https://b.x.io",
        BLOCK + "  url:\n    https://b.x.io\n",
        "url https://a.x.io",
    ),
    "a quoted key": ("  \"hosts\" : ['a.x.io']\n", "host b.x.io", "  \"hosts\" : ['b.x.io']\n", "host a.x.io"),
    "numbers and dates that Python cannot represent": (
        BLOCK + "  other: [2001-99-99, " + "1" * 5000 + ", .inf, 12:30:45]\n",
        "url https://a.x.io",
        BLOCK + "  other: [2001-99-99, " + "1" * 5000 + ", .inf, 12:30:45]\n  url: https://a.x.io\n",
        "unset url",
    ),
    "tags that would construct something": (
        BLOCK + "  other: [!!python/object:os.system x, !!binary aGk=, !!set {a}]\n",
        "host b.x.io a.x.io",
        "  hosts:\n  - b.x.io\n  - a.x.io\n  other: [!!python/object:os.system x, !!binary aGk=, !!set {a}]\n",
        "host a.x.io b.x.io",
    ),
    "a host that is there twice": (
        "  hosts: [a.x.io, a.x.io]\n",
        "host a.x.io",
        "  hosts: [a.x.io]\n",
        "",
    ),
    "block scalars and what is no Exposure's field": (
        BLOCK
        + "  note: |2-\n     two \n\n  more: >+\n    folded\n    text\n\n\n  ? complex\n  : !other {x: *a}\n".replace(
            "*a", "y"
        ),
        "host c.x.io",
        "  hosts:\n  - c.x.io\n"
        + "  note: |2-\n     two \n\n  more: >+\n    folded\n    text\n\n\n  ? complex\n  : !other {x: y}\n",
        "host a.x.io b.x.io",
    ),
    "behind a block scalar": (
        BLOCK + "  note: |\n    text\n\n",
        "url https://a.x.io",
        BLOCK + "  note: |\n    text\n\n  url: https://a.x.io\n",
        "unset url",
    ),
}

# What the file has around that, and its line ends: (before, line end, after).
FRAMES = {
    "a file": ("", "\n", ""),
    "CRLF": ("", "\r\n", ""),
    "lone CR": ("", "\r", ""),
    "a byte order mark": ("\ufeff", "\n", ""),
    "other documents": (
        "%YAML 1.1\n# head\n---\nkind: [Other]\n---\n---\n",
        "\n",
        "...\n---\nspec: {hosts: [z.x.io]}\n# foot",
    ),
}


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_minimal_idempotent_and_reversible(name: str, frame: str) -> None:
    before, what, after, back = CHANGES[name]
    head, end, tail = FRAMES[frame]
    old, new = ((head + HEAD + text + tail).replace("\n", end).encode() for text in (before, after))
    assert set_field(old, what) == new
    assert set_field(new, what) == new
    if back:
        assert set_field(new, back) == old


NO_END = {
    "a host behind the last": (
        "  hosts:\n  - a.x.io",
        "host a.x.io b.x.io",
        "  hosts:\n  - a.x.io\n  - b.x.io",
        "host a.x.io",
    ),
    "a new field": (
        "  hosts: [a.x.io]",
        "secret-name c",
        "  hosts: [a.x.io]\n  tls:\n    secretName: c",
        "unset secret-name",
    ),
    "behind a comment": (
        "  hosts: [a.x.io] # x",
        "url https://a.x.io",
        "  hosts: [a.x.io] # x\n  url: https://a.x.io",
        "unset url",
    ),
}


@pytest.mark.parametrize("name", NO_END)
def test_a_missing_last_line_end_stays_missing(name: str) -> None:
    before, what, after, back = NO_END[name]
    assert set_field((HEAD + before).encode(), what) == (HEAD + after).encode()
    assert set_field((HEAD + after).encode(), back) == (HEAD + before).encode()


def test_a_new_field_follows_the_files_indentation() -> None:
    old = (HEAD + BLOCK).replace("  ", "    ").encode()
    new = set_field(old, "secret-name cert")
    assert new == old + b"    tls:\n        secretName: cert\n"
    assert set_field(new, "unset secret-name") == old


def test_each_line_keeps_its_own_end() -> None:
    old = HEAD.encode() + b"  hosts: \r\n  - a.x.io\n  - b.x.io\r\n  tls: # x\r    secretName: cert\n"
    new = set_field(old, "host c.x.io d.x.io")
    assert new == old.replace(b"a.x.io", b"c.x.io").replace(b"b.x.io", b"d.x.io")
    assert set_field(new, "secret-name d") == new.replace(b"cert", b"d")
    more = set_field(old, "host a.x.io b.x.io c.x.io")
    assert more == old.replace(b"  - b.x.io\r\n", b"  - b.x.io\r\n  - c.x.io\r\n")
    assert set_field(more, "host a.x.io b.x.io") == old


@pytest.mark.parametrize("form", [{}, {"indent": 2}, {"indent": 4}, {"indent": "\t"}, {"separators": (",", ":")}])
@pytest.mark.parametrize(
    ("what", "back", "path", "value"),
    [
        ("host b.x.io", "host a.x.io", ["hosts"], ["b.x.io"]),
        ("host a.x.io b.x.io c.x.io", "host a.x.io", ["hosts"], ["a.x.io", "b.x.io", "c.x.io"]),
        ("host b.x.io a.x.io", "host a.x.io", ["hosts"], ["b.x.io", "a.x.io"]),
        ("url https://a.x.io", "unset url", ["url"], "https://a.x.io"),
        ("selector istio=on app=1", "selector istio=edge", ["gateway", "selector"], {"istio": "on", "app": "1"}),
    ],
)
def test_json_stays_json_in_its_own_form(
    form: dict[str, Any], what: str, back: str, path: list[str], value: str | list[str] | dict[str, str]
) -> None:
    spec: dict[str, Any] = json.loads(json.dumps(FIELDS))
    old = json.dumps({**JSON, "spec": spec}, **form).encode()
    place = spec
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    new = set_field(old, what)
    assert new == json.dumps({**JSON, "spec": spec}, **form).encode()
    assert set_field(new, back) == old


def test_a_null_in_json_becomes_a_text() -> None:
    old = json.dumps({**JSON, "spec": {**FIELDS, "url": None}}).encode()
    assert set_field(old, "url https://a.x.io") == old.replace(b"null", b'"https://a.x.io"')


def test_only_the_document_with_the_name_is_changed() -> None:
    one, two = HEAD + BLOCK, (HEAD + BLOCK).replace("argocd\n", "other\n")
    new = edit.set_hosts((one + "---\n" + two).encode(), ["c.x.io"], file="f", name="other").data
    assert new.decode() == one + "---\n" + two.replace("  - a.x.io\n  - b.x.io\n", "  - c.x.io\n")


def test_an_exposure_generator_is_changed_too() -> None:
    text = HEAD.replace("Exposure", "ExposureGenerator") + BLOCK
    assert set_field(text.encode(), "host b.x.io") == text.replace("  - a.x.io\n", "").encode()


@pytest.mark.parametrize(
    ("given", "written", "notice"),
    [
        ("CD.Acme.io", "cd.acme.io", '"CD.Acme.io" is written as cd.acme.io'),
        ("cd.acme.io.", "cd.acme.io", '"cd.acme.io." is written as cd.acme.io'),
        ("bücher.example", "xn--bcher-kva.example", '"bücher.example" is written as xn--bcher-kva.example'),
    ],
)
def test_a_host_is_written_as_dns_has_it(given: str, written: str, notice: str) -> None:
    result = edit.set_hosts((HEAD + BLOCK).encode(), [given], file="f")
    assert yaml.safe_load(result.data)["spec"]["hosts"] == [written]
    assert result.notices[0] == notice


def test_a_changes_consequences_are_reported_once() -> None:
    text = (HEAD + BLOCK + "  mode: passthrough\n").encode()
    new = edit.set_secret_name(text, "cert", file="exposure.yaml").data
    found = edit.consequences(text, new, file="exposure.yaml")
    assert any("a Secret under passthrough" in str(one) for one in found)
    assert all(str(one).startswith("exposure.yaml:") for one in found)
    again = edit.set_secret_name(new, "other", file="exposure.yaml").data
    assert edit.consequences(new, again, file="exposure.yaml") == []
    assert edit.consequences(new, new, file="exposure.yaml") == []


# ---- what is refused

KUSTOMIZATION = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"

# Name: the whole text, the arguments of `set`, and a part of the refusal.
REFUSALS: dict[str, tuple[str, str, str]] = {
    "an alias": (HEAD + "  hosts: *h\nx: &h [a.x.io]\n", "host b.x.io", "f:6:10: found the alias *h without an anchor"),
    "an aliased host": (
        "x: &h a.x.io\n" + HEAD + "  hosts:\n  - *h\n",
        "host b.x.io",
        "f:8:5: found the alias *h, expected the value itself; write it here, or edit line 1 by hand",
    ),
    "an aliased list": (
        "x: &h [a.x.io]\n" + HEAD + "  hosts: *h\n",
        "host b.x.io",
        "f:7:10: found the alias *h, expected the value itself; write it here, or edit line 1 by hand",
    ),
    "a value that is used elsewhere": (
        HEAD + "  hosts:\n  - &h a.x.io\n  url: *h\n",
        "host b.x.io",
        "f:7:8: found the anchor &h, which line 8 uses too",
    ),
    "a mapping that is used elsewhere": (
        HEAD + BLOCK + "  tls: &t\n    secretName: a\nx: *t\n",
        "secret-name b",
        "f:9:8: found the anchor &t, which line 11 uses too",
    ),
    "a merge key": (
        "x: &t {secretName: a}\n" + HEAD + BLOCK + "  tls: {<<: *t}\n",
        "secret-name b",
        "f:10:9: found a merge key (<<), expected secretName itself",
    ),
    "a block scalar": (
        HEAD + BLOCK + "  url: >-\n    https://a.x.io\n",
        "url https://b.x.io",
        "f:9:8: found a block scalar, expected text on one line; write the value behind the colon",
    ),
    "a foreign tag": (HEAD + "  hosts: !Ref [a.x.io]\n", "host b.x.io", "f:6:10: found the tag !Ref, expected none"),
    "a comment beside a host that would go": (
        HEAD + "  hosts:\n  - a.x.io\n  - b.x.io  # old\n",
        "host a.x.io",
        "f:8:13: found a comment beside an added or removed entry, expected none; move the comment or delete it",
    ),
    "a comment above a host that would go": (
        HEAD + "  hosts:\n  - a.x.io\n  # old\n  - b.x.io\n",
        "host a.x.io",
        "f:8:3: found a comment beside",
    ),
    "a comment above the first host when one comes before it": (
        HEAD + "  hosts:\n  # old\n  - a.x.io\n",
        "host b.x.io a.x.io",
        "f:7:3: found a comment beside",
    ),
    "a comment beside a host that would move": (
        HEAD + "  hosts:\n  - a.x.io # main\n  - b.x.io\n",
        "host b.x.io a.x.io",
        "f:7:12: found a comment beside",
    ),
    "a comment in a flow list that would get longer": (
        HEAD + "  hosts: [\n    a.x.io # main\n  ]\n",
        "host a.x.io b.x.io",
        "f:7:12: found a comment beside",
    ),
    "a comment beside a field that would go": (
        HEAD + BLOCK + "  # single sign-on\n  url: https://a.x.io\n",
        "unset url",
        "f:9:3: found a comment beside",
    ),
    "a host in other quotes than its neighbour that would go": (
        HEAD + "  hosts:\n  - a.x.io\n  - 'b.x.io'\n",
        "host a.x.io",
        "f:8:1: found a layout that would be lost",
    ),
    "a blank line between hosts of which one would go": (
        HEAD + "  hosts:\n  - a.x.io\n\n  - b.x.io\n",
        "host a.x.io",
        "f:8:1: found a layout that would be lost",
    ),
    "a text with escapes": (
        HEAD + '  hosts:\n  - "a\\x2ex.io"\n',
        "host b.x.io",
        "f:7:1: found a layout that would be lost",
    ),
    # What `set` quotes itself it unquotes on the way back.
    "a text in single quotes that would need quotes": (
        HEAD + BLOCK + "  tls:\n    secretName: 'cert'\n",
        "secret-name 12",
        "f:10:1: found a layout that would be lost",
    ),
    "an empty mapping in a mapping of the same style": (
        json.dumps({**JSON, "spec": {**FIELDS, "tls": {}}}),
        "secret-name cert",
        "f:1:1: found a layout that would be lost",
    ),
    "a null without a colon": (
        HEAD + "  {hosts: [a.x.io], url}\n",
        "url https://a.x.io",
        "f:6:24: found a place where the new value would be read differently",
    ),
    "a block scalar that ends with the file and its last line end": (
        HEAD + BLOCK + "  note: |\n    text",
        "url https://a.x.io",
        "f:6:3: found a place where the new value would be read differently",
    ),
    "a list that is a text": (
        HEAD + "  hosts: a.x.io\n",
        "host b.x.io",
        'f:6:10: found the text "a.x.io", expected a list',
    ),
    "a host that is a mapping": (HEAD + "  hosts: [{a: b}]\n", "host b.x.io", "f:6:11: found a mapping, expected text"),
    "a text that is a list": (
        HEAD + BLOCK + "  url: [a]\n",
        "url https://a.x.io",
        "f:9:8: found a list, expected text",
    ),
    "a mapping that is a text": (
        HEAD + BLOCK + "  tls: cert\n",
        "secret-name a",
        'f:9:8: found the text "cert", expected a map',
    ),
    "a Helm template": (
        HEAD + "  hosts: {{ .Values.hosts }}\n",
        "host b.x.io",
        "render it first: this looks like a template",
    ),
    "two hosts on one line": (HEAD + "  hosts:\n  - - a.x.io\n", "host b.x.io", "found a list, expected text"),
    "two Exposures": (
        HEAD + BLOCK + "---\n" + HEAD.replace("argocd\n", "other\n") + BLOCK,
        "host b.x.io",
        "f:10:1: found 2 documents that could be meant (argocd on line 1, other on line 10), expected one; "
        "choose one with --name",
    ),
    "two Exposures with the same name": (
        HEAD + BLOCK + "---\n" + HEAD + BLOCK,
        "host b.x.io",
        "f:10:1: found 2 documents that could be meant (argocd on line 1, argocd on line 10), expected one; "
        "give them different names",
    ),
    "no Exposure": (
        "kind: Gateway\n",
        "host b.x.io",
        "f: found none, expected a document of kind Exposure or ExposureGenerator",
    ),
    "nothing": ("", "host b.x.io", "f: found an empty file"),
    "a List": ("kind: List\nitems: []\n", "host b.x.io", "f: found a List, expected a document of kind Exposure"),
    "a list": ("- kind: Exposure\n", "host b.x.io", "f: found none"),
    "another group's Exposure": (
        HEAD.replace("argocd-istio.github.io", "x.io") + BLOCK,
        "host b.x.io",
        "f: found none",
    ),
    "a kustomization": (
        KUSTOMIZATION + "resources: [exposure.yaml]\ncomponents: [x]\n",
        "host b.x.io",
        "f:1:1: found a kustomization, expected a document of kind Exposure or ExposureGenerator; "
        "name the Exposure's file",
    ),
    "a kustomization with a patch of the Exposure": (
        KUSTOMIZATION
        + "patches:\n- path: x\n- target: {kind: Exposure}\n  patch: |-\n    - {op: replace, path: /spec/hosts}\n",
        "host b.x.io",
        "f:5:3: found a patch of the Exposure, expected a document of kind Exposure or ExposureGenerator; "
        "edit the patch on line 6 by hand",
    ),
    "a kustomization with a merge patch of the Exposure": (
        KUSTOMIZATION + "patches:\n- patch: |-\n    kind: Exposure\n",
        "host b.x.io",
        "edit the patch on line 4 by hand",
    ),
    "a kustomization that names a patch file": (
        KUSTOMIZATION + "patches:\n- target: {kind: ExposureGenerator}\n  path: host.patch.yaml\n",
        "host b.x.io",
        'edit "host.patch.yaml" by hand',
    ),
    "a JSON patch": (
        "- op: replace\n  path: /spec/hosts\n  value: [a]\n",
        "host b.x.io",
        "f:1:1: found a JSON patch, expected",
    ),
    "a key that is there twice": (HEAD + BLOCK + "  hosts: []\n", "host b.x.io", "the key"),
    "tabs as indentation": (HEAD + "\thosts: [a.x.io]\n", "host b.x.io", "f:6:1: "),
    "an unquoted wildcard": (HEAD + "  hosts:\n  - *.x.io\n", "host b.x.io", "quote a value that begins with *"),
    "a line end of YAML 1.1 alone": (
        HEAD + BLOCK + "# x\u2028",
        "host b.x.io",
        "f:9:4: found the character U+2028, which YAML parsers read differently, expected none; remove it",
    ),
    "a byte order mark inside": (HEAD + BLOCK + "# \ufeff\n", "host b.x.io", "f:9:3: found the character U+FEFF"),
    "an alias bomb": (
        HEAD
        + BLOCK
        + "x:\n- &a [y, y, y, y, y, y, y, y, y]\n"
        + "".join(f"- &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in pairwise("abcdefghi")),
        "host b.x.io",
        "f:16:7: found alias number 46, for 1270459 values, expected at most 10000, for 1000000 values",
    ),
    "an alias inside its own anchor": (
        HEAD + BLOCK + "x: &a [*a]\n",
        "host b.x.io",
        "f:9:8: found the alias *a inside",
    ),
    "deep nesting": (HEAD + BLOCK + "  x: " + "[" * 2000 + "\n", "host b.x.io", "nesting > 100"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_inseparable_change_is_refused_with_its_line(name: str) -> None:
    text, what, message = REFUSALS[name]
    with pytest.raises(SourceError) as caught:
        set_field(text.encode(), what)
    assert message in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((HEAD + "# gr\xfcn\n").encode("latin-1"), "not UTF-8 at byte"),
        ((HEAD + BLOCK).encode("utf-16"), "found UTF-16, expected UTF-8"),
        ((HEAD + BLOCK + "# \x1b[31m\n").encode(), "control character U+001B"),
        ((HEAD + BLOCK + "# \0\n").encode(), "control character U+0000"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(SourceError, match=r"\Af.*") as caught:
        set_field(data, "host b.x.io")
    assert message in str(caught.value)


# The arguments, and a part of the message.
BAD_VALUES = [
    *((f"host {host}", 'expected a bare host name such as cd.acme.io') for host in (
        "on", "0755", "1e3", "12:30:45", "2001-01-01", "*.x.io", "https://a.x.io", "a.x.io:443", "a.x.io/", "me@a.x.io",
        "10.0.0.1", "[::1]", "2130706433", "0x7f000001", "a_b.x.io", "-a.x.io", "a..io",
    )),
    ("host cd.acme.io CD.acme.io.", 'found "cd.acme.io" 2 times, expected each host once'),
    ("host {{.Values.host}}", "unrendered template"),
    ("host $(HOST)", "unrendered template"),
    ("host xn--a", "expected"),
    (f"host {'a' * 64}.x.io", "at most 63"),
    (f"host {'a.' * 126}io", "at most 253"),
    ("host a.x.io\x1b[31m", r"\x1b[31m"),
    ("secret-name Upper_Case", "expected the name of a Secret"),
    ("secret-name ns/name", "its namespace is not yours to choose here"),
    (f"secret-name {'a' * 254}", "expected"),
    ("secret-name --host http://a.x.io cert", "write a.x.io"),
    ("secret-name ${SECRET}", "unrendered template"),
    ("url http://a.x.io", "write https"),
    ("url a.x.io", "write https://a.x.io"),
    ("url https://a.x.io/", "write https://a.x.io"),
    ("selector istio", "expected KEY=VALUE such as istio=ingress"),
    ("selector istio=a istio=b", 'found "istio" a second time'),
    ("selector =a", "expected the key of a label"),
    ("selector istio=a=b", "expected the value of a label"),
    ("selector", "found no label"),
    ("unset url --host a.x.io", "found a host for url, expected one for secret-name only"),
    ("host", "found no host"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "message"), BAD_VALUES)
def test_an_invalid_value_is_refused_in_any_file(what: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        set_field(b"\xff", what)
    assert message in str(caught.value)
    assert str(caught.value).startswith("host: " if "--host" in what else f"{what.split()[0]}: ")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("length", [63, 64])
def test_a_label_has_at_most_63_characters(length: int) -> None:
    host = f"{'a' * length}.x.io"
    if length == 63:
        assert host.encode() in set_field((HEAD + BLOCK).encode(), f"host {host}")
    else:
        with pytest.raises(SourceError):
            set_field((HEAD + BLOCK).encode(), f"host {host}")


def test_unset_of_what_is_not_there_changes_nothing() -> None:
    data = (HEAD + BLOCK).encode()
    for what in ("url", "selector", "secret-name", "secret-name --host a.x.io"):
        assert set_field(data, f"unset {what}") == data


def test_bytes_do_not_depend_on_the_locale() -> None:
    script = (
        "import sys; from argocd_istio.exposure import edit; "
        "sys.stdout.buffer.write(edit.set_hosts(sys.stdin.buffer.read(), ['b.x.io'], file='f').data)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    old = (HEAD + "  hosts: [a.x.io] # grün ☃\n").encode()
    done = subprocess.run([sys.executable, "-c", script], input=old, env=environment, capture_output=True, check=True)
    assert done.stdout == old.replace(b"a.x.io", b"b.x.io")
