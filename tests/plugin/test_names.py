"""Host names, addresses, names and labels: accepted values, and the message for each refused one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argocd_istio.exposure.hosts import a_label, as_typed, host_problem, split_url, url_problem
from argocd_istio.exposure.names import (
    Problem,
    gateway_problem,
    label_key_problem,
    label_value_problem,
    name_problem,
    namespace_problem,
    secret_problem,
    service_problem,
)

L63 = "a" * 63
LONG = ".".join([L63, L63, L63, "b" * 61])  # 253 characters

HOSTS = [
    "cd.acme.io",
    "1password.com",
    "a-b.c",
    "x.y.z.co.uk",
    "xn--mnchen-3ya.de",
    "xn--strae-oqa.de",
    f"{L63}.io",
    LONG,
]

REFUSED = [
    # (host, a part of the message)
    ("", "an empty text"),
    ("   ", "3 spaces"),
    ("https://cd.acme.io", "write cd.acme.io"),
    ("https://me@cd.acme.io:8443/login?x#y", "write cd.acme.io"),
    ("cd.acme.io:443", "write cd.acme.io"),
    ("cd.acme.io/", "write cd.acme.io"),
    ("me@cd.acme.io", "write cd.acme.io"),
    ("HTTPS://CD.acme.io.", "write cd.acme.io"),
    (" cd.acme.io", "write cd.acme.io"),
    ("a b", "no scheme, port or path"),
    ("https://10.0.0.1/", "no scheme, port or path"),
    ("x:y:z", "no scheme, port or path"),
    ("cd.acme.io\n", "a line end"),
    ("cd.acme.io\ncd2.acme.io\n", "several lines"),
    ("cd.acme.io,cd2.acme.io", "write each by itself: cd.acme.io and cd2.acme.io"),
    ("cd.acme.io cd2.acme.io", "write each by itself: cd.acme.io and cd2.acme.io"),
    ("cd\t.acme.io", "invisible characters"),
    ("c\u200dd.acme.io", "invisible characters"),
    ("\x1b[31m.acme.io", "invisible characters"),
    ("{{ .host }}", "unrendered template"),
    ("$(HOST)", "unrendered template"),
    ("${HOST}.acme.io", "unrendered template"),
    ("*.acme.io", "wildcard"),
    ("*", "wildcard"),
    ("10.0.0.1", "IP address"),
    ("::1", "IP address"),
    ("[::1]", "IP address"),
    ("1:2:3:4:5:6:7:8", "IP address"),
    ("12:30:45", "no scheme, port or path"),
    ("[::1]:443", "IP address"),
    ("fe80::1%eth0", "IP address"),
    ("2130706433", "IP address"),
    ("0x7f000001", "IP address"),
    ("0177.0.0.0x1", "IP address"),
    ("cd.acme.0", "IP address"),
    ("CD.acme.io", "write cd.acme.io"),
    ("cd.acme.io.", "write cd.acme.io"),
    ("A_b.io", 'label "a_b"'),
    ("münchen.de", "write xn--mnchen-3ya.de"),
    ("\u0440\u0430\u0443\u0440\u0430l.com", "write xn--l-7sba6dbr.com"),
    ("cd\u3002acme.io", "write cd.acme.io"),
    ("cd\uff0eacme\uff61io", "write cd.acme.io"),
    ("\uff23\uff24.acme.io", "write cd.acme.io"),
    ("i\u2764.io", "xn-- form that is registered"),
    ("straße.de", "xn-- form that is registered"),
    ("\uff11.\uff12.\uff13.\uff14", "xn-- form that is registered"),
    ("ü" * 70 + ".de", "xn-- form that is registered"),
    ("xn--a.de", "does not decode"),
    ("xn--zzzzzzzz99999999.de", "does not decode"),
    ("cd..io", "an empty label"),
    (".cd.io", "an empty label"),
    ("_cd.io", 'label "_cd"'),
    ("-cd.io", 'label "-cd"'),
    ("cd-.io", 'label "cd-"'),
    (f"{L63}a.io", "64 characters"),
    (f"{LONG}b", "a host of 254 characters"),
    ("x" * 100_000, "a host of 100000 characters"),
    ("argocd", "single label"),
    ("on", "single label"),
]


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://A.io:8443/x", "https://a.io:8443"),
        ("https://A.io.", "https://a.io"),
        ("https://A.io/", "https://a.io"),
        ("https://bücher.acme.io/cd", "https://xn--bcher-kva.acme.io"),
        ("https://a.io/x/", "https://a.io"),
        ("https://a.io:443/x", "https://a.io"),
        ("https://a.io:443", "https://a.io"),
    ],
)
def test_the_suggested_address_is_valid(url: str, right: str) -> None:
    problem = url_problem(url)
    assert problem and problem[2].startswith(f"write {right}") and url_problem(right) is None


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_accepted(host: str) -> None:
    assert host_problem(host) is None
    assert url_problem(f"https://{host}") is None


@pytest.mark.parametrize(("host", "words"), REFUSED)
def test_an_invalid_host_is_refused_and_quoted(host: str, words: str) -> None:
    problem = host_problem(host)
    assert problem and words in "; ".join(problem)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.xn:/@*-]{1,30}", fullmatch=True))
def test_a_suggested_host_is_accepted(host: str) -> None:
    problem = host_problem(host)
    hint = problem[2] if problem else ""
    if hint.startswith("write ") and "." in hint:
        assert host_problem(hint.removeprefix("write ")) is None


def test_encoded_labels_follow_dns_rules() -> None:
    assert a_label("bücher.München.example") == "xn--bcher-kva.xn--mnchen-3ya.example"
    with pytest.raises(ValueError):
        a_label("faß.de")


@pytest.mark.parametrize("dot", "\u3002\uff0e\uff61")
def test_every_dot_of_idna_separates_labels(dot: str) -> None:
    assert as_typed(f"cd{dot}acme{dot}io") == "cd.acme.io"
    assert as_typed(f"bücher{dot}acme.io{dot}") == "xn--bcher-kva.acme.io"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://cd.acme.io/", "write https://cd.acme.io:"),
        ("http://cd.acme.io", "write https"),
        ("cd.acme.io", "write https://cd.acme.io"),
        ("https://CD.acme.io", "write https://cd.acme.io"),
        ("https://", "the port"),
        ("https://cd.acme.io:0", "the port"),
        ("https://cd.acme.io:65536", "the port"),
        ("https://cd.acme.io?x=1", "the port"),
        ("https://me@cd.acme.io", "the port"),
        ("ftp://cd.acme.io", "the port"),
        ("https://{{ host }}", "unrendered"),
        ("https://10.0.0.1", "IP address"),
        ("https://cd.acme.io:443", "omit :443"),
        ("https://cd.acme.io:70000", 'the port "70000"; a port from 1 to 65535'),
        ("https://cd.acme.io:443/argo", "write https://cd.acme.io: argocd-server serves /"),
        ("https://cd.acme.io/argo", "server.rootpath and server.basehref"),
        ("https://cd.acme.io:0443", "the port"),
        ("https://cd.acme.io/..", 'the path "/.."'),
        ("https://cd.acme.io/./a", 'the path "/./a"'),
        (f"https://cd.acme.io/{'x' * 10_000}", "the path"),
        ("", "an empty text"),
    ],
)
def test_an_invalid_address_is_refused(url: str, words: str) -> None:
    problem = url_problem(url)
    assert problem and words in "; ".join(problem)


def test_an_address_may_have_a_port() -> None:
    assert url_problem("https://cd.acme.io:8443") is None
    assert split_url("https://cd.acme.io:8443") == ("cd.acme.io", ":8443")
    assert url_problem("https://cd.acme.io:4430") is None
    assert split_url("https://cd.acme.io") == ("cd.acme.io", "")
    assert split_url("https://cd.acme.io/cd") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("shared", "write its namespace before it: NAMESPACE/shared"),
        ("./shared", "write its namespace instead of the dot"),
        ("Edge/shared", "write edge/shared"),
        ("edge/a/b", "copy both from 'kubectl get gateways"),
        ("edge/", "copy both from"),
        ("/shared", "copy both from"),
        (f"{'a' * 64}/b", "copy both from"),
        (f"a/{'b' * 316}", "copy both from"),
        ("", "an empty text"),
        ("{{ a }}/b", "unrendered"),
    ],
)
def test_a_gateway_is_named_with_its_namespace(name: str, words: str) -> None:
    problem = gateway_problem(name)
    assert problem and words in "; ".join(problem)
    assert gateway_problem("istio-ingress/shared.gateway") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("argocd-server.argocd", "write its name alone"),
        ("argocd/argocd-server", "write its name alone"),
        ("argocd-server:80", "write its name alone"),
        ("Argocd-Server", "write argocd-server"),
        ("a_b", "copy it from 'kubectl get services'"),
        ("a" * 64, "copy it from"),
        ("", "an empty text"),
    ],
)
def test_a_service_is_named_without_its_namespace(name: str, words: str) -> None:
    problem = service_problem(name)
    assert problem and words in "; ".join(problem)
    assert service_problem("argocd-server") is None


def test_only_namespaced_secret_names_get_namespace_hint() -> None:
    for name, hinted in (("istio-system/a", True), ("A", False)):
        problem = secret_problem(name)
        assert problem and ("namespace" in problem[2]) is hinted


@pytest.mark.parametrize("rule", [secret_problem, name_problem, namespace_problem])
def test_camel_case_names_get_a_lower_case_suggestion(rule: Callable[[str], Problem | None]) -> None:
    problem = rule("MySecret")
    assert problem and problem[2] == "write mysecret"


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (
            secret_problem,
            ["a", "acme-io", "a.b", "a" * 253],
            ["", "Upper", "a_b", "ns/a", "a" * 254, "-a", "a.", "a-.b", "{{ x }}"],
        ),
        (name_problem, ["argocd"], ["Argo CD", "a..b", "x\x1b"]),
        (namespace_problem, ["istio-system", "a" * 63], ["", "istio.system", "a" * 64, "A"]),
        (label_key_problem, ["istio", "app.kubernetes.io/name", "A_b"], ["", "a/b/c", "/a", "-a", "a" * 64, "a b"]),
        (
            label_value_problem,
            ["", "ingress", "A_b.c", "1"],
            ["-a", "a" * 64, "a b", "2001-01-01T00:00:00Z", "${X}", " "],
        ),
    ],
)
def test_names_and_labels_are_those_of_kubernetes(rule: object, good: list[str], bad: list[str]) -> None:
    assert callable(rule)
    assert [text for text in good if rule(text)] == []
    assert [text for text in bad if not rule(text)] == []
