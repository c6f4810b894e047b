"""Faults of an Exposure are found, with line, field and what to do; valid ones pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from argocd_istio.exposure.check import MOST, check
from argocd_istio.exposure.fields import complete
from argocd_istio.findings import Finding
from argocd_istio.streams import inert
from argocd_istio.syntax.emit import to_yaml
from argocd_istio.syntax.source import parse
from tests.plugin.cases import FUNCTION, checked, exposure
from tests.work import LINEAR, growth

HOSTS = "hosts: [cd.acme.io, cd.acme.dev]"
GATEWAY = "gateway: {selector: {istio: ingress}}"
TLS = "tls: {secretName: acme-io}"

RIGHT = [
    "hosts: [cd.acme.io]",
    "hosts: &h ['cd.acme.io', \"cd.acme.dev\"]\nurl: https://cd.acme.dev:8443",
    f"{HOSTS}\nmode: passthrough\n{GATEWAY}",
    f"{HOSTS}\nmode: termination\ntls: {{secretName: a, secretNames: {{cd.acme.dev: b}}}}",
    "hosts: [cd.acme.io]\ntls: {}\ngateway: {}",
    "hosts:\n- !!str cd.acme.io\ngateway: {namespace: edge, selector: {app: 'on', tier: ''}}",
    "hosts: [cd.acme.io]\n<<: {mode: termination}",
    "hosts: [cd.acme.io]\ngateway: {existing: edge/shared.gateway}",
    f"{HOSTS}\ngateway: {{className: istio}}",
    f"{HOSTS}\nmode: grpc-routing\ngateway: {{parent: {{name: shared, namespace: edge}}}}",
    f"{HOSTS}\nmode: passthrough\ngateway: {{parent: {{kind: Gateway, name: shared}}}}",
    f"{HOSTS}\nmode: termination\ngateway: {{className: a.b}}\ntls: {{secretNames: {{cd.acme.dev: b}}}}",
    "hosts: [cd.acme.io]\ngateway: {parent: {kind: ListenerSet, name: a, sectionName: https}, "
    "redirectParent: {name: a, namespace: edge, sectionName: http}}",
    "hosts: [cd.acme.io]\nserver: {service: cd-server, labels: {app: cd, tier: ''}}",
    "hosts: [cd.acme.io]\ngateway: {<<: [{namespace: a}, {namespace: b, selector: {istio: c}}]}",
    "hosts: [" + ", ".join(f"n{n}.acme.io" for n in range(1000)) + "]",
]


@pytest.mark.parametrize("spec", RIGHT)
def test_a_valid_exposure_has_no_findings(spec: str) -> None:
    found, findings = checked(exposure(spec))
    assert found and findings == []


def test_merged_fields_count_and_the_nearest_wins() -> None:
    merged = "gateway: {<<: [{namespace: a}, {namespace: b, selector: {istio: c}}]}"
    found, _ = checked(exposure(f"hosts: [a.b]\n<<: {{mode: termination, hosts: [c.d]}}\n{merged}"))
    assert found and (found.mode, found.hosts) == ("termination", ["a.b"])
    assert (found.namespace, found.selector) == ("a", {"istio": "c"})


PARENT = "hosts: [a.b]\ngateway: {parent: "
WRONG = [
    (
        "hosts: [a.b]\ngateway: {className: istio, parent: {name: a}}",
        "6: spec.gateway.parent: found spec.gateway.parent beside spec.gateway.className, expected one of them; keep",
    ),
    (
        "hosts: [a.b]\ngateway: {className: istio, existing: a/b}",
        "6: spec.gateway.className: found spec.gateway.className beside spec.gateway.existing, expected one of them",
    ),
    (
        "hosts: [a.b]\ngateway: {className: Istio}",
        '6: spec.gateway.className: found "Istio", expected the name of a GatewayClass: lower-case letters, digits',
    ),
    (PARENT + "{namespace: a}}", "6: spec.gateway.parent.name: found nothing, expected a name; write it"),
    (
        PARENT + "a/b}",
        '6: spec.gateway.parent: found the text "a/b", expected a mapping with group, kind, name, namespace, ',
    ),
    (
        PARENT + "{name: a, port: 1}}",
        '6: spec.gateway.parent.port: found the unknown field "port", expected group, kind, ',
    ),
    (
        PARENT + "{name: a, group: apps}}",
        '6: spec.gateway.parent.group: found "apps", expected gateway.networking.k8s.io',
    ),
    (PARENT + "{name: a, kind: Gatway}}", '6: spec.gateway.parent.kind: found "Gatway", expected Gateway or Listener'),
    (PARENT + "{name: a, sectionName: A_b}}", '6: spec.gateway.parent.sectionName: found "A_b", expected the name of'),
    (
        PARENT + "{name: a, kind: ListenerSet}}",
        "6: spec.gateway.parent.kind: found ListenerSet, expected Gateway; name the Gateway that it belongs to",
    ),
    (
        f"{HOSTS}\ngateway: {{parent: {{name: a}}}}",
        "5: spec.hosts: found several hosts, expected an ExposureGenerator with spec.mode for a ListenerSet; write",
    ),
    ("hosts: [a.b]\ngateway: {redirectParent: {name: a}}", "6: spec.gateway.redirectParent.sectionName: found nothing"),
    ("hosts: [a.b]\ngateway: {redirectParent: {sectionName: http}}", "6: spec.gateway.redirectParent.name: found not"),
    ("hosts: [a.b]\ngateway: {listeners: []}", '6: spec.gateway.listeners: found the unknown field "listeners"'),
    # (spec, the finding from its line on)
    ("hosts: [https://cd.acme.io/]", '5: spec.hosts[0]: found "https://cd.acme.io/", expected a bare host name'),
    ("hosts:\n- cd.acme.io\n- on", "7: spec.hosts[1]: found the boolean on, expected a host name; write the full name"),
    ("hosts: [0755]", "5: spec.hosts[0]: found the number 0755, expected a host name; use a DNS name"),
    ("hosts: [1e3]", "5: spec.hosts[0]: found the number 1e3,"),
    ("hosts: [2001-01-01]", "5: spec.hosts[0]: found the date 2001-01-01,"),
    (
        "hosts: [a.b]\ngateway: {namespace: on}",
        "6: spec.gateway.namespace: found the boolean on, expected a namespace; q",
    ),
    ("hosts:\n- |\n  a.b", '6: spec.hosts[0]: found a line end in "a.b\\n", expected a bare'),
    ("hosts:\n- {{ .Values.host }}", "6: found an unrendered template ({{ }}), expected plain values; render the file"),
    ("hosts: [12:30:45]", "5: spec.hosts[0]: found the number 12:30:45,"),
    ("hosts: [null]", "5: spec.hosts[0]: found nothing, expected a host name; write one"),
    ("hosts: [[a.b]]", "5: spec.hosts[0]: found a list, expected a host name"),
    ("hosts: [{a: b}]", "5: spec.hosts[0]: found a mapping, expected a host name"),
    ("hosts: [!!int a.b]", "5: spec.hosts[0]: found the tag !!int a.b,"),
    ("hosts: cd.acme.io", "5: spec.hosts: found the text \"cd.acme.io\", expected a list of host names; write '- '"),
    ("hosts: []", "5: spec.hosts: found an empty list, expected a list of host names"),
    ("hosts:", "5: spec.hosts: found nothing, expected a list of host names"),
    ("hosts: {a.b: c}", "5: spec.hosts: found a mapping, expected a list"),
    ("mode: termination", "5: spec.hosts: found nothing, expected a list of host names; write it"),
    ("{}", "5: spec.hosts: found nothing"),
    ("[]", "5: spec: found an empty list, expected a mapping with mode, hosts, url, gateway, server"),
    ("hosts: [a.b, c.d, a.b]", '5: spec.hosts[2]: found "a.b" a second time, after spec.hosts[0] (line 5)'),
    (
        "host: a.b",
        '5: spec.host: found the unknown field "host", expected mode, hosts, url, gateway, server, tls, scraper, '
        "instance under ",
    ),
    ("hosts: [a.b]\nhostname: c", '6: spec.hostname: found the unknown field "hostname"'),
    ("hosts: [a.b]\nsecretName: c", "6: spec.secretName: found the unknown field"),
    ("hosts: [a.b]\nxyz: c", '6: spec.xyz: found the unknown field "xyz"'),
    ("hosts: [a.b]\naddress: c", "6: spec.address: found the unknown field"),
    ("hosts: [a.b]\n? [x]\n: y", "6: found a list as a key, expected plain values"),
    ("hosts: [a.b]\nurl: !Ref x", "6: spec.url: found the tag !Ref x"),
    ("hosts: [a.b]\nurl: https://a.b/", "6: spec.url: found"),
    (
        "hosts: [a.b]\nurl: https://a.b/cd",
        '6: spec.url: found the path "/cd", expected an address without a path',
    ),
    ("hosts: [a.b]\nurl: https://c.d", '6: spec.url: found the host "c.d", expected a host of spec.hosts; add it'),
    ("hosts: [cd.acme.io]\nurl: https://cd.acme.oi", "6: spec.url: found the host"),
    ("hosts: [a.b]\nmode: passtrough", '6: spec.mode: found "passtrough", expected one of passthrough, termination,'),
    ("hosts: [a.b]\nmode: on", "6: spec.mode: found the boolean on,"),
    (
        "hosts: [a.b]\nmode: passthrough\ntls: {secretName: c}",
        "7: spec.tls.secretName: found a Secret under passthrough",
    ),
    (
        "hosts: [a.b]\nmode: passthrough\ntls: {secretNames: {a.b: c}}",
        "7: spec.tls.secretNames: found a Secret under passthrough",
    ),
    ("hosts: [a.b]\ntls: {secretNames: {a.b: c}}", "6: spec.tls.secretNames: found no spec.mode"),
    (
        "hosts: [a.b]\nmode: termination\ntls:\n  secretNames:\n    c.d: e",
        '9: spec.tls.secretNames[c.d]: found the host "c.d", expected a host of spec.hosts',
    ),
    ("hosts: [a.b]\ntls: {secretNames: {}}", "6: spec.tls.secretNames: found an empty mapping"),
    ("hosts: [a.b]\ntls: {secretNames: {C.d: e}}", "6: spec.tls.secretNames[C.d]: found upper case"),
    ("hosts: [a.b]\ntls: {secretName: Upper}", '6: spec.tls.secretName: found "Upper", expected the name of a Secret'),
    (
        "hosts: [a.b]\ntls: {secretName: a/c}",
        '6: spec.tls.secretName: found "a/c", expected the name of a Secret: lower-case',
    ),
    ("hosts: [a.b]\ngateway: {existing: shared}", '6: spec.gateway.existing: found "shared", expected the namespace'),
    ("hosts: [a.b]\nserver: {service: a}", "6: spec.server: found no labels, expected it beside the other field"),
    ("hosts: [a.b]\nserver: {labels: {a: b}}", "6: spec.server: found no service"),
    ("hosts: [a.b]\nserver: {service: a, labels: {}}", "6: spec.server.labels: found an empty mapping"),
    ("hosts: [a.b]\nserver: {service: a.b, labels: {a: b}}", '6: spec.server.service: found "a.b", expected'),
    ("hosts: [a.b]\ntls: {secretName: ''}", "6: spec.tls.secretName: found an empty text"),
    ("hosts: [a.b]\ntls: secret", "6: spec.tls: found the text"),
    ("hosts: [a.b]\ntls:", "6: spec.tls: found nothing"),
    ("hosts: [a.b]\ngateway: {selector: {}}", "6: spec.gateway.selector: found an empty mapping"),
    ("hosts: [a.b]\ngateway: {selector: {istio: no}}", "6: spec.gateway.selector[istio]: found the boolean no"),
    ("hosts: [a.b]\ngateway: {selector: {istio: 1.10}}", "6: spec.gateway.selector[istio]: found the number 1.10"),
    ("hosts: [a.b]\ngateway: {selector: {'': a}}", "6: spec.gateway.selector[]: found an empty text"),
    ("hosts: [a.b]\ngateway: {selector: {on: a}}", "6: spec.gateway.selector[on]: found the boolean on"),
    ("hosts: [a.b]\ngateway: {selector: [a]}", "6: spec.gateway.selector: found a list"),
    ("hosts: [a.b]\ninstance: 2", "6: spec.instance: found the number 2, expected the name of an instance; quote it"),
    ("hosts: [a.b]\ninstance: Two", '6: spec.instance: found "Two", expected the name of an instance: lower-case'),
    ("hosts: [a.b]\ninstance: -two", '6: spec.instance: found "-two", expected the name of an instance: lower-case'),
    ("hosts: [a.b]\ngateway: {namespace: a.b}", '6: spec.gateway.namespace: found "a.b", expected a namespace'),
    ('hosts: ["a.b\\x1b[31m"]', "5: spec.hosts[0]: found invisible characters"),
]


@pytest.mark.parametrize(("spec", "line"), WRONG)
def test_a_mistake_is_one_finding_with_its_line(spec: str, line: str) -> None:
    found, findings = checked(exposure(spec))
    assert found is None
    assert [str(one) for one in findings if str(one).startswith(f"exposure.yaml:{line}")], [
        str(one) for one in findings
    ]
    assert all(str(one).isprintable() for one in findings)


def test_a_mistake_is_found_once() -> None:
    several = {"spec.tls.secretNames[C.d]", "spec.url"}
    for spec, _ in WRONG:
        _, findings = checked(exposure(spec))
        assert len(findings) == 1 or {one.path for one in findings} & several or spec.startswith("host"), spec


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[a]", "1: found a list, expected Exposure or ExposureGenerator"),
        ("text", '1: found the text "text", expected Exposure or'),
        (
            "kind: Exposure",
            "1: apiVersion: found nothing, expected argocd-istio.github.io/v1alpha1; write apiVersion: argocd",
        ),
        ("apiVersion: argocd-istio.github.io/v1\nkind: Exposure", "1: apiVersion: found the text"),
        ("apiVersion: argocd-istio.github.io/v1alpha1\nkind: Exposur", "2: kind: found the text"),
        (exposure("hosts: [a.b]", metadata="{}"), "3: metadata.name: found nothing, expected a name"),
        (exposure("hosts: [a.b]", metadata=""), "3: metadata: found nothing, expected a mapping with a name"),
        (exposure("hosts: [a.b]", metadata="{name: [a]}"), "3: metadata.name: found a list"),
        (exposure("hosts: [a.b]", metadata="{name: A}"), '3: metadata.name: found "A"'),
        (exposure("hosts: [a.b]", metadata="{nmae: a}"), '3: metadata.nmae: found the unknown field "nmae"'),
        (exposure("hosts: [a.b]") + "specs: {}", '6: specs: found the unknown field "specs"'),
        (
            exposure("hosts: [a.b]", metadata="{name: a, labels: {argocd-istio.github.io/urls: generated}}"),
            "3: metadata.labels[argocd-istio.github.io/urls]: found a label of the generator's",
        ),
    ],
)
def test_an_invalid_exposure_is_reported(text: str, line: str) -> None:
    found, findings = checked(text)
    assert found is None
    assert str(findings[0]).startswith(f"exposure.yaml:{line}"), str(findings[0])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (exposure("hosts: [argocd.argocd.svc]"), '5: warning: spec.hosts[0]: found "argocd.argocd.svc", a name inside'),
        (exposure("hosts: [a.b]\ntls: {secretName: a-cacert}"), '6: warning: spec.tls.secretName: found "a-cacert"'),
        (
            exposure("hosts: [a.b]", metadata="{name: a, annotations: }"),
            "3: warning: metadata.annotations: found nothing",
        ),
        (
            exposure("hosts: [a.b]", metadata="{name: a, labels: {a: 1}}"),
            "3: warning: metadata.labels[a]: found the number 1, expected a text",
        ),
    ],
)
def test_a_possible_fault_is_only_a_warning(text: str, line: str) -> None:
    found, findings = checked(text)
    assert found and str(findings[0]).startswith(f"exposure.yaml:{line}")


PLAIN = [
    # (spec, severity, path): fields that kustomize alone does not wire
    (f"{HOSTS}\nurl: https://cd.acme.dev\n{GATEWAY}\n{TLS}", "error", "spec.url"),
    (
        f"{HOSTS}\nmode: termination\n{GATEWAY}\ntls: {{secretName: a, secretNames: {{cd.acme.io: b}}}}",
        "error",
        "spec.tls.secretNames",
    ),
    (f"hosts: [cd.acme.io]\n{TLS}", "error", "spec.gateway.selector"),
    (f"hosts: [cd.acme.io]\n{GATEWAY}", "warning", "spec.tls.secretName"),
    (f"hosts: [cd.acme.io]\n{GATEWAY}\nmode: termination", "warning", "spec.tls.secretName"),
    (f"{HOSTS}\n{GATEWAY}\n{TLS}", "info", "spec.hosts"),
    (f"hosts: [cd.acme.io]\n{GATEWAY}\n{TLS}\nmode: termination", "info", "spec.mode"),
]


@pytest.mark.parametrize(("spec", "severity", "path"), PLAIN)
def test_a_plain_exposure_reports_generator_only_fields(spec: str, severity: str, path: str) -> None:
    _, findings = checked(exposure(spec, "Exposure"))
    assert (severity, path) in {(one.severity, one.path) for one in findings}


@pytest.mark.parametrize("spec", [spec for spec, *_ in PLAIN])
def test_generator_input_is_checked_by_generator_rules(spec: str) -> None:
    source = parse(exposure(spec, "Exposure").encode(), "exposure.yaml")
    found, findings = check(source, source.documents[0].root, generate=True)
    assert found and findings == []


def test_the_readmes_plain_exposure_has_no_findings() -> None:
    found, findings = checked(exposure(f"hosts: [cd.acme.io]\n{GATEWAY}\n{TLS}", "Exposure"))
    assert found and findings == []


FUNCTIONS = ["config.kubernetes.io/function", "config.k8s.io/function"]


@pytest.mark.parametrize("key", FUNCTIONS)
def test_a_plain_exposure_names_no_function(key: str) -> None:
    """kustomize may skip the function and pass the Exposure through, unchecked."""
    metadata = f"{{name: argocd, annotations: {{{key}: '{FUNCTION[FUNCTIONS[0]].strip()}'}}}}"
    found, findings = checked(exposure(f"hosts: [cd.acme.io]\n{GATEWAY}\n{TLS}", "Exposure", metadata))
    assert found is None and [str(one) for one in findings] == [
        f"exposure.yaml:3: metadata.annotations[{key}]: found a plain Exposure with the function annotation, "
        "expected none; write kind: ExposureGenerator and list it under generators:, or remove it"
    ]


@pytest.mark.parametrize("key", FUNCTIONS)
@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("''", "nothing"),
        ("hello", 'the text "hello"'),
        ("'[a]'", "a list"),
        ("'exec: {path'", "invalid YAML"),
        ("'{}'", "nothing at exec"),
        ("'exec: argocd-istio-generator'", 'the text "argocd-istio-generator" at exec'),
        ("'exec: {}'", "no path at exec"),
        ("'exec: {path: 1}'", "the number 1 at exec.path"),
        ("'exec: {path: [a]}'", "a list at exec.path"),
        ("'exec: {path: \"\"}'", 'the text "" at exec.path'),
        ("'{container: {image: a}, exec: {path: a}}'", "a container"),
        ("'{exec: {path: a}, network: true}'", 'the field "network"'),
        ("'exec: {path: a, image: b}'", 'the field "exec.image"'),
        ("'exec: {path: a, args: b}'", 'the text "b" at exec.args'),
        ("{exec: {path: a}}", "a mapping"),
        ("1", "the number 1"),
    ],
)
def test_a_function_that_cannot_run_is_found(key: str, function: str, words: str) -> None:
    found, findings = checked(exposure(HOSTS, metadata=f"{{name: argocd, annotations: {{{key}: {function}}}}}"))
    [line] = [str(one) for one in findings]
    assert found is None and line.startswith(f"exposure.yaml:3: metadata.annotations[{key}]: found {words}"), line
    assert "expected exec: {path: argocd-istio-generator}; write " in line


@pytest.mark.parametrize(
    "function",
    [
        "exec: {path: argocd-istio-generator}",
        '{"exec": {"path": "./a"}}',
        "{container: null, exec: {path: a, args: [b]}}",
    ],
)
def test_a_function_that_kustomize_can_run_passes(function: str) -> None:
    metadata = f"{{name: argocd, annotations: {{config.kubernetes.io/function: '{function}'}}}}"
    found, findings = checked(exposure(HOSTS, metadata=metadata))
    assert found and findings == []


def generated(spec: str) -> str:
    found, _ = checked(exposure(spec))
    assert found
    return to_yaml(complete(found))


@pytest.mark.parametrize("spec", RIGHT)
def test_generated_output_passes_and_is_reproducible(spec: str) -> None:
    text = generated(spec)
    found, findings = checked(text)
    assert found and [one for one in findings if one.severity == "error"] == []
    assert to_yaml(complete(found)) == text


def test_the_generator_passes_the_ways_fields_through() -> None:
    spec = yaml.safe_load(
        generated(f"{HOSTS}\ngateway: {{existing: edge/a}}\nserver: {{service: b, labels: {{c: d}}}}")
    )
    assert spec["spec"]["gateway"]["existing"] == "edge/a"
    assert spec["spec"]["server"] == {"service": "b", "labels": {"c": "d"}}
    assert "server" not in yaml.safe_load(generated(HOSTS))["spec"]


def test_a_generated_address_has_no_path() -> None:
    text = generated(f"{HOSTS}\nurl: https://cd.acme.dev:8443").replace(
        "address: cd.acme.dev:8443", "address: cd.acme.dev/cd"
    )
    _, findings = checked(text)
    assert 'spec.address: found the path "/cd"' in str(findings[0])


TWO = f"{HOSTS}\nmode: termination\nurl: https://cd.acme.dev\ntls: {{secretName: a, secretNames: {{cd.acme.dev: b}}}}"


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("  - cd.acme.dev\n", "  - cd.acme.dev\n  - cd.acme.org\n", "spec.additionalUrls"),
        ("  - cd.acme.dev\n", "", "spec.additionalUrls"),
        ("address: cd.acme.dev", "address: cd.acme.io", "metadata.labels[argocd-istio.github.io/address]"),
        ("- https://cd.acme.io", "- https://cd.acme.dev", "spec.additionalUrls"),
        ("secretName: a\n", "secretName: b\n", "spec.tls.secretName"),
        ("credentialName: b", "credentialName: a", "metadata.labels[argocd-istio.github.io/servers]"),
        ("number: 443", "number: 8443", "spec.gateway.servers[1].port.number"),
        ("tls:\n        httpsRedirect: true", "tls: on", "spec.gateway.servers[0].tls"),
        ("hosts:\n      - ./cd.acme.dev", "hosts: ./cd.acme.dev", "spec.gateway.servers[2].hosts"),
        ("number: 443", 'number: "443"', "spec.gateway.servers[1].port.number"),
        ("httpsRedirect: true", "httpsRedirect: false", "spec.gateway.servers[0].tls.httpsRedirect"),
        ("        minProtocolVersion: TLSV1_2\n", "", "spec.gateway.servers[1].tls.minProtocolVersion"),
        ("mode: SIMPLE", "mode: SIMPLE\n        cipherSuites: []", "spec.gateway.servers[1].tls.cipherSuites"),
        ("github.io/mode: termination", "github.io/mode: passthrough", "metadata.labels[argocd-istio.github.io/mode]"),
        ("    argocd-istio.github.io/urls: generated\n", "", "spec.additionalUrls"),
        ("  mode: termination\n", "  mode: termination\n  url: https://cd.acme.dev\n", "spec.url"),
    ],
)
def test_a_hand_edited_generated_exposure_is_found(before: str, after: str, path: str) -> None:
    text = generated(TWO)
    changed = text.replace(before, after, 1)
    assert changed != text
    _, findings = checked(changed)
    assert path in {one.path for one in findings if one.severity == "error"}, [str(one) for one in findings]


@pytest.mark.parametrize("hosts", ["cd.x.io", "cd.x.io\n  - cd.acme.dev", "cd.acme.io\n  - cd.x.io"])
def test_findings_on_generated_exposures_state_the_expected_value(hosts: str) -> None:
    _, findings = checked(generated(TWO).replace("- cd.acme.io\n  - cd.acme.dev", f"- {hosts}", 1))
    assert findings and all("expected ;" not in str(one) for one in findings), [str(one) for one in findings]


def test_a_finding_becomes_a_line_and_a_result() -> None:
    resource = {"apiVersion": "v1", "kind": "Exposure", "name": "a"}
    finding = Finding("warning", "dir/f\x1b.yaml", 3, "spec.x", "found\ny", resource)
    assert str(finding) == "dir/f\\x1b.yaml:3: warning: spec.x: found\\ny"
    assert finding.result() == {
        "message": "found\\ny",
        "severity": "warning",
        "resourceRef": resource,
        "file": {"path": "dir/f\\x1b.yaml"},
        "field": {"path": "spec.x"},
    }
    assert str(Finding("error", "", 0, "", "found x", resource)) == "Exposure a: found x"


def test_no_finding_starts_a_ci_log_command() -> None:
    line = str(Finding("error", "::error file=x::y", 1, "", "z"))
    assert inert(line, "./").startswith("./::error") and inert("a::b", "./") == "a::b"


def test_findings_can_omit_file_and_lines() -> None:
    text = exposure("hosts: [493, '2001-01-01T00:00:00Z']")
    source = parse(text.encode(), "stdin")
    _, findings = check(source, source.documents[0].root, file="", lines=False)
    assert [str(one) for one in findings] == [
        "ExposureGenerator argocd: spec.hosts[0]: found the number 493, expected a host name; "
        "quote the value in the file: kustomize turns 0755 into 493 and 1e3 into 1000",
        "ExposureGenerator argocd: spec.hosts[1]: found the date 2001-01-01, expected a host name; "
        'quote it: "2001-01-01"',
    ]


@pytest.mark.parametrize(
    "spec",
    [
        lambda size: "hosts: [a.b]\n" + "".join(f"key{n}: x\n" for n in range(size)),
        lambda size: (
            f"hosts: [{', '.join(f'n{n}.a' for n in range(size))}]\nmode: termination\ntls:\n  secretNames:\n"
            + "".join(f"    m{n}.b: x\n" for n in range(size))
        ),
        lambda size: f"hosts: [{'a.b, ' * size}]",
        lambda size: (
            f"{'k' * (size // 10)}: x\nhosts: [{'h' * 10 * size}, {'9' * 10 * size}]\n"
            f"gateway: {{selector: {{{'s' * (size // 10)}: 1}}}}"
        ),
    ],
    ids=["fields", "secrets", "hosts", "long"],
)
def test_many_or_long_mistakes_are_few_short_lines(spec: Callable[[int], str]) -> None:
    small, large = exposure(spec(1_000)), exposure(spec(10_000))
    assert growth(checked, small, large) < LINEAR
    found, findings = checked(large)
    assert found is None
    assert len(findings) <= MOST + 1 and all(len(str(one)) < 500 for one in findings)
    assert len(findings) < MOST or "there may be more" in findings[-1].message
