"""Who may connect to argocd-server and the gateway, by NetworkPolicies and AuthorizationPolicies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

from argocd_istio.lint.rule import Fault, Rule, Unchecked
from argocd_istio.lint.rules.binding import edges, gateways
from argocd_istio.render.components import METADATA_NAME
from argocd_istio.render.istio import ROOT
from argocd_istio.render.model import Authorization, Authorizations, Facts, Listener, Pods, Shared, Way
from argocd_istio.render.objects import Place
from argocd_istio.render.parts import Allowed, Caller, Component, HostPolicy, Labels, Networks, Peer

_NAMESPACE = "--gateway-namespace"
_Admitted = Literal["yes", "perhaps", "no", "port"]
"""Whether policies let the gateway connect; `port` if only to another port."""


class _Pods:
    """Pods as NetworkPolicies see them. `whole` is whether all their labels are known."""

    def __init__(self, facts: Facts, namespace: str, pods: Labels, whole: bool) -> None:
        self.namespace, self.pods, self.whole = namespace, pods, whole
        self.labels = facts.beside.namespaces.get(namespace)

    def meets(self, peer: Peer, own: str) -> bool | None:
        """Whether a peer of a policy in namespace `own` means them; None if unknown."""
        if peer.block or peer.vague:
            return None
        spaces = self.namespace == own if peer.namespaces is None else self._in(peer.namespaces)
        pods = True if peer.pods is None else _selects(peer.pods, self.pods, self.whole)
        return False if spaces is False or pods is False else None if spaces is None or pods is None else True

    def _in(self, wanted: Labels) -> bool | None:
        known = self.labels or {METADATA_NAME: self.namespace}
        return _selects(wanted, known, self.labels is not None)


def _selects(wanted: Labels, known: Labels, whole: bool) -> bool | None:
    """Whether labels are selected; `whole` is whether all of them are known."""
    if any(key in known and known[key] != value for key, value in wanted.items()):
        return False
    return True if wanted.items() <= known.items() else False if whole else None


def _connects(other: _Pods, networks: Networks, own: str, port: int) -> bool:
    """Whether policies in namespace `own` perhaps allow connections with other pods at a port."""
    rules = [rule for network in networks for rule in network.allowed if rule.has(port)]
    peers = (peer for rule in rules for peer in rule.peers or ())
    return any(rule.peers is None for rule in rules) or any(other.meets(peer, own) is not False for peer in peers)


def _admitted(gateway: _Pods, pods: Pods, service_ports: Iterable[int]) -> tuple[_Admitted, Allowed | None]:
    own = pods.name.partition("/")[0]
    found: tuple[_Admitted, Allowed | None] = ("no", None)
    for network in pods.networks:
        for rule in network.allowed:
            peers = [True] if rule.peers is None else [gateway.meets(peer, own) for peer in rule.peers]
            if rule.has(pods.port):
                if True in peers:
                    return "yes", rule
                if None in peers:
                    found = "perhaps", rule
            elif found[0] == "no" and set(peers) != {False} and (rule.lost or any(map(rule.has, service_ports))):
                found = "port", rule
    return found


def _judged(facts: Facts) -> Iterator[tuple[_Pods, Pods, Shared[int], _Admitted, Allowed | None]]:
    """What the NetworkPolicies of argocd-server's pods admit of each gateway, once for equal pods."""
    known: dict[tuple[str, tuple[str, ...]], _Pods] = {}
    seen: set[tuple[object, ...]] = set()
    for key, pods in facts.pods(lambda listener, found: (listener.namespace, listener.selector, found.ports)):
        namespace, selector, ports = key
        once = (*key, id(pods.networks), pods.port)
        # Ambient delivers everything to another port, which E09 judges.
        if not pods.argocd_server or not pods.networks or once in seen or pods.mesh == "ambient":
            continue
        seen.add(once)
        if (namespace, selector) not in known:
            edge = facts.edges.of.get((namespace, selector))
            known[namespace, selector] = _Pods(facts, namespace, edge.labels if edge else {}, bool(edge and edge.here))
        gateway = known[namespace, selector]
        yield gateway, pods, ports, *_admitted(gateway, pods, ports)


