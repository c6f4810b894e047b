"""The Exposure: its fields, and the form that the wiring reads.

The table FIELDS is the single definition of the fields. The checks, the JSON Schema and the reference in
docs/plugin.md are made from it.
"""

from __future__ import annotations

from argocd_istio import API_VERSION, GROUP
from argocd_istio.exposure.hosts import LONGEST_URL, PATTERN, URL_PATTERN, host_problem, split_url, url_problem
from argocd_istio.exposure.names import (
    GATEWAY,
    LABEL,
    LABEL_KEY,
    LABEL_VALUE,
    SHOWN,
    SUBDOMAIN,
    Problem,
    account_problem,
    gateway_problem,
    label_key_problem,
    label_value_problem,
    name_problem,
    namespace_problem,
    secret_problem,
    service_problem,
    shown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

PLAIN, GENERATOR = KINDS = ("Exposure", "ExposureGenerator")
PASSTHROUGH = "passthrough"
MODES = (PASSTHROUGH, "termination", "grpc-routing")
"""The components that a consumer can list."""
MODE_LABEL = f"{GROUP}/mode"
"""The label with the mode of a generated Exposure."""


def nearest(word: str, known: Iterable[str]) -> str:
    """ "did you mean KNOWN?" with the most similar known word, "" if none is similar."""
    from difflib import get_close_matches  # imported here to save its import time in runs without errors

    found = get_close_matches(word[:SHOWN], list(known)[:100], 1)
    return f"did you mean {found[0]}?" if found else ""


class Text:
    """A kind of text: its name, its rule, and the pattern and length for the schema."""

    __slots__ = ("longest", "noun", "pattern", "problem")

    def __init__(self, noun: str, problem: Callable[[str], Problem | None], pattern: str, longest: int) -> None:
        self.noun, self.problem, self.pattern, self.longest = noun, problem, pattern, longest


HOST = Text("a host name", host_problem, PATTERN, 253)
URL = Text("an address", url_problem, URL_PATTERN, LONGEST_URL)
SECRET = Text("the name of a Secret", secret_problem, SUBDOMAIN, 253)
NAMESPACE = Text("a namespace", namespace_problem, LABEL, 63)
KEY = Text("the key of a label", label_key_problem, LABEL_KEY, 317)
VALUE = Text("the value of a label", label_value_problem, LABEL_VALUE, 63)
ACCOUNT = Text("the name of a ServiceAccount", account_problem, SUBDOMAIN, 253)
SHARED = Text("the namespace and name of a Gateway", gateway_problem, GATEWAY, 317)
SERVICE = Text("the name of a Service", service_problem, LABEL, 63)
NAME = Text("a name", name_problem, SUBDOMAIN, 253)


def _mode_problem(mode: str) -> Problem | None:
    return None if mode in MODES else (shown(mode), f"one of {', '.join(MODES)}", nearest(mode, MODES) or "choose one")


MODE = Text("a mode", _mode_problem, "|".join(MODES), 32)


class Field:
    """One field. `shape` is "text", "list" (of `value`) or "map" (from `key` to `value`).

    `default` is what the generator fills in. `wired` are the fields of the completed Exposure that the wiring
    reads; a field without any is only for readers and checks. `plain` is whether kustomize alone can wire it:
    the others need the generator.
    """

    __slots__ = ("about", "default", "key", "path", "plain", "required", "shape", "value", "wired")

    def __init__(
        self,
        path: str,
        shape: str,
        value: Text,
        about: str,
        *,
        key: Text | None = None,
        default: Any = None,
        required: bool = False,
        plain: bool = True,
        wired: tuple[str, ...] = (),
    ) -> None:
        self.path, self.shape, self.value, self.about, self.key = path, shape, value, about, key
        self.default, self.required, self.plain, self.wired = default, required, plain, wired

    @property
    def expected(self) -> str:
        """The whole value in words."""
        if self.key:
            return f"a mapping from {self.key.noun} to {self.value.noun}"
        return f"a list of {self.value.noun.removeprefix('a ')}s" if self.shape == "list" else self.value.noun


FIELDS = (
    Field(
        "spec.mode",
        "text",
        MODE,
        "The mode that you list under `components:`. If it is stated, the fields are checked against it, and a "
        "generated Exposure fails the build of another mode.",
        wired=(f"metadata.labels[{MODE_LABEL}]",),
    ),
    Field(
        "spec.hosts",
        "list",
        HOST,
        "The host names of Argo CD. The first is its public address.",
        required=True,
        wired=("spec.hosts", "spec.address", "spec.additionalUrls", "spec.gateway.servers"),
    ),
    Field(
        "spec.url",
        "text",
        URL,
        "The public address, for single sign-on, if it is not `https://` and the first host. Its port applies to "
        "the further hosts too. It has no path: argocd-server serves `/`.",
        plain=False,
        wired=("spec.address", "spec.additionalUrls"),
    ),
    Field(
        "spec.gateway.namespace",
        "text",
        NAMESPACE,
        "The namespace of the gateway's pods and of the Secrets of the certificates.",
        default="istio-system",
        wired=("spec.gateway.namespace",),
    ),
    Field(
        "spec.gateway.selector",
        "map",
        VALUE,
        "The labels of the gateway's pods: `istio: ingressgateway` of istioctl, `istio: ingress` of Helm.",
        key=KEY,
        default={"istio": "ingressgateway"},
        wired=("spec.gateway.selector",),
    ),
    Field(
        "spec.gateway.serviceAccount",
        "text",
        ACCOUNT,
        "The ServiceAccount of the gateway's pods, which `components/mesh` admits. The default is istioctl's; Helm's "
        "chart names it after the release.",
        default="istio-ingressgateway-service-account",
        wired=("spec.gateway.serviceAccount",),
    ),
    Field(
        "spec.gateway.existing",
        "text",
        SHARED,
        "The Gateway of somebody else that the routes bind to, for `components/existing-gateway`.",
        wired=("spec.gateway.existing",),
    ),
    Field(
        "spec.server.service",
        "text",
        SERVICE,
        "The Service of an argocd-server that is already installed, for `exposure-only`: `argocd-server` in upstream's "
        "install. It is in the namespace of your kustomization.",
        wired=("spec.server.service",),
    ),
    Field(
        "spec.server.labels",
        "map",
        VALUE,
        "The labels of its pods, as in the selector of that Service.",
        key=KEY,
        wired=("spec.server.labels",),
    ),
    Field(
        "spec.tls.secretName",
        "text",
        SECRET,
        "The Secret of the certificate. Not allowed under passthrough, where argocd-server shows its own.",
        default="argocd-certificate",
        wired=("spec.tls.secretName", "spec.gateway.servers"),
    ),
    Field(
        "spec.tls.secretNames",
        "map",
        SECRET,
        "The Secrets of hosts with another certificate than `secretName`, by host. Requires `mode`.",
        key=HOST,
        plain=False,
        wired=("spec.tls.secretName", "spec.gateway.servers"),
    ),
    Field(
        "spec.scraper.namespace",
        "text",
        NAMESPACE,
        "The namespace of the pods that may read the metrics of argocd-server, for `components/mesh-scraper`.",
        wired=("spec.scraper.namespace",),
    ),
    Field(
        "spec.scraper.serviceAccount",
        "text",
        ACCOUNT,
        "The ServiceAccount of these pods.",
        wired=("spec.scraper.serviceAccount",),
    ),
)
BY_PATH = {field.path: field for field in FIELDS}

# Fields that only the generator writes, each with the label that marks it.
GENERATED = {
    "spec.address": f"{GROUP}/address",
    "spec.additionalUrls": f"{GROUP}/urls",
    "spec.gateway.servers": f"{GROUP}/servers",
}
MADE = frozenset({MODE_LABEL, *GENERATED.values()})
"""The labels of a generated Exposure."""
LOCAL = "config.kubernetes.io/local-config"
FUNCTION = "config.kubernetes.io/function"
"""The annotation that names the program for kustomize."""
FUNCTIONS = (FUNCTION, "config.k8s.io/function")
"""With the older form, which kustomize accepts too."""
RUN = "exec: {path: argocd-istio-generator}"
"""What it says."""


class Exposure:
    """The values of an Exposure, with the defaults filled in.

    `existing` is the Gateway of somebody else, `server` the Service and labels of an installed argocd-server.
    `secrets` is the Secret of each host, in the order of `hosts`; empty under passthrough. `account` is the
    gateway's; `scraper` has the namespace and the ServiceAccount of the scraper, if stated.
    """

    __slots__ = (
        "account",
        "existing",
        "hosts",
        "mode",
        "name",
        "namespace",
        "scraper",
        "secrets",
        "selector",
        "server",
        "url",
    )

    def __init__(
        self,
        name: str,
        hosts: list[str],
        mode: str | None,
        url: str | None,
        namespace: str,
        selector: dict[str, str],
        account: str,
        secrets: dict[str, str],
        scraper: dict[str, str],
        existing: str | None = None,
        server: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.hosts, self.mode = name, hosts, mode
        self.url = url or f"https://{hosts[0]}"
        self.namespace, self.selector, self.account = namespace, selector, account
        self.secrets, self.scraper = secrets, scraper
        self.existing, self.server = existing, server


def complete(exposure: Exposure) -> dict[str, Any]:
    """The object that the wiring in components/exposure reads.

    Its labels mark the values that kustomize could not derive.
    """
    hosts, labels = exposure.hosts, {}
    spec: dict[str, Any] = {}
    if exposure.mode:
        labels[MODE_LABEL] = spec["mode"] = exposure.mode
    spec["hosts"] = hosts
    if exposure.url != f"https://{hosts[0]}":
        labels[GENERATED["spec.address"]] = "generated"
        spec["address"] = exposure.url.removeprefix("https://")
    if len(hosts) > 1:
        labels[GENERATED["spec.additionalUrls"]] = "generated"
        own, rest = split_url(exposure.url) or (hosts[0], "")
        spec["additionalUrls"] = "".join(f"- https://{host}{rest}\n" for host in hosts if host != own)
    spec["gateway"] = {
        "namespace": exposure.namespace,
        "selector": exposure.selector,
        "serviceAccount": exposure.account,
    }
    if exposure.existing:
        spec["gateway"]["existing"] = exposure.existing
    if len(set(exposure.secrets.values())) > 1:
        labels[GENERATED["spec.gateway.servers"]] = "generated"
        spec["gateway"]["servers"] = _servers(exposure)
    if exposure.secrets:
        spec["tls"] = {"secretName": exposure.secrets[hosts[0]]}
    if exposure.server:
        spec["server"] = exposure.server
    if exposure.scraper:
        spec["scraper"] = exposure.scraper
    metadata: dict[str, Any] = {"name": exposure.name}
    if labels:
        metadata["labels"] = labels
    metadata["annotations"] = {LOCAL: "true"}
    return {"apiVersion": API_VERSION, "kind": PLAIN, "metadata": metadata, "spec": spec}


def _servers(exposure: Exposure) -> list[dict[str, Any]]:
    """The Gateway's servers in the form of base/istio, with one HTTPS server for each Secret."""
    by_secret: dict[str, list[str]] = {}
    for host, secret in exposure.secrets.items():
        by_secret.setdefault(secret, []).append(f"./{host}")
    servers: list[dict[str, Any]] = [
        {
            "name": "http",
            "port": {"number": 80, "name": "http", "protocol": "HTTP"},
            "hosts": [f"./{host}" for host in exposure.hosts],
            "tls": {"httpsRedirect": True},
        }
    ]
    for number, (secret, hosts) in enumerate(by_secret.items(), 1):
        # The wiring copies spec.tls.secretName into the server "https", which is that of the first host.
        name = "https" if number == 1 else f"https-{number}"
        tls = {"mode": "SIMPLE", "credentialName": secret, "minProtocolVersion": "TLSV1_2"}
        port = {"number": 443, "name": name, "protocol": "HTTPS"}
        servers.append({"name": name, "port": port, "hosts": hosts, "tls": tls})
    return servers
