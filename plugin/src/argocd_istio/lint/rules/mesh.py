"""What a sidecar does with traffic to argocd-server."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule, Unchecked, named_few
from argocd_istio.render.istio import HTTP2, UNDECLARED
from argocd_istio.render.model import Destination, Facts, Pods, Stated
from argocd_istio.render.parts import Component
from argocd_istio.render.policies import HBONE, STRICT

_HTTP1 = ("HTTP", "HTTP_PROXY")


def _parsed(pods: Pods) -> bool:
    """Whether the sidecar reads HTTP at the port: no Sidecar object with a selector declares it as TCP."""
    return pods.mesh == "sidecar" and pods.redirected and not pods.sidecars.opaque


def _one_protocol(facts: Facts) -> Iterator[Fault]:
    """A sidecar builds one chain for a port: `reportInboundConflict` in `pilot/pkg/networking/core` of Istio."""
    versions: dict[tuple[str, int], set[bool]] = {}
    for protocol, pods in facts.pods(lambda _, destination: destination.protocol):
        if protocol in (*HTTP2, *_HTTP1):
            versions.setdefault((pods.name, pods.port), set()).add(protocol in HTTP2)
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        if not pods.argocd_server or not _parsed(pods):
            continue
        message = _broken(hop, pods, versions.get((pods.name, pods.port), set()))
        if message:
            fix = f"add a Sidecar that selects these pods, with ingress port {pods.port}, protocol TCP"
            # The wrong Sidecar, else the labels that a new one would select.
            labels = pods.place.at("spec", "template").at("metadata", "labels")
            yield Fault(pods, pods.sidecars[0].place if pods.sidecars else labels, message, fix)


def _broken(hop: str, pods: Pods, versions: set[bool]) -> str:
    if hop == "the client's TLS" and any(each in (*_HTTP1, *HTTP2) for each in pods.inbound):
        return "the sidecar reads the client's TLS as HTTP: every request fails"
    if len(versions) > 1 and UNDECLARED not in pods.inbound:
        return "a sidecar accepts one protocol per port: native gRPC or the browser fails"
    return ""


def _tls(destination: Destination) -> str:
    """The TLS mode of a DestinationRule; without one the gateway uses mutual TLS to pods in the mesh."""
    return destination.policy.tls if destination.policy else ""


def _excluded(facts: Facts) -> Iterator[Fault]:
    """The endpoint is still marked for mTLS, but nothing in the pod ends it (seen in a test run)."""
    for tls, pods in facts.pods(lambda _, destination: _tls(destination)):
        if pods.mesh == "sidecar" and not pods.redirected and not pods.plain and tls in ("", "ISTIO_MUTUAL"):
            message = f"{pods.kept_by} excludes port {pods.port} from the sidecar, and the gateway speaks mTLS: 503"
            fix = "remove the annotation, or give the Service a DestinationRule with tls mode DISABLE"
            yield Fault(pods, pods.kept_at, message, fix)


def _two_sidecars(facts: Facts) -> Iterator[Fault]:
    for _, pods in facts.pods(lambda *_: None):
        if pods.mesh == "sidecar" and len(pods.sidecars) > 1 and pods.sidecars.opaque:
            named = " and ".join(each.name for each in pods.sidecars[:2])
            message = f"Sidecars {named} select the same pods: only the older one counts"
            yield Fault(pods, pods.place, message, "keep one")


def _not_enforced(facts: Facts) -> Iterator[Fault]:
    """Only a sidecar enforces the policies for pods, and only on ports that it takes."""
    meshed = {each.namespace for each in facts.beside.components if each.mesh != "none" or each.injects}
    for _, pods in facts.pods(lambda *_: None):
        named = [f"AuthorizationPolicy {each.name}" for each in pods.authorizations.selected]
        policy = pods.mutual_tls
        strict = policy is not None and policy.mode == STRICT
        home = pods.name.partition("/")[0]
        # A policy for the whole namespace is of use if one of its pods is in the mesh.
        alone = policy is not None and policy.name.partition("/")[0] == home and not (home in meshed or pods.strict)
        if policy and strict and (policy.selected or alone or not pods.redirected):
            named.insert(0, f"PeerAuthentication {policy.name}")
        if named and pods.mesh == "none":
            message = f"no sidecar: nothing enforces {' and '.join(named)}"
            fix = "label the Namespace istio-injection: enabled, or remove the policies"
            yield Fault(pods, pods.place, message, fix)
        elif named and pods.mesh == "sidecar" and not pods.redirected:
            message = f"{pods.kept_by} excludes port {pods.port} from the sidecar: {named[0]} is not enforced there"
            yield Fault(pods, pods.kept_at, message, "remove the annotation")


def _refused(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.argocd_servers():
        rule = destination.policy
        for pods in destination.pods.argocd_servers if rule and rule.tls not in ("", "ISTIO_MUTUAL") else ():
            policy = pods.mutual_tls
            if rule and policy and policy.mode == STRICT and pods.mesh == "sidecar" and pods.redirected:
                message = f"the pods accept only mutual TLS (PeerAuthentication {policy.name}), but DestinationRule "
                message += f"{rule.rule} sets {rule.tls}: 503"
                fix = "set its tls mode to ISTIO_MUTUAL, or remove it"
                yield Fault(destination, rule.place, message, fix)
                break


def _cut_off(facts: Facts) -> Iterator[Fault]:
    """Redis then answers EOF, and repo-server asks for a certificate (seen in a test run)."""
    for _, pods in facts.pods(lambda *_: None):
        others = [each for each in pods.strict if each != pods.name]
        if pods.argocd_server and pods.mesh == "none" and others:
            named = named_few(others)
            message = f"argocd-server has no sidecar, and only mutual TLS reaches {named}: Argo CD cannot work"
            yield Fault(pods, pods.place, message, "give its pods a sidecar too: no sidecar.istio.io/inject with false")


def _closed(facts: Facts) -> Iterator[Fault]:
    """Computed from the policies: not tested in an ambient mesh."""
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server and pods.mesh == "ambient" and pods.closed:
            named = named_few(pods.closed)
            message = (
                f"ambient carries connections on port {HBONE}, which the NetworkPolicies of {named} do not admit: "
            )
            message += "Argo CD's components do not reach each other"
            yield Fault(pods, pods.place, message, f"add a NetworkPolicy for all pods that admits TCP {HBONE}")


def _asks_for_requests(facts: Facts) -> Iterator[Fault]:
    """At a TCP port, an ALLOW rule with fields of requests matches nothing; a DENY rule matches without them."""
    for _, pods in facts.pods(lambda *_: None):
        for each in pods.authorizations.of_requests if pods.mesh == "sidecar" and pods.sidecars.opaque else ():
            does = "refuses more" if each.action == "DENY" else "admits nobody with them"
            message = f"AuthorizationPolicy {each.name} uses fields of requests, but the sidecar treats port "
            message += f"{pods.port} as TCP: it {does}"
            yield Fault(pods, each.place, message, "put it on the gateway; here name principals and ports only")


def _clear_hop(facts: Facts) -> Iterator[Fault | Unchecked]:
    opted_out = {each.title for each in _opted_out(facts)}
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        if not pods.argocd_server or hop != "clear text":
            continue
        if not pods.mesh:
            yield Unchecked("--mesh", f"whether the pods of {pods.name} are in the mesh, which would encrypt this hop")
        elif pods.name not in opted_out:
            message = "passwords and tokens cross the pod network in clear text, from the gateway to argocd-server"
            fix = "add components/mesh, or a DestinationRule with tls and a CA"
            yield Fault(pods, pods.place, message, fix)


def _opted_out(facts: Facts) -> list[Component]:
    return [each for each in facts.beside.components if each.server and each.injects and each.opted_out]


def _without_sidecar(facts: Facts) -> Iterator[Fault]:
    reached = {pods.name: pods for hop, pods in facts.pods(lambda _, found: found.hop) if hop == "clear text"}
    for each in _opted_out(facts):
        if each.title in reached:
            message = (
                f"the Namespace injects sidecars, but {each.place.object} refuses one: the hop from the gateway is "
            )
            fix = "remove sidecar.istio.io/inject, or give its Service a DestinationRule with tls and a CA"
            yield Fault(reached[each.title], each.place, f"{message}clear text", fix)


def _init_refused(facts: Facts) -> Iterator[Fault | Unchecked]:
    cni = facts.beside.cni or facts.stated.cni
    seen = set()
    for each in facts.beside.components:
        # Only a sidecar needs it: its init container changes the pod's network.
        if each.mesh != "sidecar" or each.enforced not in ("baseline", "restricted") or each.namespace in seen or cni:
            continue
        seen.add(each.namespace)
        if cni is None:
            yield Unchecked("--istio-cni", f"whether istio-cni is installed, which namespace {each.namespace} needs")
            continue
        message = f"namespace {each.namespace} enforces {each.enforced}, and without istio-cni each sidecar needs "
        message += "NET_ADMIN: no pod starts"
        yield Fault(None, each.place, message, "install istio-cni, or use ambient")


def _proxy_profile(facts: Facts) -> Iterator[Fault]:
    found: dict[str, list[Component]] = {}
    for each in facts.beside.components:
        if each.mesh == "sidecar" and each.enforced == "restricted" and not each.seccomp:
            found.setdefault(each.namespace, []).append(each)
    for namespace, pods in found.items():
        message = f"namespace {namespace} enforces restricted, and the pods of "
        message += (
            f"{named_few([each.title.partition('/')[2] for each in pods])} have no seccompProfile for the sidecar: "
        )
        fix = "set securityContext: {seccompProfile: {type: RuntimeDefault}} for the pods, or Istio's "
        fix += "global.proxy.seccompProfile"
        yield Fault(None, pods[0].place, f"{message}unless Istio sets one, no pod starts", fix)


def _two_labels(facts: Facts) -> Iterator[Fault]:
    for each in facts.beside.injections:
        if each.name in facts.homes:
            message = (
                f"Namespace {each.name} has istio-injection and istio.io/rev: only the first counts, and without a "
            )
            yield Fault(None, each.place, f"{message}default revision no pod gets a sidecar", "keep one of the labels")


def _proxy_user(facts: Facts) -> Iterator[Fault | Unchecked]:
    for each in facts.beside.components:
        for container in each.containers:
            if container.user != 1337:
                continue
            if not each.mesh:
                yield Unchecked("--mesh", f"whether {each.title}, which has user 1337, gets a sidecar")
            elif each.mesh == "sidecar":
                message = (
                    f"container {container.name} has the user of the sidecar, 1337: its traffic bypasses the sidecar"
                )
                yield Fault(None, container.user_at, message, "set another runAsUser")


_INJECTED = """
            apiVersion: v1
            kind: Namespace
            metadata:
              name: argocd
              labels: {istio-injection: enabled"""
_NEXT = """
            ---"""
_PODS = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-server}
            spec: {template: """
_CALLERS = """
            apiVersion: security.istio.io/v1
            kind: AuthorizationPolicy
            metadata: {name: argocd-server}
            spec:
              selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
              rules: [{from: [{source: {namespaces: [istio-system]}}]}]"""
_STRICT = """
            apiVersion: security.istio.io/v1
            kind: PeerAuthentication
            metadata: {name: default}
            spec: {mtls: {mode: STRICT}}"""
_TLS = """
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec: {host: argocd-server.argocd.svc.cluster.local, trafficPolicy: {tls: {mode: """
_AMBIENT = """
            apiVersion: v1
            kind: Namespace
            metadata:
              name: argocd
              labels: {istio.io/dataplane-mode: ambient}"""
_NETWORK = """
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata: {name: argocd-server}
            spec:
              podSelector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
              ingress: [{ports: [{port: """
_SIDECAR = """
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: argocd-server}"""
_INGRESS = """
            spec:
              ingress: [{port: {number: 8080, name: server, protocol: """
_OTHER_SIDECAR = """
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: own}
            spec:
              egress: [{hosts: ['./*']}]
              workloadSelector: {labels: {app.kubernetes.io/name: """
_EXCLUDED = "{metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: "
_OUT = '{metadata: {labels: {sidecar.istio.io/inject: "false"}}}}'
_REPO = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-repo-server}
            spec:
              template:
                metadata: {labels: {app.kubernetes.io/name: argocd-repo-server}}
                spec: {containers: []}"""
_SOURCE = "manifests/charts/istio-control/istio-discovery/files/injection-template.yaml of Istio"

RULES = (
    Rule(
        "E01",
        "clear-text-behind-the-gateway",
        "info",
        _clear_hop,
        effect="Whoever reads the pod network reads passwords and tokens.",
        decided="The gateway sends HTTP to argocd-server's pods, which are not in the mesh. It is a note: the modes "
        "that end TLS at the gateway work so. If membership is unknown, it is not checked.",
        wrong="""
            apiVersion: v1
            kind: Namespace
            metadata:
              name: argocd
              labels: {istio-injection: disabled}
            """,
        right=f"{_INJECTED}}}",
        source="auto mutual TLS in pilot/pkg/networking/core/cluster_tls.go of Istio",
        advice=True,
    ),
    Rule(
        "E02",
        "argocd-server-refuses-its-sidecar",
        "info",
        _without_sidecar,
        effect="The mesh seems to encrypt the hop from the gateway, but does not.",
        decided="The Namespace injects sidecars, argocd-server's pods refuse one, and the gateway sends them HTTP. A "
        "note, as E01: somebody has written so.",
        wrong=f'{_INJECTED}}}{_NEXT}{_PODS}{{metadata: {{labels: {{sidecar.istio.io/inject: "false"}}}}}}}}',
        right=f"{_INJECTED}}}",
        source="injectRequired in pkg/kube/inject/inject.go of Istio",
        advice=True,
    ),
    Rule(
        "E05",
        "sidecar-refused-without-cni",
        "error",
        _init_refused,
        effect="No pod of Argo CD starts: Pod Security refuses the sidecar's init container.",
        decided="The Namespace injects sidecars and enforces baseline or restricted, and istio-cni is neither in the "
        "files nor stated by --istio-cni; without that option it is not checked.",
        wrong=f"{_INJECTED}, pod-security.kubernetes.io/enforce: baseline}}",
        right=f"{_INJECTED}, pod-security.kubernetes.io/warn: baseline}}",
        stated=Stated(cni=False),
        source=f"istio-init in {_SOURCE}",
    ),
    Rule(
        "E06",
        "sidecar-without-seccomp-profile",
        "warning",
        _proxy_profile,
        effect="No such pod starts: Pod Security refuses the sidecar.",
        decided="The Namespace injects sidecars and enforces restricted, and the pods have no seccompProfile of their "
        "own. A warning, as global.proxy.seccompProfile of Istio may set it.",
        wrong=f"{_INJECTED}, pod-security.kubernetes.io/enforce: restricted}}",
        right=f"{_INJECTED}, pod-security.kubernetes.io/enforce: baseline}}",
        source=f"securityContext of istio-proxy in {_SOURCE}",
    ),
    Rule(
        "E08",
        "two-injection-labels",
        "warning",
        _two_labels,
        effect="istio-injection counts. If no default revision exists, nothing injects sidecars.",
        decided="Argo CD's Namespace has both labels. A warning, as files do not show the revisions.",
        wrong=f"{_INJECTED}, istio.io/rev: stable}}",
        right="""
            apiVersion: v1
            kind: Namespace
            metadata:
              name: argocd
              labels: {istio.io/rev: stable}
            """,
        source="the webhooks' selectors in manifests/charts of Istio",
        istioctl="IST0123",
    ),
    Rule(
        "E10",
        "user-of-the-sidecar",
        "error",
        _proxy_user,
        effect="The container's traffic bypasses the sidecar: no mutual TLS, no policy.",
        decided="A container of Argo CD in a pod with a sidecar has runAsUser 1337.",
        wrong=f"{_INJECTED}}}{_NEXT}{_PODS}{{spec: {{securityContext: {{runAsUser: 1337}}}}}}}}",
        right=f"{_INJECTED}}}{_NEXT}{_PODS}{{spec: {{securityContext: {{runAsUser: 1338}}}}}}}}",
        source="tools/istio-iptables of Istio; pkg/config/analysis/analyzers/deployment",
        istioctl="IST0144",
    ),
    Rule(
        "E03",
        "policies-without-sidecar",
        "warning",
        _not_enforced,
        effect="The policies seem to protect argocd-server, but nothing enforces them.",
        decided="A PeerAuthentication of mode STRICT or an AuthorizationPolicy selects argocd-server's pods, which "
        "have no sidecar, or whose sidecar leaves their port out.",
        wrong=_CALLERS,
        right=f"{_INJECTED}}}{_NEXT}{_CALLERS}",
        source="pilot/pkg/security/authz of Istio; a run",
    ),
    Rule(
        "E04",
        "clear-text-to-strict-pods",
        "error",
        _refused,
        effect="The gateway answers 503 to every request.",
        decided="A DestinationRule of argocd-server sets DISABLE, SIMPLE or MUTUAL, and a PeerAuthentication of mode "
        "STRICT is in effect for its pods, which have a sidecar.",
        wrong=f"{_INJECTED}}}{_NEXT}{_STRICT}{_NEXT}{_TLS}DISABLE}}}}}}",
        right=f"{_INJECTED}}}{_NEXT}{_STRICT}{_NEXT}{_TLS}ISTIO_MUTUAL}}}}}}",
        source="pilot/pkg/security/authn/policy_applier.go of Istio; a run",
    ),
    Rule(
        "E09",
        "ambient-port-closed",
        "error",
        _closed,
        effect="Argo CD's components and the gateway do not reach each other.",
        decided="Pods of Argo CD are in an ambient mesh, and their NetworkPolicies do not admit TCP 15008.",
        wrong=f"{_AMBIENT}{_NEXT}{_NETWORK}8080}}]}}]",
        right=f"{_AMBIENT}{_NEXT}{_NETWORK}15008}}]}}]",
        source="HBONE in Istio's documents on ambient and NetworkPolicies",
    ),
    Rule(
        "E12",
        "one-protocol-for-a-port",
        "error",
        _one_protocol,
        effect="Native gRPC or the browser fails; behind passthrough everything does.",
        decided="A sidecar reads HTTP at argocd-server's port, although two protocols, or the client's TLS, arrive "
        "there: no Sidecar object with a selector declares the port as TCP.",
        mode="grpc-routing",
        wrong=f"{_INJECTED}}}{_NEXT}{_SIDECAR}{_INGRESS}HTTP}}}}]",
        right=f"{_INJECTED}}}{_NEXT}{_SIDECAR}{_INGRESS}TCP}}}}]",
        source="reportInboundConflict in pilot/pkg/networking/core of Istio; a run",
        covers=("A21", "E11"),
    ),
    Rule(
        "E13",
        "port-kept-from-sidecar",
        "error",
        _excluded,
        effect="The gateway answers 503 to every request.",
        decided="An annotation excludes argocd-server's port from its sidecar, and the gateway speaks mutual TLS to "
        "it.",
        wrong=f"{_INJECTED}}}{_NEXT}{_PODS}{_EXCLUDED}'8080'}}}}}}}}",
        right=f"{_INJECTED}}}{_NEXT}{_PODS}{_EXCLUDED}'8083'}}}}}}}}",
        source="tools/istio-iptables/pkg/capture/run.go of Istio; a run",
    ),
    Rule(
        "E14",
        "argocd-server-outside-strict-mesh",
        "error",
        _cut_off,
        effect="argocd-server does not reach Redis and repo-server: Argo CD does not work.",
        decided="argocd-server has no sidecar, and workloads that it calls accept only mutual TLS.",
        wrong=f"{_INJECTED}}}{_NEXT}{_STRICT}{_NEXT}{_REPO}{_NEXT}{_PODS}{_OUT}",
        right=f"{_INJECTED}}}{_NEXT}{_STRICT}{_NEXT}{_REPO}",
        source="a run",
        covers=("E07",),
    ),
    Rule(
        "E15",
        "two-sidecar-objects",
        "warning",
        _two_sidecars,
        effect="The younger Sidecar does nothing: argocd-server's port is read as HTTP.",
        decided="Several Sidecar objects select argocd-server's pods, and one declares its port as TCP.",
        mode="grpc-routing",
        wrong=f"{_INJECTED}}}{_NEXT}{_OTHER_SIDECAR}argocd-server}}}}",
        right=f"{_INJECTED}}}{_NEXT}{_OTHER_SIDECAR}argocd-repo-server}}}}",
        source="pilot/pkg/model/sidecar.go of Istio; a run",
    ),
    Rule(
        "E16",
        "requests-at-a-tcp-port",
        "error",
        _asks_for_requests,
        effect="An ALLOW rule admits nobody, a DENY rule refuses too many.",
        decided="An AuthorizationPolicy of argocd-server uses fields of requests, and a Sidecar object declares the "
        "port as TCP.",
        mode="grpc-routing",
        wrong=f"{_INJECTED}}}{_NEXT}{_CALLERS[:-2]}, to: [{{operation: {{paths: [/api/*]}}}}]}}]",
        right=f"{_INJECTED}}}{_NEXT}{_CALLERS}",
        source="pilot/pkg/security/authz/model/model.go of Istio; a run",
    ),
)