def _shut_out(facts: Facts) -> Iterator[Fault | Unchecked]:
    for gateway, pods, _, admitted, _ in _judged(facts):
        if admitted == "yes" or admitted == "port":
            continue
        if not gateway.namespace:
            yield Unchecked(_NAMESPACE, "whether argocd-server's NetworkPolicies admit the gateway")
        elif admitted == "perhaps":
            yield Unchecked(
                "",
                "whether argocd-server's NetworkPolicies admit the gateway, whose Namespace or pods are "
                "not in these files",
            )
        else:
            message = (
                f"no NetworkPolicy lets the gateway in namespace {gateway.namespace} connect to port {pods.port} of "
            )
            message += "argocd-server: the gateway answers 503"
            fix = f"add from: [{{namespaceSelector: {{matchLabels: {{{METADATA_NAME}: {gateway.namespace}}}}}}}]"
            yield Fault(pods, pods.networks[0].place, message, fix)


def _wrong_port(facts: Facts) -> Iterator[Fault]:
    for _, pods, ports, admitted, rule in _judged(facts):
        if admitted == "port" and rule:
            what = f"port {next(filter(rule.has, ports), 0)} of the Service"
            what = f"port {rule.lost[0]}, a name that no container has" if rule.lost else what
            message = f"the NetworkPolicy admits {what}, but not port {pods.port} of argocd-server's pods: the gateway "
            yield Fault(pods, rule.place, f"{message}answers 503", f"write port: {pods.port}")


def _servers(facts: Facts) -> Iterator[tuple[Pods, Networks]]:
    """argocd-server's pods with NetworkPolicies, once for equal ones."""
    seen = set()
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server and pods.networks and id(pods.networks) not in seen:
            seen.add(id(pods.networks))
            yield pods, pods.networks


def _everyone(facts: Facts) -> Iterator[Fault]:
    for pods, networks in _servers(facts):
        for network in networks:
            for rule in network.allowed:
                if (rule.peers is None or any(map(_anybody, rule.peers))) and rule.has(pods.port):
                    message = (
                        f"NetworkPolicy {network.title} admits every pod of the cluster to argocd-server, past the "
                    )
                    fix = "admit the gateway's namespace and pods, and delete or replace this policy: they add up"
                    yield Fault(pods, rule.place, f"{message}gateway", fix)
                    break


def _anybody(peer: Peer) -> bool:
    """Whether a peer means every pod of the cluster."""
    return peer.block in ("0.0.0.0/0", "::/0") or (peer.namespaces == {} and not peer.pods and not peer.vague)


_UNREAL = ("name", "metadata.name", "kubernetes.io/name")
"""Labels that are mistaken for that of a Namespace's name."""


def _unreal_label(facts: Facts) -> Iterator[Fault]:
    real = {key for own in facts.beside.namespaces.values() for key in own}
    for _, networks in _servers(facts):
        for peer in _peers(networks):
            for name in _UNREAL:
                if name in (peer.namespaces or {}) and name not in real:
                    message = f"the namespaceSelector asks for label {name}, which Kubernetes does not give to "
                    place = peer.place.at("namespaceSelector", "matchLabels").at(name)
                    yield Fault(None, place, f"{message}Namespaces", f"write {METADATA_NAME}")


def _peers(networks: Networks) -> Iterator[Peer]:
    return (peer for network in networks for rule in network.allowed for peer in rule.peers or ())


def _either(facts: Facts) -> Iterator[Fault]:
    selectors = {listener.selector for listener, _ in edges(facts)}
    wanted = {(key, value) for selector in selectors for key, _, value in (each.partition("=") for each in selector)}
    for _, networks in _servers(facts):
        for network in networks:
            for rule in network.allowed:
                alone = [peer for peer in rule.peers or () if peer.pods and peer.namespaces is None]
                spaces = any(peer.namespaces is not None and not peer.pods for peer in rule.peers or ())
                for peer in alone if spaces else ():
                    if wanted & {*(peer.pods or {}).items()}:
                        message = (
                            f"two items in from of NetworkPolicy {network.title}: all pods of that namespace, or the "
                        )
                        message += "gateway's labels in the own namespace"
                        fix = "write namespaceSelector and podSelector in one item"
                        yield Fault(None, peer.place, message, fix)


