"""Settings of TLS, at the gateway and of argocd-server."""

from __future__ import annotations

import re
from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Mend, Rule, Unchecked, named_few
from argocd_istio.render.model import HTTP, ArgocdServer, Facts, Listener, Pods, TlsSettings, Value

_OLD = ("TLSV1_0", "TLSV1_1", "1.0", "1.1")
_ORDER = {"TLSV1_0": 10, "TLSV1_1": 11, "TLSV1_2": 12, "TLSV1_3": 13, "1.0": 10, "1.1": 11, "1.2": 12, "1.3": 13}
# Without one of these, a suite has no forward secrecy, or it authenticates only after decryption.
_FORWARD, _AUTHENTICATED = ("ECDHE", "DHE", "TLS_AES", "TLS_CHACHA20"), ("GCM", "CHACHA20", "TLS_AES")


def _ours(facts: Facts) -> Iterator[tuple[Listener, TlsSettings]]:
    """The servers with a tls block through which requests reach argocd-server, or may reach it."""
    for way, listener in facts.listeners():
        if listener.settings and (way.to_argocd_server or not facts.homes):
            yield listener, listener.settings


def _servers(facts: Facts) -> Iterator[tuple[Pods, ArgocdServer]]:
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server:
            yield pods, pods.argocd_server


