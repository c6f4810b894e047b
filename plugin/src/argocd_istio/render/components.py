"""Argo CD's own workloads, settings and roles, and other ways to argocd-server than the gateway.

Pod Security: `restricted` in https://kubernetes.io/docs/concepts/security/pod-security-standards/. Settings:
`cmd/argocd-server/commands/argocd_server.go` and `server/server.go` of Argo CD.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from argocd_istio.render.argocd_server import flag, insecure, variable
from argocd_istio.render.objects import CORE, Chosen, Objects, Place, Selectors
from argocd_istio.render.parts import (
    Component,
    Container,
    Door,
    Guard,
    HostPolicy,
    Idle,
    Injection,
    Keys,
    Project,
    Wide,
)
from argocd_istio.render.policies import Policies, targets
from argocd_istio.render.workloads import Mesh, Workload
from argocd_istio.syntax.nodes import fields, is_true, items, labels, number, scalar, text, texts
from argocd_istio.syntax.source import Node

PART_OF = "app.kubernetes.io/part-of"
_RBAC = "rbac.authorization.k8s.io"
_ENFORCE = "pod-security.kubernetes.io/enforce"
PARAMETERS = "argocd-cmd-params-cm"
_CONFIGS = ("argocd-cm", PARAMETERS, "argocd-rbac-cm")
_PROFILES = ("RuntimeDefault", "Localhost")
_HOST = ("hostNetwork", "hostPID", "hostIPC")
CRDS = ("applications.argoproj.io", "applicationsets.argoproj.io", "appprojects.argoproj.io")


class _Accounts:
    """The ServiceAccounts, and which of them a role is bound to."""

    def __init__(self, objects: Objects) -> None:
        self._bound = {
            (text(each, "namespace") or item.namespace, text(each, "name"))
            for kind in ("RoleBinding", "ClusterRoleBinding")
            for item in objects.of(_RBAC, kind)
            for each in items(item.node, "subjects")
        }
        self._objects = objects

    def needed(self, namespace: str, name: str) -> bool:
        return (namespace, name) in self._bound

    def mounts(self, workload: Workload, name: str) -> bool:
        """Whether the token is mounted: the pod's own field counts before the account's."""
        own = scalar(workload.template, "spec", "automountServiceAccountToken")
        account = self._objects.one(CORE, "ServiceAccount", workload.item.namespace, name)
        field = ("automountServiceAccountToken",)
        stated = own or scalar(account.node if account else None, *field)
        return stated is None or stated.value != "false"


def components(objects: Objects, found: list[Workload], mesh: Mesh, policies: Policies) -> Iterator[Component]:
    """The workloads of Argo CD: those in a namespace with an argocd-server that have its label or program."""
    homes = {each.item.namespace for each in found if each.argocd_server()}
    namespaces = {item.name: labels(item.node, "metadata", "labels") for item in objects.of(CORE, "Namespace")}
    budgets = Selectors(
        (item.namespace, labels(item.spec, "selector", "matchLabels"), True)
        for item in objects.of("policy", "PodDisruptionBudget")
    )
    accounts = _Accounts(objects)
    for each in found:
        item = each.item
        server = each.argocd_server() is not None
        part_of = labels(item.node, "metadata", "labels").get(PART_OF) or each.labels.get(PART_OF)
        if not server and (item.namespace not in homes or part_of != "argocd"):
            continue
        account = text(each.template, "spec", "serviceAccountName") or "default"
        own = namespaces.get(item.namespace, {})
        refused = "false" in (each.labels.get(_INJECT), each.annotations.get(_INJECT))
        pod = each.at("spec")
        yield Component(
            title=item.title,
            kind=item.kind,
            server=server,
            replicas=number(item.spec, "replicas") if text(item.spec, "replicas") else -1,
            mesh=mesh.membership(each),
            injects=own.get("istio-injection") == "enabled"
            or bool(own.get("istio.io/rev") and "istio-injection" not in own),
            opted_out=refused,
            enforced=own.get(_ENFORCE, ""),
            seccomp=text(pod.node, "securityContext", "seccompProfile", "type") in _PROFILES,
            weak=tuple(_weak_pod(pod)),
            containers=tuple(_containers(each)),
            mounts_token=accounts.mounts(each, account),
            needs_token=accounts.needed(item.namespace, account),
            budget=bool(budgets.first(item.namespace, each.labels)),
            place=Place(item),
            reads=frozenset(_reads(each)),
            labels=each.labels,
            ingress=policies.networks(each),
            egress=policies.networks(each, "egress"),
        )


_INJECT = "sidecar.istio.io/inject"


def _containers(workload: Workload) -> Iterator[Container]:
    for kind in ("initContainers", "containers"):
        for at, node in enumerate(items(workload.template, "spec", kind)):
            place = workload.at("spec", kind, at)
            own = fields(node, "resources", "requests")
            field = ("securityContext", "runAsUser")
            user_at = place.at(*field) if text(node, *field) else workload.at("spec").at(*field)
            user = text(user_at.node)
            words = texts(node, "args")
            yield Container(
                name=text(node, "name"),
                image=text(node, "image"),
                requests=bool(own) or bool(fields(node, "resources", "limits")),
                weak=tuple(_weak(place, workload.template)),
                user=int(user) if user.isascii() and user.isdigit() and len(user) < 12 else -1,
                user_at=user_at,
                begins=words[0] if words and not texts(node, "command") else "",
                place=place,
            )


def _reads(workload: Workload) -> Iterator[str]:
    """The keys of argocd-cmd-params-cm that variables and volumes name."""
    for container in workload.containers:
        for each in items(container, "env"):
            if text(each, "valueFrom", "configMapKeyRef", "name") == PARAMETERS:
                yield text(each, "valueFrom", "configMapKeyRef", "key")
    for volume in items(workload.template, "spec", "volumes"):
        if text(volume, "configMap", "name") == PARAMETERS:
            yield from (text(each, "key") for each in items(volume, "configMap", "items"))


def _weak_pod(pod: Place) -> Iterator[tuple[str, Place]]:
    for key in _HOST:
        if is_true(pod.node, key):
            yield key, pod.at(key)
    for at, volume in enumerate(items(pod.node, "volumes")):
        if fields(volume, "hostPath"):
            yield f"volumes[{at}].hostPath", pod.at("volumes", at)


def _weak(container: Place, template: Node | None) -> Iterator[tuple[str, Place]]:
    """The fields of a container that level restricted refuses."""
    own = container.at("securityContext")
    node = container.node.find("securityContext")
    pod = template.find("spec", "securityContext") if template else None
    if is_true(node, "privileged"):
        yield "privileged", own.at("privileged")
    allowed = scalar(node, "allowPrivilegeEscalation")
    if allowed is None or allowed.value != "false":
        yield "allowPrivilegeEscalation", own.at("allowPrivilegeEscalation")
    if "ALL" not in texts(node, "capabilities", "drop"):
        yield "capabilities.drop", own.at("capabilities")
    if set(texts(node, "capabilities", "add")) - {"NET_BIND_SERVICE"}:
        yield "capabilities.add", own.at("capabilities")
    if not is_true(node if scalar(node, "runAsNonRoot") else pod, "runAsNonRoot"):
        yield "runAsNonRoot", own.at("runAsNonRoot")
    user = node if scalar(node, "runAsUser") else pod
    if text(user, "runAsUser") == "0":
        yield "runAsUser", own.at("runAsUser")
    profile = node if fields(node, "seccompProfile") else pod
    if text(profile, "seccompProfile", "type") not in _PROFILES:
        yield "seccompProfile", own.at("seccompProfile")
    for at, port in enumerate(items(container.node, "ports")):
        if number(port, "hostPort"):
            yield f"ports[{at}].hostPort", container.at("ports", at)


def keys(objects: Objects) -> Iterator[Keys]:
    """The settings of Argo CD. Of its Secret only the keys are read."""
    for item in objects.of(CORE, "ConfigMap"):
        if item.name in _CONFIGS:
            yield Keys(item.namespace, item.name, labels(item.node, "data"), Place(item))
    for item in objects.of(CORE, "Secret"):
        if item.name == "argocd-secret":
            found = {**labels(item.node, "data"), **labels(item.node, "stringData")}
            yield Keys(item.namespace, item.name, {key: "set" for key, value in found.items() if value}, Place(item))


_HEADERS = {"x-frame-options": "X-Frame-Options", "content-security-policy": "Content-Security-Policy"}
LOGINS = "ARGOCD_MAX_CONCURRENT_LOGIN_REQUESTS_COUNT"


def guards(objects: Objects, found: Iterable[Workload]) -> Iterator[Guard]:
    """The protections of argocd-server that are turned off.

    Without AllowEmpty, `StringFromEnv` in `util/env/env.go` takes an empty variable for an absent one.
    """
    for each in found:
        container = each.argocd_server()
        if container is None:
            continue
        off, because, setting = insecure(container, objects, "disable-auth", "ARGOCD_SERVER_DISABLE_AUTH")
        if off:
            yield Guard("authentication", because, setting.place)
        words = [(at, text(node)) for at, node in enumerate(items(container.node, "args"))]
        for at, word in words:
            name, assigned, value = word.removeprefix("--").partition("=")
            bare = not assigned and (at + 1 < len(words) and not words[at + 1][1])
            if word.startswith("--") and name in _HEADERS and not value and (assigned or bare):
                yield Guard(_HEADERS[name], f"--{name} is empty", container.at("args", at))
            if word == "--api-content-types=" or (name == "api-content-types" and bare):
                yield Guard("content types", "--api-content-types is empty", container.at("args", at))
        if not flag(container, "api-content-types", "").text:
            yield from _any_content(container, objects)
        logins = variable(container, LOGINS, objects)
        if logins.text == "0":
            yield Guard("logins", f"{LOGINS}: 0", logins.place)


def _any_content(container: Place, objects: Objects) -> Iterator[Guard]:
    """An empty list of content types: the variable itself, or the key that it takes."""
    for at, node in enumerate(items(container.node, "env")):
        if text(node, "name") != "ARGOCD_API_CONTENT_TYPES":
            continue
        owner, key = (text(node, "valueFrom", "configMapKeyRef", each) for each in ("name", "key"))
        item = objects.one(CORE, "ConfigMap", container.object.namespace, owner) if owner else None
        given = labels(item.node, "data") if item else {}
        if item and key in given and not given[key]:
            yield Guard("content types", f"{key} is empty", Place(item).at("data", key))
        elif "value" in fields(node) and not text(node, "value") and not owner:
            yield Guard("content types", "ARGOCD_API_CONTENT_TYPES is empty", container.at("env", at))


def doors(objects: Objects, found: list[Workload]) -> Iterator[Door]:
    """Services of argocd-server that the outside reaches, and Ingresses that lead to them."""
    servers: Chosen[bool] = Chosen()
    for each in found:
        if each.argocd_server():
            servers.add(each.item.namespace, each.labels, True)
    ours = set()
    for item in objects.of(CORE, "Service"):
        if not servers.of(item.namespace, labels(item.spec, "selector")):
            continue
        ours.add((item.namespace, item.name))
        place, kind = Place(item).at("spec"), text(item.spec, "type")
        if kind in ("LoadBalancer", "NodePort"):
            yield Door(f"Service {item.title} has type {kind}", False, place.at("type"))
        elif items(item.spec, "externalIPs"):
            yield Door(f"Service {item.title} has externalIPs", False, place.at("externalIPs"))
    for item in objects.of("networking.k8s.io", "Ingress"):
        named = [
            text(path, "backend", "service", "name")
            for rule in items(item.spec, "rules")
            for path in items(rule, "http", "paths")
        ]
        named.append(text(item.spec, "defaultBackend", "service", "name"))
        if any((item.namespace, name) in ours for name in named):
            yield Door(f"Ingress {item.title} leads to argocd-server, too", True, Place(item).at("spec"))


def wide(objects: Objects, found: Iterable[Component]) -> Iterator[Wide]:
    """The ClusterRoles of Argo CD's accounts that reach every resource."""
    names: dict[tuple[str, str], str] = {}
    for each in found:
        account = text(_template(each), "spec", "serviceAccountName")
        names[each.namespace, account] = each.title.partition("/")[2]
    for binding in objects.of(_RBAC, "ClusterRoleBinding"):
        parts = [
            names[key]
            for each in items(binding.node, "subjects")
            if (key := (text(each, "namespace"), text(each, "name"))) in names
        ]
        role = objects.one(_RBAC, "ClusterRole", "default", text(binding.node, "roleRef", "name"))
        if not parts:
            continue
        if role is None:
            if text(binding.node, "roleRef", "name") == "cluster-admin":
                yield Wide("cluster-admin", parts[0], True, Place(binding).at("roleRef"))
            continue
        for at, rule in enumerate(items(role.node, "rules")):
            everywhere = "*" in texts(rule, "apiGroups") and "*" in texts(rule, "resources")
            verbs = set(texts(rule, "verbs"))
            if everywhere and verbs & {"*", "create", "update", "patch", "delete"}:
                yield Wide(role.name, parts[0], "*" in verbs, Place(role).at("rules", at))
                break