def _no_policy(facts: Facts) -> Iterator[Fault]:
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server and pods.mesh in ("sidecar", "ambient") and not pods.authorizations.allowing:
            message = "no AuthorizationPolicy for argocd-server: every workload of the mesh calls it past the gateway"
            yield Fault(pods, pods.place, message, "add components/mesh, or a policy for the gateway's principal")


def _selects_nothing(facts: Facts) -> Iterator[Fault]:
    for idle in facts.beside.idle:
        message = f"AuthorizationPolicy {idle.title} selects {','.join(idle.selector)}, which no pod here has: it "
        yield Fault(None, idle.place, f"{message}protects nothing", "select the labels of the pods")


def _requests_in_tls(facts: Facts) -> Iterator[Fault]:
    seen: set[int] = set()
    for _, listener, edge in gateways(facts):
        if not listener.passes_through or id(edge) in seen:
            continue
        seen.add(id(edge))
        for policy in edge.policies:
            if policy.of_requests:
                does = "refuses more" if policy.action == "DENY" else "admits nobody with them"
                message = (
                    f"AuthorizationPolicy {policy.title} uses fields of requests, but TLS passes through this server: "
                )
                yield Fault(
                    listener, policy.place, f"{message}it {does}", "use ports, addresses and connection.sni only"
                )


def _glob(pattern: str, text: str) -> bool:
    if pattern.endswith("*"):
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern.startswith("*") else text == pattern


def _principal(pattern: str, namespace: str, accounts: tuple[str, ...]) -> bool:
    """Whether a principal can be one of the gateway's; the trust domain is not known.

    Istio puts spiffe:// before each principal: one that begins with it is nobody's.
    """
    if pattern.startswith("spiffe://"):
        return False
    if pattern.startswith("*") or "/ns/" not in pattern:
        names = [f"/ns/{namespace}/sa/{account}" for account in accounts]
        return not names or pattern == "*" or pattern.endswith("*") or any(_glob(pattern, name) for name in names)
    own = pattern.partition("/ns/")[2]
    if not accounts:
        return (
            _glob(own, f"{namespace}/sa/")
            if own.endswith("*") and "/" not in own
            else own.startswith(f"{namespace}/sa/")
        )
    return any(_glob(own, f"{namespace}/sa/{account}") for account in accounts)


def _calls(caller: Caller, namespace: str, accounts: tuple[str, ...]) -> bool:
    """Whether the gateway can be this caller."""
    by_name = not caller.principals or any(_principal(each, namespace, accounts) for each in caller.principals)
    left_out = any(_glob(each, namespace) for each in caller.but[1])
    return (
        by_name
        and not left_out
        and (not caller.namespaces or any(_glob(each, namespace) for each in caller.namespaces))
    )


def _denied(caller: Caller, namespace: str, accounts: tuple[str, ...]) -> bool:
    """Whether a rule that denies certainly means the gateway: by its namespace alone."""
    others = any(_principal(each, namespace, accounts) for each in caller.but[0])
    return not caller.other and not caller.principals and not others and _calls(caller, namespace, accounts)


def _wrong_principal(facts: Facts) -> Iterator[Fault | Unchecked]:
    known: dict[tuple[object, ...], Authorization | None] = {}
    for key, pods in facts.pods(lambda listener, _: (listener.namespace, listener.selector)):
        namespace = key[0]
        policies = [each for each in pods.authorizations if each.action in ("ALLOW", "DENY")]
        if not pods.argocd_server or pods.mesh not in ("sidecar", "ambient") or not policies:
            continue
        if not namespace:
            yield Unchecked(_NAMESPACE, "whether the AuthorizationPolicies admit the gateway to argocd-server")
            continue
        edge = facts.edges.of.get(key)
        once = (*key, id(pods.authorizations))
        if once not in known:
            known[once] = _refusing(pods.authorizations, namespace, edge.accounts if edge else ())
        policy = known[once]
        if policy and policy.action == "DENY":
            message = f"AuthorizationPolicy {policy.name} denies the gateway in namespace {namespace}: it refuses all "
            yield Fault(pods, policy.place, f"{message}requests", f"leave namespace {namespace} out of what it denies")
        elif policy:
            message = f"AuthorizationPolicy {policy.name} admits no principal of the gateway in namespace {namespace}: "
            account = edge.accounts[0] if edge and edge.accounts else "ACCOUNT"
            fix = f"add principals: [cluster.local/ns/{namespace}/sa/{account}]"
            yield Fault(pods, policy.place, f"{message}it refuses all requests", fix)


