"""Certificates and their keys, as far as files show them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import Certificate, Facts, Given

_SERVER = "argocd-server-tls"
_PAIRS = (("tls.crt", "tls.key"), ("cert", "key"))
_SETTINGS = "util/settings/settings.go of Argo CD"


def _given(facts: Facts) -> dict[tuple[str, str], Given]:
    return {(given.namespace, given.name): given for given in facts.install.secrets}


def _keys(facts: Facts) -> Iterator[Fault]:
    known = _given(facts)
    for certificate, fact, effect in _read(facts):
        secret = known.get((certificate.namespace, certificate.secret)) if certificate.secret else None
        # A Secret without any content may be filled in the cluster.
        if secret and secret.keys and not any(set(pair) <= set(secret.keys) for pair in _PAIRS):
            named = ", ".join(secret.keys[:5])
            message = f"Secret {secret.namespace}/{secret.name} has {named}, not tls.crt and tls.key: {effect}"
            place = secret.place.at("data").at("stringData")
            yield Fault(fact, place, message, "create it by kubectl create secret tls")


def _read(facts: Facts) -> Iterator[tuple[Certificate, Hashable, str]]:
    """The certificates that gateways and argocd-server read, and what happens without them."""
    for _, listener in facts.listeners():
        if listener.certificate:
            yield listener.certificate, listener, "the gateway opens no port"
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        if pods.certificate and hop == "the client's TLS":
            yield pods.certificate, pods, "browsers get a self-signed certificate"


def _private(facts: Facts) -> Iterator[Fault]:
    read = {(each.certificate.namespace, each.certificate.secret) for _, each in facts.listeners() if each.certificate}
    for secret in facts.install.secrets:
        ours = secret.namespace in facts.homes or (secret.namespace, secret.name) in read
        if secret.private and ours:
            message = (
                f"{secret.private} of Secret {secret.namespace}/{secret.name} is a readable private key: who reads "
            )
            message += "these files can impersonate the host"
            fix = "renew the key, and keep it in cert-manager, External Secrets or Sealed Secrets"
            yield Fault(None, secret.place.at("data", secret.private).at("stringData", secret.private), message, fix)


def _old_place(facts: Facts) -> Iterator[Fault]:
    known = _given(facts)
    for keys in facts.beside.named("argocd-secret"):
        if "tls.crt" in keys.values and (keys.namespace, _SERVER) not in known:
            message = (
                f"argocd-server's certificate is in {keys.place.object}: Argo CD takes it from {_SERVER}, too, and "
            )
            yield Fault(
                None, keys.at("tls.crt"), f"{message}renews it there without a restart", f"move it to Secret {_SERVER}"
            )


def _self_signed(facts: Facts) -> Iterator[Fault]:
    known = _given(facts)
    moved = {keys.namespace for keys in facts.beside.named("argocd-secret") if "tls.crt" in keys.values}
    for hop, pods in facts.pods(lambda _, destination: destination.hop):
        certificate = pods.certificate
        if not certificate or hop != "the client's TLS" or certificate.namespace in moved:
            continue
        if (certificate.namespace, certificate.secret) not in known:
            message = (
                f"these files have no Secret {certificate.namespace}/{certificate.secret}: unless it exists in the "
            )
            message += "cluster, browsers get a self-signed certificate"
            yield Fault(pods, pods.place, message, f"create it, or a Certificate with secretName {certificate.secret}")


def _other_secret(facts: Facts) -> Iterator[Fault]:
    known = _given(facts)
    read = {(each.certificate.namespace, each.certificate.secret) for _, each in facts.listeners() if each.certificate}
    issued: Hosts[Given] = Hosts()
    for given in facts.install.secrets:
        if given.place.object.kind == "Certificate" and (given.namespace, given.name) not in read:
            for name in given.names or () if given.name != _SERVER else ():
                issued.add(name, given)
    for way, listener in facts.listeners():
        certificate = listener.certificate
        if not certificate or not certificate.secret or not way.to_argocd_server:
            continue
        if (certificate.namespace, certificate.secret) in known:
            continue
        for given in [each for host in way.hosts for each in issued.narrowest(host)][:1]:
            # D08 reports the right name in another namespace.
            if given.namespace in ({certificate.namespace} | facts.homes) and given.name != certificate.secret:
                message = f"{given.place.object} issues Secret {given.name} for this host, but the gateway reads "
                message += f"{certificate.secret}, which these files do not have"
                fix = f"write secretName: {certificate.secret}, or name {given.name} in the Gateway"
                yield Fault(listener, given.place.at("spec", "secretName"), message, fix)


_CERTIFICATE = """
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-certificate, namespace: istio-system}
            """
_ISSUED = """
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: cd, namespace: istio-system}
            spec: {dnsNames: [argocd.example.com], secretName: """
_PEM = "-----BEGIN PRIVATE KEY-----"

RULES = (
    Rule(
        "D09",
        "secret-without-certificate",
        "error",
        _keys,
        effect="The gateway opens no port 443: connections are reset.",
        decided="The Secret of credentialName, or argocd-server-tls for passthrough, is in the files and has content, "
        "but neither tls.crt and tls.key nor cert and key. Its type does not matter.",
        wrong=f"{_CERTIFICATE}stringData: {{server.crt: a, server.key: b}}",
        right=f"{_CERTIFICATE}stringData: {{tls.crt: a, tls.key: b}}",
        source="ExtractCertInfo in pilot/pkg/credentials/kube/secrets.go of Istio",
        istioctl="IST0161",
    ),
    Rule(
        "D12",
        "private-key-in-files",
        "error",
        _private,
        effect="Whoever reads the repository can impersonate the host.",
        decided="A Secret of the gateway's certificate or in Argo CD's namespace has a value with a readable private "
        "key.",
        wrong=f"{_CERTIFICATE}stringData: {{tls.crt: a, tls.key: {_PEM}}}",
        right=f"{_CERTIFICATE}stringData: {{tls.crt: a, tls.key: 'ENC[AES256_GCM,data:Zm9v]'}}",
        source="PEM, RFC 7468",
    ),
    Rule(
        "D13",
        "certificate-for-another-secret",
        "warning",
        _other_secret,
        effect="Unless the Secret exists in the cluster, the gateway opens no port 443.",
        decided="A Certificate of cert-manager for the host, in the namespace of the gateway's pods or of Argo CD, "
        "names another Secret than the gateway reads, and nothing in the files creates that. The right name in the "
        "wrong namespace is D08.",
        wrong=f"{_ISSUED}cd-tls}}",
        right=f"{_ISSUED}argocd-certificate}}",
        source="secretName in CertificateSpec of cert-manager",
    ),
    Rule(
        "D14",
        "certificate-in-argocd-secret",
        "warning",
        _old_place,
        effect="A renewed certificate is written by hand into a Secret with passwords.",
        decided="argocd-secret in the files has tls.crt, and there is no argocd-server-tls beside it.",
        mode="passthrough",
        wrong="""
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-secret}
            stringData: {tls.crt: a}
            """,
        right="""
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: argocd-server}
            spec: {secretName: argocd-server-tls, dnsNames: [argocd.example.com]}
            """,
        source=f"externalServerTLSSecretName in {_SETTINGS}",
        advice=True,
    ),
    Rule(
        "D15",
        "self-signed-certificate",
        "info",
        _self_signed,
        effect="Browsers warn of a self-signed certificate.",
        decided="TLS passes through to an argocd-server in the files, and nothing there creates argocd-server-tls.",
        mode="passthrough",
        wrong="""
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-tls}
            stringData: {tls.crt: a}
            """,
        right="""
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: argocd-server}
            spec: {secretName: argocd-server-tls, dnsNames: [argocd.example.com]}
            """,
        source=f"externalServerTLSSecretName in {_SETTINGS}",
        advice=True,
    ),
)