def _template(component: Component) -> Node | None:
    node = component.place.node
    return node if component.kind == "Pod" else node.find("spec", "template")


def injections(objects: Objects) -> Iterator[Injection]:
    for item in objects.of(CORE, "Namespace"):
        own = labels(item.node, "metadata", "labels")
        if "istio-injection" in own and "istio.io/rev" in own:
            yield Injection(item.name, Place(item).at("metadata", "labels").at("istio.io/rev"))


def projects(objects: Objects) -> Iterator[Project]:
    for item in objects.of("argoproj.io", "AppProject"):
        everywhere = any(
            text(each, "namespace") == "*" and "*" in (text(each, "server"), text(each, "name"))
            for each in items(item.spec, "destinations")
        )
        everything = "*" in texts(item.spec, "sourceRepos") and everywhere
        yield Project(item.title, everything, Place(item).at("spec"))


def crds(objects: Objects) -> Iterator[Place]:
    """Argo CD's CustomResourceDefinitions."""
    for item in objects.of("apiextensions.k8s.io", "CustomResourceDefinition"):
        if item.name in CRDS:
            yield Place(item)


def idle(objects: Objects, found: list[Workload]) -> Iterator[Idle]:
    """The policies for Argo CD's pods that select none, in namespaces whose pods these files have."""
    homes = {each.item.namespace for each in found if each.argocd_server()}
    pods: Chosen[bool] = Chosen()
    around: Chosen[bool] = Chosen()
    for each in found:
        pods.add(each.item.namespace, each.labels, True)
        if each.argocd_server():
            around.add(each.item.namespace, labels(each.item.node, "metadata", "labels"), True)
    for item in objects.of("security.istio.io", "AuthorizationPolicy"):
        selector = labels(item.spec, "selector", "matchLabels")
        meant = any("argocd" in value for value in selector.values()) or around.of(item.namespace, selector)
        if item.namespace in homes and selector and meant and not pods.of(item.namespace, selector):
            named = tuple(f"{key}={value}" for key, value in selector.items())
            yield Idle(item.title, named, Place(item).at("spec", "selector", "matchLabels"))