def _refusing(policies: Authorizations, namespace: str, accounts: tuple[str, ...]) -> Authorization | None:
    """The policy that refuses the gateway: one that denies it, else one that admits others alone."""
    for each in policies:
        if each.action == "DENY" and any(_denied(caller, namespace, accounts) for caller in each.callers):
            return each
    callers = (caller for each in policies.allowing for caller in each.callers)
    admitted = not policies.allowing or any(_calls(caller, namespace, accounts) for caller in callers)
    return None if admitted else policies.allowing[0]


def _elsewhere(facts: Facts) -> Iterator[Fault | Unchecked]:
    for policy in facts.beside.of_hosts:
        means = [each for each in facts.listeners() if _means(policy, *each)]
        if means and policy.provider:
            why = f"whether the mesh configuration has the provider {policy.provider}: without it the gateway refuses"
            yield Unchecked("", why)
        if not means:
            yield from _without_pods(policy, facts)
        if not means or policy.namespace == ROOT:
            continue
        if policy.gateways:
            spaces = {listener.gateway.partition("/")[0] for _, listener in means}
        else:
            spaces = {listener.namespace or facts.namespace for _, listener in means}
        host = means[0][0].hosts[0]
        if "" in spaces:
            yield Unchecked(
                _NAMESPACE, f"whether AuthorizationPolicy {policy.title} is in the namespace of the gateway"
            )
        elif policy.namespace not in spaces:
            message = f"AuthorizationPolicy {policy.title} names {host}, but the gateway is in namespace "
            message += f"{sorted(spaces)[0]}: the policy protects nothing"
            fix = f"write namespace: {sorted(spaces)[0]}; a namespace: in the kustomization moves policies too"
            yield Fault(None, policy.place, message, fix)


def _without_pods(policy: HostPolicy, facts: Facts) -> Iterator[Fault]:
    """Beside the gateway's pods, a policy for other labels, which no pod there has."""
    for way, listener, edge in gateways(facts):
        if policy.selector and edge.here and listener.namespace == policy.namespace and _names(policy, way):
            message = f"AuthorizationPolicy {policy.title} names {way.hosts[0]}, but no pod there has its labels "
            message += f"{','.join(policy.selector)}: the policy protects nothing"
            fix = f"select {','.join(listener.selector)}, as Gateway {listener.gateway} does"
            yield Fault(None, Place(policy.place.object).at("spec", "selector"), message, fix)
            return


def _names(policy: HostPolicy, way: Way) -> bool:
    """Whether a policy names a host of the way."""
    named = [host.removesuffix(":*") for host in policy.hosts if host != "*"]
    return way.to_argocd_server and any(_glob(each, host) for each in named for host in way.hosts)


def _means(policy: HostPolicy, way: Way, listener: Listener) -> bool:
    """Whether a policy names a host of the way and, as far as known, the gateway of the listener."""
    if policy.gateways:
        gateway = listener.api != "Istio" and listener.gateway.rpartition("/")[2] in policy.gateways
    else:
        gateway = set(policy.selector) <= set(listener.selector) or not (listener.selector or listener.api != "Istio")
    return gateway and _names(policy, way)


def _hidden_clients(facts: Facts) -> Iterator[Fault | Unchecked]:
    mesh = facts.edges.mesh
    behind = {id(edge) for _, listener, edge in gateways(facts) if listener.tls_before}
    for _, edge in edges(facts):
        for policy in edge.policies:
            if not policy.blocks or edge.trusted or (mesh and mesh.trusted):
                continue
            if id(edge) in behind:
                message = f"AuthorizationPolicy {policy.title} compares addresses of clients, but the gateway sees "
                fix = "set numTrustedProxies, and compare remoteIpBlocks"
                yield Fault(None, policy.place, f"{message}those of the balancer that ends TLS", fix)
            elif not edge.services:
                yield Unchecked(
                    "", "whether the gateway's Service, which is not in these files, keeps clients' addresses"
                )
            elif not all(service.local for service in edge.services):
                message = (
                    f"AuthorizationPolicy {policy.title} compares addresses of clients, but the gateway sees those of "
                )
                message += "nodes"
                fix = "set externalTrafficPolicy: Local on the gateway's Service, or numTrustedProxies behind a proxy"
                yield Fault(None, policy.place, message, fix)


