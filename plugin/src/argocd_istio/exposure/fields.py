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
    PARENT_GROUPS,
    SHOWN,
    SUBDOMAIN,
    Problem,
    account_problem,
    class_problem,
    gateway_problem,
    instance_problem,
    label_key_problem,
    label_value_problem,
    name_problem,
    namespace_problem,
    secret_problem,
    section_problem,
    service_problem,
    shown,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

PLAIN, GENERATOR = KINDS = ("Exposure", "ExposureGenerator")
VALIDATOR = "ExposureValidator"
"""What configures the rules of `lint` in a build."""
PASSTHROUGH, TERMINATION, GRPC_ROUTING = MODES = ("passthrough", "termination", "grpc-routing")
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
INSTANCE = Text("the name of an instance", instance_problem, LABEL, 63)
SERVICE = Text("the name of a Service", service_problem, LABEL, 63)
CLASS = Text("the name of a GatewayClass", class_problem, SUBDOMAIN, 253)
SECTION = Text("the name of a listener", section_problem, SUBDOMAIN, 253)
NAME = Text("a name", name_problem, SUBDOMAIN, 253)


def _mode_problem(mode: str) -> Problem | None:
    return None if mode in MODES else (shown(mode), f"one of {', '.join(MODES)}", nearest(mode, MODES) or "choose one")


LISTENER_SET = "ListenerSet"
PARENT_KINDS = ("Gateway", LISTENER_SET)
"""The objects of the Gateway API that routes bind to."""


def _group_problem(group: str) -> Problem | None:
    return None if group in PARENT_GROUPS else (shown(group), PARENT_GROUPS[0], "write that, or remove it")


def _kind_problem(kind: str) -> Problem | None:
    hint = nearest(kind, PARENT_KINDS) or "choose one"
    return None if kind in PARENT_KINDS else (shown(kind), " or ".join(PARENT_KINDS), hint)


PARENT_GROUP = Text("an API group", _group_problem, PARENT_GROUPS[0].replace(".", r"\."), 32)
PARENT_KIND = Text("a kind", _kind_problem, "|".join(PARENT_KINDS), 32)
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


def _parent(path: str, whose: str, section: str, wired: tuple[str, ...], required: bool = False) -> tuple[Field, ...]:
    """The fields of a parent of routes, which the wiring copies as a whole.

    `section`, `wired` and `required` are of its sectionName.
    """
    name = f"The name of {whose}"
    # components/edge-login copies two of them by themselves.
    alone = path == "spec.gateway.parent"
    group = f"Its API group, {PARENT_GROUPS[0]}. If it and `kind` are left out, kubectl reports each apply as a change."
    return (
        Field(f"{path}.group", "text", PARENT_GROUP, group, wired=(path,)),
        Field(f"{path}.kind", "text", PARENT_KIND, "Its kind. A Gateway, if left out.", wired=(path,)),
        Field(f"{path}.name", "text", NAME, name, required=True, wired=(path, *[f"{path}.name"] * alone)),
        Field(
            f"{path}.namespace",
            "text",
            NAMESPACE,
            "Its namespace. That of Argo CD, if left out.",
            wired=(path, *[f"{path}.namespace"] * alone),
        ),
        Field(f"{path}.sectionName", "text", SECTION, section, wired=wired, required=required),
    )


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
        wired=(
            "spec.hosts",
            "spec.hosts.0",
            "spec.address",
            "spec.additionalUrls",
            "spec.gateway.servers",
            "spec.gateway.listeners",
        ),
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
        "The namespace of the gateway's pods, of the Secrets of the certificates and of the policy of "
        "`components/edge-login`. No default with `existing`, `className` or `parent`. With the last two only "
        "`components/mesh` reads it, and the Secrets are in the namespace of Argo CD.",
        default="istio-system",
        wired=("spec.gateway.namespace",),
    ),
    Field(
        "spec.gateway.selector",
        "map",
        VALUE,
        "The labels of the gateway's pods: `istio: ingressgateway` of istioctl, `istio: ingress` of Helm. No default "
        "with `existing`, `className` or `parent`.",
        key=KEY,
        default={"istio": "ingressgateway"},
        wired=("spec.gateway.selector",),
    ),
    Field(
        "spec.gateway.serviceAccount",
        "text",
        ACCOUNT,
        "The ServiceAccount of the gateway's pods, which `components/mesh` admits. The default is istioctl's; Helm's "
        "chart names it after the release. No default with `existing`, `className` or `parent`: with the last two, "
        "Istio names it after the Gateway and its class, `argocd-istio` for ours of class `istio`.",
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
        "spec.gateway.className",
        "text",
        CLASS,
        "The GatewayClass of our Gateway of the Gateway API, for `components/gateway-api`: `istio` of Istio.",
        wired=("spec.gateway.className", "spec.gateway.listeners"),
    ),
    *_parent(
        "spec.gateway.parent",
        "the Gateway of somebody else, of the Gateway API, for `components/gateway-api/existing-gateway` and "
        "`components/gateway-api/listener-set`.",
        "The listener that the routes bind to, for `components/gateway-api/existing-gateway`, which requires it. Not "
        "allowed with `components/gateway-api/listener-set`.",
        ("spec.gateway.parent", "spec.gateway.parent.sectionName"),
    ),
    *_parent(
        "spec.gateway.redirectParent",
        "the Gateway with the listener for plain HTTP, for `components/gateway-api/redirect`.",
        "That listener. A route without it would redirect HTTPS too.",
        ("spec.gateway.redirectParent", "spec.gateway.redirectParent.sectionName"),
        required=True,
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
        wired=("spec.tls.secretName", "spec.gateway.servers", "spec.gateway.listeners"),
    ),
    Field(
        "spec.tls.secretNames",
        "map",
        SECRET,
        "The Secrets of hosts with another certificate than `secretName`, by host. Requires `mode`.",
        key=HOST,
        plain=False,
        wired=("spec.tls.secretName", "spec.gateway.servers", "spec.gateway.listeners"),
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
    Field(
        "spec.instance",
        "text",
        INSTANCE,
        "The end of the names of the cluster roles, for `components/instance`: for a further Argo CD in a cluster.",
        wired=("spec.instance",),
    ),
)
BY_PATH = {field.path: field for field in FIELDS}

