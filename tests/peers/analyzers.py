"""The cases of Istio's own analyzers, read from the pinned module: files, and what Istio expects."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.peers.tools import Reports
from tools.build import istio_module

HERE = "pkg/config/analysis/analyzers"
PACKAGES = (
    "deprecation",
    "deployment.ServiceAssociation",
    "destinationrule",
    "gateway",
    "k8sgateway",
    "schemaValidation",  # of a VirtualService
    "service.",
    "virtualservice",
)
"""The analyzers of gateways, of routes and DestinationRules, and of the ports of Services."""


class Case(NamedTuple):
    """A case: the analyzer with its package, its files and the expected messages."""

    name: str
    analyzer: str
    files: tuple[Path, ...]
    expected: tuple[tuple[str, str], ...]


def cases() -> list[Case]:
    """The cases of `PACKAGES`, in the order of Istio's table."""
    folder = istio_module() / HERE
    text = (folder / "analyzers_test.go").read_text()
    grid = text[text.index("var testGrid") : text.index("\n}\n", text.index("var testGrid"))]
    found = []
    for entry in re.findall(r"^\t\{\n(.*?)^\t\},", grid, re.M | re.S):
        name, analyzer = (re.search(rf"{field}:\s*(.*),\n", entry)[1] for field in ("name", "analyzer"))  # type: ignore[index]
        inputs = re.search(r"inputFiles:\s*\[\]string\{(.*?)\}", entry, re.S)
        expected = entry[entry.index("expected:") :]
        files = tuple(folder / path for path in re.findall(r'"([^"]+)"', inputs[1] if inputs else ""))
        messages = tuple(re.findall(r'\{msg\.(\w+), "([^"]*)"\}', re.sub(r"//.*", "", expected)))
        case = Case(name.strip('"'), analyzer.lstrip("&").rstrip("{}"), files, messages)
        if case.analyzer.startswith(PACKAGES):
            found.append(case)
    return found


def codes() -> dict[str, str]:
    """The codes of Istio's messages, by their names in the table."""
    text = (istio_module() / "pkg/config/analysis/msg/messages.gen.go").read_text()
    return dict(re.findall(r'(\w+) = diag\.NewMessageType\(diag\.\w+, "(IST\d+)"', text))


_ELSEWHERE = "The gateway's Service or Secret is not in this file: not checked"
_PORTS = "A14, A15, A16: only the ports of argocd-server's Services matter to the exposure"
_NOT_OURS = "No rule"
_SAME_HOST = "C19 is true too: the Gateways of this file share a host, and Istio keeps one"
_TCP = "C19 if both have TLS. A server of TCP or HTTP at the port of one with HTTPS is not found"

AT_ARGOCD_SERVER = {
    "deprecation": f"{_NOT_OURS}: the field works",
    "gateway-no-workload": "D01 with --gateway-labels; D23 here, because the Gateway has no servers",
    "gateway-no-port": f"D16. {_ELSEWHERE}; `istioctl` assumes Istio's default gateway",
    "gateway-custom-ingressgateway-badport": "D16",
    "gateway-custom-ingressgateway-badport-notarget": "D16",
    "gateway-custom-ingressgateway-svcselector": "D16",
    "gateway-secrets": f"D01, D08, D09. {_SAME_HOST}",
    "gateway-secrets-validation": f"C25, D09. {_SAME_HOST}",
    "conflicting-gateways": _TCP,
    "conflicting-gateways-multiple-ports": "C19; here D17, because port names repeat",
    "conflicting-gateways-subSelector": _TCP,
    "analyze-list-type": _TCP,
    "service-no-port-name": _PORTS,
    "incorrect-port-name-external-name-service-type": f"{_NOT_OURS}: argocd-server has no such Service",
    "virtualservice_conflictingmeshgatewayhosts": "C21; no request for Argo CD uses the mesh",
    "virtualservice_conflictingmeshgatewayhosts_with_exportto": "C21, of gateways, as above",
    "virtualservice_destinationhosts": "A19, A20",
    "virtualservice_destinationrules": "A32",
    "virtualservice_gateways": "D04, C04; here D23, because the Gateways have no servers",
    "virtualservice_jwtclaimroute": f"{_NOT_OURS}: Argo CD checks its tokens itself, no route asks for claims",
    "virtualservice_internal_gateway_ref": "C28: the Gateway is not in the files",
    "deployment-multi-service": f"{_NOT_OURS}: E12 is the case with two protocols, which breaks",
    "destinationrule-simple-destination": "A04, A28",
    "destinationrule-mutual-destination": "A04, A28",
    "destinationrule-simple-port": "A04, A28",
    "destinationrule-simple-destination-credentialname": "A04, A28",
    "destinationrule-simple-port-credentialname": "A04, A28",
    "destinationrule-mutual-port": "A04, A28",
    "destinationrule-compound-simple-mutual": "A04, A28",
    "destinationrule-compound-mutual-simple": "A04, A28",
    "virtualservice_dupmatches": "A17",
    "virtualservice_host_not_found_gateway": "C04",
    "virtualservice_host_not_found_gateway_beta": "C04",
    "virtualservice_host_not_found_gateway_with_ns_prefix": "D24",
    "virtualservice_host_not_found_gateway_with_ns_prefix_beta": "D24",
    "gateway-duplicate-certificate": "C22",
    "virtualservice_route_rule_no_effects_ingress": "D03: rules of the mesh do not apply at the gateway",
    "k8sgateway-selector": "F10: the policy selects nothing",
    "gateway-api-crd-version-old": "J13",
    "destinationrule-with-fake-host": f"{_NOT_OURS}: the object does nothing",
    "destinationrule-subsets-not-select-pods": "A32, if a route names the subset",
    "destinationrule-empty-topology-labels": "A32, if a route names the subset",
}
"""By the first file of a case in which Istio expects a message: the rules for the same fault, or why there is none."""


def rows(istioctl: Reports, lint: Callable[[tuple[Path, ...]], list[str]]) -> list[str]:
    """The rows of the table. Raises KeyError if a case with a message is not in `AT_ARGOCD_SERVER`."""
    named = codes()
    found = []
    for case in cases():
        stem = case.files[0].stem
        cells = (
            f"{case.analyzer.partition('.')[0]}: {stem}",
            _counted(named[name] for name, _ in case.expected),
            _counted(message.code for file in case.files for message in istioctl[file]),
            _counted(lint(case.files)),
            AT_ARGOCD_SERVER[stem] if case.expected else "",
        )
        found.append(f"| {' | '.join(cells)} |")
    return found


def _counted(words: Iterable[str]) -> str:
    """Each once, with its number if there are more."""
    return ", ".join(f"{word} x{number}" if number > 1 else word for word, number in sorted(Counter(words).items()))