_NETWORK = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: argocd-server-network-policy}
            spec:
              ingress: """
_FROM = "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}"
_MESH = """
            apiVersion: v1
            kind: Namespace
            metadata:
              name: argocd
              labels: {istio-injection: enabled}"""
_LOGIN = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {{name: login, namespace: {}}}
            spec:
              selector: {{matchLabels: {{istio: ingressgateway}}}}
              action: CUSTOM
              provider: {{name: login}}
              rules: [{{to: [{{operation: {{hosts: [argocd.example.com]}}}}]}}]"""
_NEXT = """
            ---"""
_POLICY = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: argocd-server}
            spec:
              selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
              action: ALLOW
              rules: """
_BY = "[{from: [{source: {principals: [cluster.local/ns/"
_EDGE = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: edge, namespace: istio-system}
            spec:
              selector: {matchLabels: {istio: ingressgateway}}
              action: ALLOW
              rules: """
_SERVICE = """
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: istio-ingressgateway, namespace: istio-system}
            spec:
              type: LoadBalancer
              externalTrafficPolicy: """
_PORTS = """
              selector: {istio: ingressgateway}
              ports: [{name: http2, port: 80}, {name: https, port: 443}]
            """
_KUBERNETES = "NetworkPolicySpec in k8s.io/api/networking/v1"
_AUTHORIZATION = "pilot/pkg/security/authz/model/model.go of Istio"

_CALLED = {"argocd-repo-server": 8081, "argocd-redis": 6379, "argocd-redis-ha-haproxy": 6379}
"""The parts that argocd-server calls, by their label name, and their ports."""


def _inside(facts: Facts) -> Iterator[tuple[Component, Component, int]]:
    """The first argocd-server of each namespace, with the first of each part that it calls there, and its port."""
    servers: dict[str, Component] = {}
    for each in facts.beside.components:
        if each.server:
            servers.setdefault(each.namespace, each)
    seen: set[tuple[str, str]] = set()
    for each in facts.beside.components:
        name = each.labels.get("app.kubernetes.io/name", "")
        if name in _CALLED and each.namespace in servers and (each.namespace, name) not in seen:
            seen.add((each.namespace, name))
            yield servers[each.namespace], each, _CALLED[name]


def _cut_off(facts: Facts) -> Iterator[Fault]:
    for server, part, port in _inside(facts):
        caller = _Pods(facts, server.namespace, server.labels, True)
        if server.mesh == part.mesh == "ambient":
            continue  # All connections arrive at another port, which E09 judges.
        if part.ingress and not _connects(caller, part.ingress, part.namespace, port):
            name = part.title.partition("/")[2]
            message = f"no NetworkPolicy lets argocd-server connect to {name} on port {port}: Argo CD cannot work"
            fix = f"admit the pods of the namespace to port {port} of {name}"
            yield Fault(None, part.ingress[0].place, message, fix)


def _no_way_out(facts: Facts) -> Iterator[Fault]:
    for server, part, port in _inside(facts):
        called = _Pods(facts, part.namespace, part.labels, True)
        if server.egress and not _connects(called, server.egress, server.namespace, port):
            name = part.title.partition("/")[2]
            message = f"argocd-server's egress policies do not allow {name} on port {port}: Argo CD cannot work"
            yield Fault(None, server.egress[0].place, message, f"allow port {port} of {name}")


_REPO = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-repo-server, labels: {app.kubernetes.io/part-of: argocd}}
            spec: {template: {metadata: {labels: {app.kubernetes.io/name: argocd-repo-server}}}}
            ---"""
_WHOLE = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: default}
            spec:
              podSelector: {}
              ingress: """
