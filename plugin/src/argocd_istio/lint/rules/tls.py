"""Where TLS ends, and whether gateway and argocd-server agree on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from argocd_istio.lint.rule import UNROUTED, Fault, Rule, Severity, Unchecked
from argocd_istio.render.model import HTTP, ArgocdServer, Behind, Destination, Facts, Listener


def _set(argocd: ArgocdServer, value: str) -> str:
    """The fix for the effective setting."""
    flag = argocd.setting.startswith("--")
    return f"set {argocd.setting}={value}" if flag else f'set {argocd.setting}: "{value}"'


def _unknown(facts: Facts, *hops: str) -> Iterator[Unchecked]:
    """Ways to an argocd-server whose setting these files do not show."""
    for _, _, destination in facts.destinations():
        if destination.hop not in hops or not destination.to_argocd_server:
            continue
        known = {pods.argocd_server.tls for pods in destination.pods.argocd_servers if pods.argocd_server}
        if not known or None in known:
            files = "name the files with its Service, Deployment and ConfigMap argocd-cmd-params-cm too"
            yield Unchecked("", f"whether argocd-server of Service {destination.name} speaks TLS; {files}")


def _plain(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _unknown(facts, "the client's TLS")
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        argocd = pods.argocd_server
        if argocd and argocd.tls is False and hop == "the client's TLS":
            message = f"argocd-server speaks plain HTTP ({argocd.because}): the TLS handshake fails"
            yield Fault(pods, argocd.place, message, f"{_set(argocd, 'false')}, or end TLS at the gateway")


def _loop(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _unknown(facts, "clear text")

    # A Gateway outside these files may redirect these requests and pass TLS through by another route.
    passing = {listener.gateway for _, listener in facts.listeners() if listener.rules == "tls"}
    ended = {id(each) for way, each in facts.listeners() if each.tls or not way.redirects_itself}

    def of(listener: Listener, destination: Destination) -> str:
        hidden = destination.hidden
        perhaps = hidden is not None and hidden.tls and hidden.seen is None
        loops = id(listener) in ended and (listener.here or listener.gateway not in passing)
        return destination.hop if loops and not perhaps else ""

    for hop, pods in facts.pods(of):
        argocd = pods.argocd_server
        meshed = hop == "mTLS" and pods.mesh in ("sidecar", "ambient")
        if argocd and argocd.tls and (hop == "clear text" or meshed):
            message = f"redirect loop: argocd-server expects TLS ({argocd.because}) and redirects clear text to https"
            yield Fault(pods, argocd.place, message, _set(argocd, "true"))


def _twice(facts: Facts) -> Iterator[Fault | Unchecked]:
    yield from _unknown(facts, "TLS")
    for (hop, policy), pods in facts.pods(lambda _, destination: (destination.hop, destination.policy)):
        argocd = pods.argocd_server
        seen = policy is None or policy.seen is not None
        if argocd and argocd.tls is False and hop == "TLS" and seen:
            message = f"argocd-server speaks plain HTTP ({argocd.because}), but the gateway sends TLS: it answers 503"
            what = f"remove {policy}" if policy and policy.kind != "DestinationRule" else f"remove tls from {policy}"
            yield Fault(pods, argocd.place, message, f"{what}, or {_set(argocd, 'false')}")


def _opaque(facts: Facts) -> Iterator[Fault]:
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        argocd = pods.argocd_server
        if argocd and argocd.tls is False and hop == "the client's bytes":
            message = f"argocd-server speaks plain HTTP ({argocd.because}) to a TCP port: passwords cross in clear text"
            yield Fault(pods, argocd.place, message, "give the Gateway's server protocol HTTPS, and a tls block")


def _no_rule(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.redirect or listener.tls == "AUTO_PASSTHROUGH" or _without_block(listener):
            continue
        rules = listener.rules
        if listener.unrouted == "no match":
            message = f"VirtualService {listener.candidate} has no {rules} route whose match can apply here, by port, "
            fix = "correct match, or add a route without one"
            yield Fault(listener, listener.place, f"{message}gateways or sourceNamespace: {UNROUTED[rules]}", fix)
        elif listener.unrouted == "no rule":
            what = "tls route with this host's SNI" if rules == "tls" else f"{rules} route for this server"
            message = f"VirtualService {listener.candidate} has no {what}: {UNROUTED[rules]}"
            fix = "add one under tls: with sniHosts" if rules == "tls" else f"add one under {rules}:"
            yield Fault(listener, listener.place, message, fix)


def _credential(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if (
            listener.here
            and listener.tls not in ("", "ISTIO_MUTUAL")
            and not listener.passes_through
            and listener.certificate is None
        ):
            istio = listener.api == "Istio"
            field = "credentialName" if istio else "certificateRefs"
            effect = "shows a certificate of the mesh, which no client trusts" if istio else "opens no port"
            message = f"no {field}: without a certificate the gateway {effect}"
            yield Fault(listener, listener.place, message, f"name the Secret in {field}")


def _without_block(listener: Listener) -> bool:
    return listener.api == "Istio" and listener.protocol in ("HTTPS", "TLS") and not listener.tls


def _tls_block(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        settings = listener.settings
        if _without_block(listener):
            message = f"no tls block: Istio refuses a {listener.protocol} server without one"
            yield Fault(listener, listener.place, message, "add tls: with its mode")
        elif settings and listener.protocol in HTTP and settings.mode not in ("", "PASSTHROUGH"):
            message = f"TLS mode {settings.mode} on a server of {listener.protocol}: Istio refuses it"
            fix = "write protocol: HTTPS, or leave httpsRedirect alone in the tls block"
            yield Fault(listener, settings.place.at("mode"), message, fix)


def _unverified(facts: Facts) -> Iterator[Fault]:
    secrets = {(given.namespace, given.name) for given in facts.install.secrets}

    @cache
    def self_signed(behind: Behind) -> bool:
        certificates = (pods.certificate for pods in behind.argocd_servers)
        return any(each and (each.namespace, each.secret) not in secrets for each in certificates)

    for _, _, destination in facts.argocd_servers():
        policy = destination.policy
        if not (policy and policy.verifies == "the system's CAs" and destination.hop == "TLS"):
            continue
        if self_signed(destination.pods):
            message = (
                f"{policy} checks argocd-server's certificate against the system's CAs: "
                "a self-signed one is refused, and the gateway answers 503"
            )
            field = "caCertificates" if policy.kind == "DestinationRule" else "caCertificateRefs"
            yield Fault(destination, policy.place, message, f"state {field}, or end TLS at the gateway alone")


def _not_in_mesh(facts: Facts) -> Iterator[Fault]:
    fix = "remove its tls block, or bring the pods into the mesh"

    @cache
    def faults_of(behind: Behind) -> dict[str, tuple[str, Severity]]:
        found: dict[str, tuple[str, Severity]] = {}
        for pods in behind:
            argocd = pods.argocd_server
            if pods.mesh in ("sidecar", "ambient"):
                continue
            if pods.mesh == "none" or not pods.redirected:
                found[", and the pods are not in the mesh: 503"] = fix, "error"
            elif argocd and argocd.tls:
                found[f", and argocd-server has no certificate of the mesh ({argocd.because}): 503"] = fix, "error"
            else:
                unknown = ": if the pods are not in the mesh, which these files do not show, the gateway answers 503"
                found[unknown] = "", "info"
        return found

    for _, _, destination in facts.destinations():
        policy = destination.policy
        if policy and policy.tls == "ISTIO_MUTUAL" and policy.seen is not None:
            for what, (mend, severity) in faults_of(destination.pods).items():
                message = f"DestinationRule {policy.rule} sets ISTIO_MUTUAL{what}"
                yield Fault(destination, policy.place, message, mend, severity)


def _tls_in_tls(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        policy = destination.policy
        if policy and policy.tls in ("SIMPLE", "MUTUAL") and destination.hop == "the client's TLS":
            message = f"{policy} wraps the client's TLS in TLS: the handshake fails"
            yield Fault(
                destination,
                policy.place,
                message,
                "remove its tls block" if policy.kind == "DestinationRule" else "remove it",
            )


RULES = (
    Rule(
        "A01",
        "plain-server-behind-passthrough",
        "error",
        _plain,
        effect="Every TLS handshake fails: browsers show a protocol error, the CLI reports EOF.",
        decided="The gateway passes the client's TLS to pods whose argocd-server speaks plain HTTP.",
        source="cmd/argocd-server/commands/argocd_server.go of Argo CD",
        mode="passthrough",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "true"}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "false"}
        """,
    ),
    Rule(
        "A02",
        "redirect-loop",
        "error",
        _loop,
        effect="Browsers report too many redirects; the CLI fails.",
        decided="The gateway sends clear text, or mutual TLS of the mesh, to pods whose argocd-server speaks TLS "
        "and answers with a redirect to https. Not on port 80 of a host whose TLS passes through: there that is right.",
        source="newRedirectServer in server/server.go of Argo CD",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "false"}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "true"}
        """,
        covers=("J15",),
    ),
    Rule(
        "A03",
        "tls-to-plain-server",
        "error",
        _twice,
        effect="The gateway answers 503 to every request.",
        decided="A DestinationRule or BackendTLSPolicy makes the gateway speak TLS to pods whose argocd-server "
        "speaks plain HTTP. A DestinationRule for *.argocd.svc.cluster.local counts too.",
        covers=("A30",),
        source="cmd/argocd-server/commands/argocd_server.go of Argo CD",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: SIMPLE}}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "false"}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}
        """,
    ),
    Rule(
        "A05",
        "plain-server-behind-tcp",
        "error",
        _opaque,
        effect="Passwords and tokens cross the network in clear text, on a port that looks like TLS.",
        decided="A server with protocol TCP and no TLS leads to pods whose argocd-server speaks plain HTTP. With "
        "TLS in argocd-server it works.",
        source="pilot/pkg/networking/core/gateway.go of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: tcp, protocol: TCP}
                hosts: [./argocd.example.com]
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              tcp:
              - match: [{port: 443}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
    Rule(
        "A06",
        "no-rule-for-the-server",
        "error",
        _no_rule,
        effect="The gateway resets the connection, or answers 404.",
        decided="The server passes TLS through and the VirtualService has no tls route with this host as SNI; or it "
        "ends TLS and there is no http route; or no match of a route can apply to this port and Gateway.",
        source="pilot/pkg/networking/core/gateway.go of Istio",
        covers=("C07", "C08"),
        mode="passthrough",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              tls: []
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 443}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              tls:
              - match: [{sniHosts: [argocd.example.com]}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 443}}}]
        """,
    ),
    Rule(
        "A09",
        "no-credential",
        "error",
        _credential,
        effect="Istio's webhook refuses the Gateway; without it the gateway shows a certificate of the mesh, which no "
        "client trusts.",
        decided="A server that ends TLS names neither a credential nor files of a certificate and its key.",
        source="pkg/config/validation/agent/validation.go of Istio",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
    Rule(
        "A10",
        "no-tls-block",
        "error",
        _tls_block,
        effect="The API server refuses the Gateway.",
        decided="A server with protocol HTTPS or TLS has no tls block, or one with protocol HTTP has a mode. A block "
        "without mode means PASSTHROUGH.",
        source="pkg/config/validation/validation.go of Istio",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
    Rule(
        "A28",
        "certificate-not-trusted",
        "warning",
        _unverified,
        effect="The gateway answers 503: it does not trust argocd-server's certificate.",
        decided="TLS to argocd-server is checked with the system's CAs (no CA in the policy, Istio 1.21 or newer), "
        "and its certificate is the self-signed one, or not in these files.",
        source="https://istio.io/latest/news/releases/1.21.x/announcing-1.21/upgrade-notes/",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "false"}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: SIMPLE}}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "false"}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /etc/ca.crt, subjectAltNames: [argocd-server]}}
        """,
    ),
    Rule(
        "A29",
        "mutual-tls-outside-the-mesh",
        "error",
        _not_in_mesh,
        effect="The gateway answers 503.",
        decided="A DestinationRule sets ISTIO_MUTUAL, and the pods are not in the mesh. A note if these files do "
        "not show it.",
        source="Run in a cluster",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
        """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: DISABLE}}
        """,
    ),
    Rule(
        "A34",
        "tls-in-tls",
        "error",
        _tls_in_tls,
        effect="The TLS handshake fails.",
        decided="The gateway passes the client's TLS through, and a DestinationRule or BackendTLSPolicy wraps it in "
        "TLS.",
        source="pilot/pkg/networking/core/cluster_tls.go of Istio",
        mode="passthrough",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: SIMPLE}}
        """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              trafficPolicy: {tls: {mode: DISABLE}}
        """,
    ),
)