def of_hosts(objects: Objects, found: list[Workload]) -> Iterator[HostPolicy]:
    """The policies with hosts, for labels that no pod of their namespace here has, or for a Gateway."""
    pods: Chosen[bool] = Chosen()
    for each in found:
        pods.add(each.item.namespace, each.labels, True)
    for item in objects.of("security.istio.io", "AuthorizationPolicy"):
        operations = [to.find("operation") for rule in items(item.spec, "rules") for to in items(rule, "to")]
        hosts = tuple(dict.fromkeys(host for each in operations for host in texts(each, "hosts")))
        selector = labels(item.spec, "selector", "matchLabels")
        gateways = tuple(text(each, "name") for each in targets(item) if text(each, "kind") == "Gateway")
        if hosts and (gateways or (selector and not pods.of(item.namespace, selector))):
            named = tuple(f"{key}={value}" for key, value in selector.items())
            place = Place(item).at("metadata", "namespace")
            provider = text(item.spec, "provider", "name") if text(item.spec, "action") == "CUSTOM" else ""
            selected = () if gateways else named
            yield HostPolicy(item.title, item.namespace, provider, selected, gateways, hosts, place)


def namespaces(objects: Objects) -> dict[str, dict[str, str]]:
    """The labels of each Namespace, and the one that Kubernetes adds."""
    return {
        item.name: {**labels(item.node, "metadata", "labels"), METADATA_NAME: item.name}
        for item in objects.of(CORE, "Namespace")
    }


METADATA_NAME = "kubernetes.io/metadata.name"


def has_cni(objects: Objects) -> bool:
    """Whether istio-cni is in these files."""
    return any("istio-cni" in item.name for item in objects.of("apps", "DaemonSet"))