_OUT = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: egress}
            spec:
              podSelector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
              policyTypes: [Egress]
              egress: [{ports: [{port: 443}]}"""

RULES = (
    Rule(
        "F01",
        "every-pod-reaches-argocd-server",
        "info",
        _everyone,
        effect="Every pod of the cluster reaches argocd-server without the gateway and its rules.",
        decided="A NetworkPolicy of argocd-server has a rule for its port without from, with an empty "
        "namespaceSelector, or for every address. A note: upstream's install has such a policy, and Argo CD still asks "
        "for a login.",
        wrong=f"{_NETWORK}[{{}}]",
        right=f"{_NETWORK}[{{from: [{{{_FROM}}}]}}]",
        source=_KUBERNETES,
        advice=True,
    ),
    Rule(
        "F02",
        "gateway-shut-out",
        "error",
        _shut_out,
        effect="The gateway answers 503 to every request.",
        decided="NetworkPolicies select argocd-server's pods, and none admits the namespace and labels of the "
        "gateway's pods to its port. Blocks of addresses, expressions and unknown labels are not judged.",
        wrong=f"{_NETWORK}[{{from: [{{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: edge}}}}}}]}}]",
        right=f"{_NETWORK}[{{from: [{{{_FROM}}}]}}]",
        source=_KUBERNETES,
    ),
    Rule(
        "F03",
        "policy-for-the-services-port",
        "error",
        _wrong_port,
        effect="The gateway answers 503 to every request: policies see the port of the pod.",
        decided="A rule admits the gateway to a port of the Service, such as 80, or to a port by a name that no "
        "container has, but no rule to that of the pods.",
        wrong=f"{_NETWORK}[{{ports: [{{port: 80}}, {{port: 443}}]}}]",
        right=f"{_NETWORK}[{{ports: [{{port: 8080}}]}}]",
        source=_KUBERNETES,
    ),
    Rule(
        "F04",
        "label-that-namespaces-do-not-have",
        "warning",
        _unreal_label,
        effect="The rule admits nobody.",
        decided="A namespaceSelector of argocd-server's policies asks for label name, metadata.name or "
        "kubernetes.io/name, which no Namespace in the files has.",
        wrong=f"{_NETWORK}[{{from: [{{namespaceSelector: {{matchLabels: {{name: istio-system}}}}}}]}}]",
        right=f"{_NETWORK}[{{from: [{{{_FROM}}}]}}]",
        source=_KUBERNETES,
        advice=True,
    ),
    Rule(
        "F05",
        "either-namespace-or-labels",
        "warning",
        _either,
        effect="Every pod of the gateway's namespace reaches argocd-server.",
        decided="from has an item with only the gateway's labels beside one with only a namespaceSelector: the labels "
        "then count in the policy's own namespace.",
        wrong=f"{_NETWORK}[{{from: [{{{_FROM}}}, {{podSelector: {{matchLabels: {{istio: ingressgateway}}}}}}]}}]",
        right=f"{_NETWORK}[{{from: [{{{_FROM}, podSelector: {{matchLabels: {{istio: ingressgateway}}}}}}]}}]",
        source=_KUBERNETES,
        advice=True,
    ),
    Rule(
        "F09",
        "no-policy-for-argocd-server",
        "info",
        _no_policy,
        effect="Every workload of the mesh calls argocd-server without the gateway.",
        decided="argocd-server is in the mesh, and no AuthorizationPolicy of action ALLOW is for it. A note, as F01.",
        wrong=_MESH,
        right=f"{_MESH}{_NEXT}{_POLICY}[{{from: [{{source: {{namespaces: [istio-system]}}}}]}}]",
        source=_AUTHORIZATION,
        advice=True,
    ),
    Rule(
        "F10",
        "policy-selects-nothing",
        "error",
        _selects_nothing,
        effect="The policy protects nothing: everybody in the mesh reaches the pods.",
        decided="An AuthorizationPolicy in Argo CD's namespace asks for a label that contains argocd, or for labels "
        "that only the object around argocd-server's pods has, and no pods in the files have its labels.",
        wrong=f"{_MESH}{_NEXT}{_POLICY.replace('name: argocd-server}}', 'name: argocd-serve}}')}[{{}}]",
        right=f"{_MESH}{_NEXT}{_POLICY}[{{}}]",
        source=_AUTHORIZATION,
        istioctl="IST0127",
    ),
    Rule(
        "F11",
        "requests-in-passed-tls",
        "error",
        _requests_in_tls,
        effect="An ALLOW rule refuses everybody, a DENY rule refuses too many.",
        decided="An AuthorizationPolicy of the gateway's pods, for all ports, uses hosts, paths, methods, headers or "
        "tokens, and TLS passes through a server. At argocd-server's pods it is E16.",
        mode="passthrough",
        wrong=f"{_EDGE}[{{to: [{{operation: {{paths: [/api/*]}}}}]}}]",
        right=f"{_EDGE}[{{to: [{{operation: {{ports: ['8080']}}}}]}}]",
        source=f"ALLOW and DENY for TCP in {_AUTHORIZATION}",
    ),
    Rule(
        "F12",
        "gateways-principal-not-admitted",
        "error",
        _wrong_principal,
        effect="argocd-server's sidecar refuses the gateway: every request fails.",
        decided="argocd-server is in the mesh and has ALLOW policies, and none admits a principal or namespace that "
        "the gateway's pods can have; or a DENY policy refuses their namespace. The account counts only if their "
        "workload is in the files.",
        wrong=f"{_MESH}{_NEXT}{_POLICY}{_BY}edge/sa/edge]}}}}]}}]",
        right=f"{_MESH}{_NEXT}{_POLICY}{_BY}istio-system/sa/edge]}}}}]}}]",
        source=_AUTHORIZATION,
    ),
    Rule(
        "F13",
        "addresses-behind-a-balancer",
        "warning",
        _hidden_clients,
        effect="The policy compares the address of a node: it refuses everybody or nobody.",
        decided="An AuthorizationPolicy of the gateway's pods uses blocks of addresses, nothing sets "
        "numTrustedProxies, and TLS ends before the gateway or their Service in the files has no "
        "externalTrafficPolicy: Local.",
        wrong=f"{_EDGE}[{{from: [{{source: {{ipBlocks: [192.0.2.0/24]}}}}]}}]{_SERVICE}Cluster{_PORTS}",
        right=f"{_EDGE}[{{from: [{{source: {{ipBlocks: [192.0.2.0/24]}}}}]}}]{_SERVICE}Local{_PORTS}",
        source=f"srcIPGenerator and remoteIPGenerator in {_AUTHORIZATION}",
        advice=True,
    ),
    Rule(
        "F25",
        "parts-cut-off",
        "error",
        _cut_off,
        effect="argocd-server does not reach repo-server or Redis: Argo CD does not work.",
        decided="NetworkPolicies select repo-server or Redis, often all pods, and none admits argocd-server's labels "
        "to its port.",
        wrong=f"{_REPO}{_WHOLE}[{{from: [{{{_FROM}}}]}}]",
        right=f"{_REPO}{_WHOLE}[{{from: [{{{_FROM}}}, {{podSelector: {{}}}}]}}]",
        source=_KUBERNETES,
    ),
    Rule(
        "F26",
        "no-way-out-for-argocd-server",
        "error",
        _no_way_out,
        effect="argocd-server does not reach repo-server or Redis: Argo CD does not work.",
        decided="Egress policies select argocd-server, and none allows the labels of repo-server or Redis at its port.",
        wrong=f"{_REPO}{_OUT}]",
        right=f"{_REPO}{_OUT}, {{to: [{{podSelector: {{}}}}]}}]",
        source=_KUBERNETES,
    ),
    Rule(
        "F27",
        "policy-beside-the-gateway",
        "error",
        _elsewhere,
        effect="The policy has no effect: a login, or a list of addresses, in front of Argo CD is silently off.",
        decided="An AuthorizationPolicy names a host that leads to argocd-server, and the labels or the Gateway of the "
        "gateway. It is neither in the namespace of the gateway nor in istio-system, and selects no pod here. Or it is "
        "beside the gateway's pods, which are in these files, and no pod there has its labels.",
        wrong=f"{_LOGIN.format('argocd')}",
        right=f"{_LOGIN.format('istio-system')}",
        source=f"{_AUTHORIZATION}; pilot/pkg/model/authorization.go of Istio; run",
    ),
)