# Fields that only the generator writes, each with the label that marks it.
GENERATED = {
    "spec.address": f"{GROUP}/address",
    "spec.additionalUrls": f"{GROUP}/urls",
    "spec.gateway.servers": f"{GROUP}/servers",
    "spec.gateway.listeners": f"{GROUP}/listeners",
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
    `class_name`, `parent` and `redirect_parent` are of the Gateway API. With `existing` and the first two of these,
    `namespace`, `selector` and `account` are None if not stated. `secrets` is the Secret of each host, in the order of
    `hosts`; empty if the certificate is somebody else's. `account` is the gateway's; `scraper` has the namespace
    and the ServiceAccount of the scraper, if stated; `instance` is None for a first install.
    """

    __slots__ = (
        "account",
        "class_name",
        "existing",
        "hosts",
        "instance",
        "mode",
        "name",
        "namespace",
        "parent",
        "redirect_parent",
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
        namespace: str | None,
        selector: dict[str, str] | None,
        account: str | None,
        secrets: dict[str, str],
        scraper: dict[str, str],
        existing: str | None = None,
        server: dict[str, Any] | None = None,
        *,
        instance: str | None = None,
        class_name: str | None = None,
        parent: dict[str, str] | None = None,
        redirect_parent: dict[str, str] | None = None,
    ) -> None:
        self.name, self.hosts, self.mode = name, hosts, mode
        self.url = url or f"https://{hosts[0]}"
        self.namespace, self.selector, self.account = namespace, selector, account
        self.secrets, self.scraper = secrets, scraper
        self.existing, self.server, self.instance = existing, server, instance
        self.class_name, self.parent, self.redirect_parent = class_name, parent, redirect_parent


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
    gateway: dict[str, Any] = {
        "namespace": exposure.namespace,
        "selector": exposure.selector,
        "serviceAccount": exposure.account,
        "existing": exposure.existing,
        "className": exposure.class_name,
        "parent": exposure.parent,
        "redirectParent": exposure.redirect_parent,
    }
    for name, made in (("servers", _servers(exposure)), ("listeners", _listeners(exposure))):
        if made:
            labels[GENERATED[f"spec.gateway.{name}"]] = "generated"
            gateway[name] = made
    spec["gateway"] = {name: value for name, value in gateway.items() if value}
    if exposure.secrets:
        spec["tls"] = {"secretName": exposure.secrets[hosts[0]]}
    if exposure.server:
        spec["server"] = exposure.server
    if exposure.scraper:
        spec["scraper"] = exposure.scraper
    if exposure.instance:
        spec["instance"] = exposure.instance
    metadata: dict[str, Any] = {"name": exposure.name}
    if labels:
        metadata["labels"] = labels
    metadata["annotations"] = {LOCAL: "true"}
    return {"apiVersion": API_VERSION, "kind": PLAIN, "metadata": metadata, "spec": spec}


def _servers(exposure: Exposure) -> list[dict[str, Any]]:
    """The Gateway's servers in the form of base/istio, with one HTTPS server for each Secret; none for one Secret."""
    if exposure.class_name or exposure.parent or len(set(exposure.secrets.values())) < 2:
        return []
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
        name = _numbered("https", number)
        tls = {"mode": "SIMPLE", "credentialName": secret, "minProtocolVersion": "TLSV1_2"}
        port = {"number": 443, "name": name, "protocol": "HTTPS"}
        servers.append({"name": name, "port": port, "hosts": hosts, "tls": tls})
    return servers


def _listeners(exposure: Exposure) -> list[dict[str, Any]]:
    """The listeners in the form of base/gateway-api, with one HTTPS listener for each host; none if those suffice.

    A Gateway of our own needs them for several Secrets, a ListenerSet for several hosts.
    """
    listener_set = bool(exposure.parent) and "sectionName" not in (exposure.parent or {})
    if listener_set:
        needed = len(exposure.hosts) > 1
    else:
        needed = bool(exposure.class_name) and len(set(exposure.secrets.values())) > 1
    if not needed:
        return []
    same = {"namespaces": {"from": "Same"}}
    http: list[dict[str, Any]] = [{"name": "http"}]
    if listener_set:
        http = [{"name": _numbered("http", at), "hostname": host} for at, host in enumerate(exposure.hosts, 1)]
    for listener in http:
        listener |= {"port": 80, "protocol": "HTTP", "allowedRoutes": same}
    https = []
    for at, host in enumerate(exposure.hosts, 1):
        tls: dict[str, Any] = {"mode": "Passthrough"}
        if exposure.mode != PASSTHROUGH:
            tls = {
                "mode": "Terminate",
                "certificateRefs": [{"group": "", "kind": "Secret", "name": exposure.secrets[host]}],
            }
        protocol = "TLS" if exposure.mode == PASSTHROUGH else "HTTPS"
        # The wiring copies spec.tls.secretName into the listener "https", which is that of the first host.
        name = _numbered("https", at)
        where = {"name": name, "hostname": host, "port": 443, "protocol": protocol}
        https.append({**where, "allowedRoutes": same, "tls": tls})
    return [*http, *https]


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