def _unverified(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.argocd_servers():
        policy = destination.policy
        if not policy or destination.hop != "TLS" or policy.kind != "DestinationRule":
            continue
        if policy.verifies == "nothing":
            message = f"{policy} sets insecureSkipVerify: any pod on the path can pose as argocd-server"
            yield Fault(destination, policy.place, message, "state caCertificates and subjectAltNames instead")
        elif policy.verifies == "a given CA" and not policy.named:
            message = f"{policy} has no subjectAltNames: unless argocd-server's certificate names the browser's host, "
            fix = "state subjectAltNames: [argocd-server], or another name in that certificate"
            yield Fault(destination, policy.place, f"{message}the gateway answers 503", fix, "info")


def _ignored(facts: Facts) -> Iterator[Fault]:
    for listener, settings in _ours(facts):
        if listener.passes_through and settings.files:
            what = f"certificate {settings.credentials[0]}" if settings.credentials else settings.files[0]
            message = f"TLS passes through: {what} is not used"
            fix = "remove it; argocd-server shows that of Secret argocd-server-tls in its own namespace"
            mends = tuple(Mend.at(settings.place, each) for each in settings.files)
            yield Fault(listener, settings.place, message, fix, mends=mends)


def _miscounted(facts: Facts) -> Iterator[Fault]:
    for pods, argocd in _servers(facts):
        for each in argocd.insecure:
            if not each.source.startswith("--") and each.text.lower() not in ("true", "false"):
                message = f'{each.source}: "{each.text}" counts as false'
                yield Fault(pods, each.place, message, f'write {each.source}: "true" or "false"')


def _counts(each: Value) -> bool:
    true = ("1", "t", "true") if each.source.startswith("--") else ("true",)
    return each.text.lower() in true


def _several(facts: Facts) -> Iterator[Fault]:
    for pods, argocd in _servers(facts):
        first, *others = argocd.insecure or (None,)
        for each in others:
            if first and each and _counts(each) is not _counts(first):
                message = f"{first.source} ({first.text}) counts, and {each.source} ({each.text}) contradicts it"
                kept = "true" if _counts(first) else "false"
                yield Fault(pods, each.place, message, f'keep server.insecure: "{kept}" in argocd-cmd-params-cm alone')
                break


# By default neither Envoy nor argocd-server has a cipher suite of TLS 1.1 or older.
_BROKEN = "clients may use a TLS version that is broken"
_WITHOUT = "a TLS version that is broken is allowed, although no cipher suite for it is among those"


def _old(facts: Facts) -> Iterator[Fault]:
    for listener, settings in _ours(facts):
        if settings.least in _OLD and listener.tls and not listener.passes_through:
            usable = any(each.endswith("-SHA") for each in settings.ciphers)
            effect = _BROKEN if usable else f"{_WITHOUT} of the gateway"
            mend = Mend.at(settings.place, "minProtocolVersion")
            place, fix = settings.place.at("minProtocolVersion"), "remove it: the default is TLSV1_2"
            message = f"minProtocolVersion {settings.least}: {effect}"
            yield Fault(listener, place, message, fix, None if usable else "warning", mends=(mend,))
    for pods, argocd in _servers(facts):
        if argocd.versions and argocd.versions[0].text in _OLD and argocd.tls is not False:
            least = argocd.versions[0]
            suites = argocd.ciphers.text.split(":") if argocd.ciphers else []
            usable = any(each.strip().endswith("CBC_SHA") for each in suites)
            message = f"{least.source} {least.text}: {_BROKEN if usable else f'{_WITHOUT} of argocd-server'}"
            yield Fault(pods, least.place, message, "remove it: the default is 1.2", None if usable else "warning")


def _weak(facts: Facts) -> Iterator[Fault]:
    for listener, settings in _ours(facts):
        weak = [
            each
            for each in settings.ciphers
            if not (each.startswith(_FORWARD) and any(word in each for word in _AUTHENTICATED))
        ]
        if weak and not listener.passes_through:
            message = f"cipher suites without forward secrecy or with CBC: {named_few(weak)}"
            place = settings.place.at("cipherSuites")
            mend = Mend.at(settings.place, "cipherSuites")
            yield Fault(listener, place, message, "remove cipherSuites: Istio's default is safe", mends=(mend,))
    for pods, argocd in _servers(facts):
        suites = argocd.ciphers
        listed = suites.text.split(":") if suites else []
        weak = [each for each in listed if each and not re.match("TLS_(ECDHE_.*(GCM|CHACHA20)|AES_|CHACHA20_)", each)]
        if suites and weak and argocd.tls is not False:
            message = (
                f"{suites.source} of argocd-server has suites without forward secrecy or with CBC: {named_few(weak)}"
            )
            yield Fault(pods, suites.place, message, "remove it: the default is safe")


def _reversed(facts: Facts) -> Iterator[Fault]:
    for listener, settings in _ours(facts):
        if _ORDER.get(settings.least, 12) > _ORDER.get(settings.most, 99):
            lowest = settings.least or "TLSV1_2, the default,"
            message = f"minProtocolVersion {lowest} is above maxProtocolVersion {settings.most}: no client connects"
            yield Fault(listener, settings.place, message, "remove both")
    for pods, argocd in _servers(facts):
        least, most = argocd.versions or (None, None)
        if least and most and _ORDER.get(least.text, 12) > _ORDER.get(most.text, 13):
            message = (
                f"least TLS version {least.text or '1.2'} is above the most, {most.text}: argocd-server does not start"
            )
            yield Fault(pods, (most if most.text else least).place, message, "remove both")


def _no_ca(facts: Facts) -> Iterator[Fault | Unchecked]:
    given = {(each.namespace, each.name): each for each in facts.install.secrets}
    for listener, settings in _ours(facts):
        found = listener.certificate
        if listener.tls not in ("MUTUAL", "OPTIONAL_MUTUAL") or settings.ca or not found or not found.secret:
            continue
        named = found.namespace, found.secret
        secret = given.get(named)
        if f"{found.secret}-cacert" in (name for namespace, name in given if namespace == found.namespace):
            continue
        if secret is None or secret.place.object.kind != "Secret":
            whose = f"{found.namespace}/{found.secret}" if found.namespace else found.secret
            yield Unchecked("", f"the clients' CA in Secret {whose}, which these files do not show")
        elif not {"ca.crt", "cacert"} & {*secret.keys}:
            message = f"Secret {'/'.join(named)} has no ca.crt: the gateway cannot check the clients' certificates"
            fix = f"add ca.crt, or a Secret {found.secret}-cacert; the CLI then needs --client-crt and --client-crt-key"
            yield Fault(listener, settings.place, message, fix)


def _misplaced(facts: Facts) -> Iterator[Fault]:
    for listener, settings in _ours(facts):
        if settings.redirect and listener.protocol not in HTTP:
            message = f"httpsRedirect on a {listener.protocol} server does nothing"
            mend = Mend.at(settings.place, "httpsRedirect")
            yield Fault(listener, settings.place, message, "move it to the server of port 80", mends=(mend,))


_ISTIO_TLS = "pilot/pkg/networking/core/cluster_tls.go of Istio"
_VALIDATION = "pkg/config/validation/agent and pkg/config/gateway of Istio"

RULES = (
    Rule(
        "A04",
        "certificate-not-verified",
        "warning",
        _unverified,
        effect="The gateway sends passwords and tokens to whoever answers as argocd-server; without a name in the "
        "policy it compares the certificate with the browser's host (a note).",
        decided="A DestinationRule with TLS mode SIMPLE or MUTUAL for argocd-server has insecureSkipVerify, or a CA "
        "but neither subjectAltNames nor sni. Without a CA it is A28.",
        source=f"setAutoSniAndAutoSanValidation in {_ISTIO_TLS}",
        istioctl="IST0128",
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
              trafficPolicy: {tls: {mode: SIMPLE, insecureSkipVerify: true}}
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
              trafficPolicy:
                tls: {mode: SIMPLE, caCertificates: /etc/argocd/ca.crt, subjectAltNames: [argocd-server]}
        """,
    ),
    Rule(
        "A08",
        "unused-certificate",
        "warning",
        _ignored,
        effect="Browsers see argocd-server's own certificate, not the one that the Gateway names.",
        decided="A server with TLS mode PASSTHROUGH names a credential, or the file of a certificate, a key or a CA.",
        source=_VALIDATION,
        istioctl="IST0133",
        mode="passthrough",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 443, name: tls, protocol: TLS}
                hosts: [./argocd.example.com]
                tls: {mode: PASSTHROUGH, credentialName: argocd-certificate}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 443, name: tls, protocol: TLS}
                hosts: [./argocd.example.com]
                tls: {mode: PASSTHROUGH}
        """,
    ),
    Rule(
        "A11",
        "setting-counts-as-false",
        "error",
        _miscounted,
        effect="argocd-server speaks TLS although server.insecure was meant to switch it off: a redirect loop.",
        decided="server.insecure, or the variable ARGOCD_SERVER_INSECURE, is neither true nor false in any case.",
        source="ParseBoolFromEnv in util/env/env.go of Argo CD",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "1"}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "True"}
        """,
    ),
    Rule(
        "A13",
        "contradicting-settings",
        "warning",
        _several,
        effect="A change of the ConfigMap does nothing: another setting counts.",
        decided="--insecure, ARGOCD_SERVER_INSECURE and server.insecure of argocd-cmd-params-cm give different "
        "answers. The flag counts before the variable, the variable before the ConfigMap.",
        source="cmd/argocd-server/commands/argocd_server.go of Argo CD",
        wrong="""
            kind: Deployment
            metadata: {name: argocd-server}
            spec:
              template:
                spec:
                  containers:
                  - name: argocd-server
                    args: [/usr/local/bin/argocd-server, --insecure]
                    env: [{name: ARGOCD_SERVER_INSECURE, value: "false"}]
                    ports: [{containerPort: 8080}]
        """,
        right="""
            kind: Deployment
            metadata: {name: argocd-server}
            spec:
              template:
                spec:
                  containers:
                  - name: argocd-server
                    args: [/usr/local/bin/argocd-server, --insecure]
                    ports: [{containerPort: 8080}]
        """,
    ),
    Rule(
        "A24",
        "old-tls-version",
        "error",
        _old,
        effect="Clients may use TLS 1.0 or 1.1, which audits refuse.",
        decided="minProtocolVersion of the server, or argocd-server's least version where it speaks TLS. A warning if "
        "cipherSuites, or --tlsciphers, has none that old versions can use, as by default: then no client gets one.",
        source="https://www.rfc-editor.org/rfc/rfc8996; a run",
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
                tls:
                  mode: SIMPLE
                  credentialName: argocd-certificate
                  minProtocolVersion: TLSV1_1
                  cipherSuites: [ECDHE-ECDSA-AES128-SHA, ECDHE-ECDSA-AES128-GCM-SHA256]
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
                tls: {mode: SIMPLE, credentialName: argocd-certificate, minProtocolVersion: TLSV1_3}
        """,
    ),
    Rule(
        "A25",
        "weak-ciphers",
        "warning",
        _weak,
        effect="Recorded connections can be read later with the certificate's key, or CBC attacks apply.",
        decided="A suite of cipherSuites, or of argocd-server where it speaks TLS, is not ECDHE with GCM or ChaCha20.",
        source="https://www.rfc-editor.org/rfc/rfc9325#section-4.2",
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
                tls: {mode: SIMPLE, credentialName: argocd-certificate, cipherSuites: [AES128-SHA]}
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
                tls: {mode: SIMPLE, credentialName: argocd-certificate, cipherSuites: [ECDHE-RSA-AES128-GCM-SHA256]}
        """,
    ),
    Rule(
        "A26",
        "no-tls-version-left",
        "error",
        _reversed,
        effect="No client can connect: no TLS version is allowed.",
        decided="The least TLS version is above the most, of the server or of argocd-server, with its defaults 1.2 and "
        "1.3.",
        source="CreateTLSConfig in util/tls/tls.go of Argo CD; Envoy refuses the listener",
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
                tls:
                  mode: SIMPLE
                  credentialName: argocd-certificate
                  minProtocolVersion: TLSV1_3
                  maxProtocolVersion: TLSV1_2
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
                tls:
                  mode: SIMPLE
                  credentialName: argocd-certificate
                  minProtocolVersion: TLSV1_2
                  maxProtocolVersion: TLSV1_3
        """,
    ),
    Rule(
        "A27",
        "no-ca-for-clients",
        "warning",
        _no_ca,
        effect="The gateway refuses every client, or opens no port: it has no CA for their certificates.",
        decided="A server with TLS mode MUTUAL, a Secret without ca.crt in these files, and no Secret NAME-cacert. Not "
        "checked if the Secret is not in these files.",
        source="pilot/pkg/credentials/kube/secrets.go of Istio",
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
                tls: {mode: MUTUAL, credentialName: argocd-certificate}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-certificate, namespace: istio-system}
            stringData: {tls.crt: a, tls.key: a}
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
                tls: {mode: MUTUAL, credentialName: argocd-certificate}
            ---
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-certificate, namespace: istio-system}
            stringData: {tls.crt: a, tls.key: a, ca.crt: a}
        """,
    ),
    Rule(
        "B03",
        "redirect-of-tls",
        "warning",
        _misplaced,
        effect="http:// addresses are not redirected by it: the field belongs to the server of port 80.",
        decided="httpsRedirect on a server whose protocol is not HTTP.",
        source=_VALIDATION,
        istioctl="IST0133",
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
                tls: {mode: SIMPLE, credentialName: argocd-certificate, httpsRedirect: true}
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
)
