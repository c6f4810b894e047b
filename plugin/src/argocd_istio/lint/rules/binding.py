"""How objects name and select each other: Gateways and their pods, VirtualServices and their Gateways."""

from __future__ import annotations

import re
from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule, Unchecked, named_few
from argocd_istio.render.model import Facts, Listener, Stated, Way
from argocd_istio.render.objects import Place
from argocd_istio.render.parts import Edge

_GATEWAY = "pilot/pkg/networking/core/gateway.go of Istio"
_SECRETS = "pilot/pkg/model/credentials/resource.go of Istio"
_VALID = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def gateways(facts: Facts) -> Iterator[tuple[Way, Listener, Edge]]:
    """The listeners of Istio Gateways here that lead to argocd-server, with what applies to their pods.

    A Gateway without any route counts too if argocd-server is not in these files: they may be a part.
    """
    for way, listener in facts.listeners():
        edge = facts.edges.of.get((listener.namespace, listener.selector))
        ours = way.to_argocd_server or not (facts.homes or any(each.routes for each in way.listeners))
        if edge and listener.here and listener.api == "Istio" and ours:
            yield way, listener, edge


def edges(facts: Facts) -> Iterator[tuple[Listener, Edge]]:
    """What applies to the pods of each such gateway, once, with its first listener."""
    seen: set[int] = set()
    for _, listener, edge in gateways(facts):
        if id(edge) not in seen:
            seen.add(id(edge))
            yield listener, edge


def _selector(facts: Facts) -> Iterator[Fault | Unchecked]:
    stated = set(facts.stated.gateway_labels)
    for _, listener, edge in gateways(facts):
        named = ",".join(listener.selector)
        if edge.here:
            continue
        if not stated:
            yield Unchecked("--gateway-labels", f"whether the gateway's pods have the labels {named}")
        elif not set(listener.selector) <= stated:
            message = f"the selector {named} does not match the gateway's pods ({', '.join(sorted(stated))}): "
            message += "no gateway takes this host"
            place = Place(listener.place.object).at("spec", "selector")
            yield Fault(listener, place, message, "select the labels of the gateway's pods")


def _mesh(facts: Facts) -> Iterator[Fault]:
    for bound in facts.beside.bound:
        hosts = named_few(bound.hosts)
        message = f"VirtualService {bound.name} is for the mesh alone: no gateway serves {hosts}"
        if not bound.only:
            message = f"VirtualService {bound.name} is for the mesh, too: sidecars send requests for {hosts} directly "
            message += "to argocd-server, past the gateway"
        yield Fault(None, bound.place, message, "name only the Gateway, as gateways: [namespace/name]")


def _renames(wanted: str, found: str) -> bool:
    """Whether a name is another one with a prefix or suffix."""
    return found != wanted and (found.endswith(f"-{wanted}") or found.startswith(f"{wanted}-"))


_UNDO = "remove the prefix or suffix, which Argo CD's own ConfigMaps and Secrets do not survive"


def _unresolved(facts: Facts, renamed: bool) -> Iterator[Fault]:
    for lost in facts.beside.unresolved:
        name = lost.name.partition("/")[2]
        changed = [each for each in lost.others if _renames(name, each.partition("/")[2])]
        if renamed is not bool(changed):
            continue
        message = f"VirtualService {lost.owner} names Gateway {lost.name}, which does not exist here: it routes nothing"
        fix = f"write {(changed or lost.others)[0]}"
        yield Fault(None, lost.place, message, f"{_UNDO}, or {fix}" if renamed else fix)


def _renamed(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        if destination.renamed and destination.ours:
            namespace = destination.name.partition("/")[0]
            message = f"the route names Service {destination.name}, but here it is {namespace}/{destination.renamed}: "
            message += "a prefix or suffix renamed one of them, and the gateway answers 503"
            fix = f"{_UNDO}, or write {destination.renamed}.{namespace}.svc.cluster.local"
            yield Fault(destination, destination.place, message, fix)
    yield from _unresolved(facts, True)


def _credential(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        secret = listener.certificate.secret if listener.certificate and listener.api == "Istio" else ""
        if not secret or ("://" in secret and not secret.startswith("kubernetes://")):
            continue
        place = listener.place.at("tls").at("credentialName")
        namespace, slash, name = secret.removeprefix("kubernetes://").rpartition("/")
        if slash and listener.namespace and namespace != listener.namespace:
            message = f"{secret} names a Secret of another namespace: the gateway does not get it and opens no port"
            fix = f"write {name}, and put the Secret into namespace {listener.namespace}"
            yield Fault(listener, place, message, fix)
        elif not (_VALID.fullmatch(name) and len(name) <= 253):
            message = f"{secret} is no name of a Secret: the gateway opens no port"
            yield Fault(listener, place, message, "write the Secret's name: lower-case letters, digits, - and .")


def _suffix(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        secret = listener.certificate.secret if listener.certificate and listener.api == "Istio" else ""
        if secret.endswith("-cacert"):
            message = f"{secret} ends with -cacert: Istio reads only a CA from Secrets with such names"
            yield Fault(listener, listener.place.at("tls").at("credentialName"), message, "rename the Secret")


def _port(facts: Facts) -> Iterator[Fault | Unchecked]:
    for _, listener, edge in gateways(facts):
        if not edge.services:
            yield Unchecked("", "whether the gateway's Service, which is not in these files, has the ports")
        elif listener.port not in edge.served:
            named = named_few([each.title for each in edge.services])
            message = f"Service {named} of the gateway has no port {listener.port}: no client connects"
            place = listener.place.at("port").at("number")
            yield Fault(listener, place, message, f"add port {listener.port} to the Service, or use one of its ports")


def _doubled(facts: Facts) -> Iterator[Fault]:
    for name, place in facts.beside.doubled:
        message = f"two servers of {place.object} have the port name {name}: Istio refuses the Gateway"
        yield Fault(None, place, message, "give each port its own name")


def _old(facts: Facts) -> Iterator[Fault]:
    for old in facts.beside.old:
        if old.since.startswith("Istio") and "/" in old.newer:
            message = f"{old.place.object} has apiVersion {old.version}, which newer versions of Istio will drop"
            yield Fault(None, old.place, message, f"write {old.newer} ({old.since} and newer)")


def _unplaced(facts: Facts) -> Iterator[Fault]:
    found = facts.beside.unplaced
    if found:
        named = named_few([f"{each.object.kind} {each.object.name}" for each in found])
        message = f"no namespace in {named}, but in other objects: kubectl puts them into its current namespace"
        yield Fault(None, found[0], message, "state metadata.namespace in each, or set namespace: in the kustomization")


def _scoped(facts: Facts) -> Iterator[Fault]:
    for place in facts.beside.scoped[:1]:
        for _, listener, _ in gateways(facts):
            own = listener.gateway.partition("/")[0]
            if listener.namespace and own != listener.namespace:
                message = (
                    f"{place.object} sets PILOT_SCOPE_GATEWAY_TO_NAMESPACE, and Gateway {listener.gateway} is not "
                )
                message += f"in namespace {listener.namespace} of the gateway's pods: they ignore it"
                fix = f"move the Gateway to {listener.namespace}, or remove the variable"
                yield Fault(listener, Place(listener.place.object), message, fix)


RULES = (
    Rule(
        "D01",
        "selector-without-gateway",
        "error",
        _selector,
        effect="No gateway serves the host: connections are refused or get another certificate.",
        decided="The Gateway's selector against the labels of a workload in the files, else against --gateway-labels; "
        "without either it is not checked.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              selector: {istio: ingressgateway}
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              selector: {istio: ingress}
            """,
        stated=Stated(gateway_labels=("app=istio-ingress", "istio=ingress")),
        source=f"{_GATEWAY}; the Helm chart gateway labels its pods istio: NAME, without a leading istio-",
        istioctl="IST0101",
    ),
    Rule(
        "D03",
        "virtual-service-of-the-mesh",
        "warning",
        _mesh,
        effect="Without a Gateway nothing serves the host; with mesh beside one, sidecars bypass the gateway.",
        decided="A VirtualService with a public host and a route to argocd-server, whose gateways are empty or name "
        "mesh.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              gateways: [argocd/argocd, mesh]
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              gateways: [argocd/argocd]
            """,
        source="gateways in networking/v1alpha3/virtual_service.proto of Istio's API",
    ),
    Rule(
        "D04",
        "no-such-gateway",
        "error",
        lambda facts: _unresolved(facts, False),
        effect="The VirtualService is bound to nothing: the gateway answers 404.",
        decided="A named Gateway is not in the files, although they have one of this name in another namespace, or "
        "others in this namespace with an argocd-server. A Gateway of somebody else is C28. name.namespace, ./name "
        "and the full name of a Service name it as well.",
        covers=("D21",),
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              gateways: [argocd/ingress]
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              gateways: [argocd]
            """,
        source="resolveGatewayName in pilot/pkg/model/config.go of Istio",
        istioctl="IST0101",
    ),
    Rule(
        "D05",
        "renamed-by-kustomize",
        "error",
        _renamed,
        effect="kustomize renames objects, but not the names in a route: the gateway answers 503 or 404.",
        decided="A route names a Service or Gateway that is not in the files, but one is whose name is this name with "
        "a prefix or suffix.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              http:
              - route:
                - destination: {host: argocd-server-web.argocd.svc.cluster.local, port: {number: 80}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: dev-argocd-server-web}
            spec:
              selector: {app.kubernetes.io/name: argocd-server}
              ports: [{name: http, port: 80, targetPort: 8080}]
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              http:
              - route:
                - destination: {host: dev-argocd-server-web.argocd.svc.cluster.local, port: {number: 80}}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: dev-argocd-server-web}
            spec:
              selector: {app.kubernetes.io/name: argocd-server}
              ports: [{name: http, port: 80, targetPort: 8080}]
            """,
        source="kustomize's name references, which have no field of Istio",
    ),
    Rule(
        "D10",
        "bad-credential-name",
        "error",
        _credential,
        effect="The gateway finds no certificate and opens no port 443.",
        decided="credentialName is no name of a Secret, or states another namespace than that of the gateway's pods.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd/argocd-certificate}
            """,
        right="""
            apiVersion: networking.istio.io/v1
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
        source=f"ParseResourceName in {_SECRETS}",
    ),
    Rule(
        "D11",
        "credential-named-as-ca",
        "warning",
        _suffix,
        effect="The gateway reads a CA where it needs a certificate, and opens no port 443.",
        decided="credentialName ends with -cacert.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-cacert}
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-cacert-2026}
            """,
        source=f"SdsCaSuffix in {_SECRETS}",
    ),
    Rule(
        "D16",
        "port-not-in-the-gateways-service",
        "error",
        _port,
        effect="No client connects: nothing forwards the port to the gateway.",
        decided="The server's port is neither a port nor a target port of the Services in the files that select the "
        "gateway's pods; without such a Service it is not checked.",
        wrong="""
            apiVersion: v1
            kind: Service
            metadata: {name: istio-ingressgateway, namespace: istio-system}
            spec:
              selector: {istio: ingressgateway}
              ports: [{name: http2, port: 80, targetPort: 8080}]
            """,
        right="""
            apiVersion: v1
            kind: Service
            metadata: {name: istio-ingressgateway, namespace: istio-system}
            spec:
              selector: {istio: ingressgateway}
              ports:
              - {name: http2, port: 80, targetPort: 8080}
              - {name: https, port: 443, targetPort: 8443}
            """,
        source=_GATEWAY,
        istioctl="IST0162",
    ),
    Rule(
        "D17",
        "port-name-twice",
        "error",
        _doubled,
        effect="Istio refuses the Gateway: nothing changes, or no port opens.",
        decided="Two servers of one Gateway have ports of one name.",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: web, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: web, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: web, protocol: HTTP}
                hosts: [./argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: web-tls, protocol: HTTPS}
                hosts: [./argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            """,
        source="ValidateGateway in pkg/config/validation/validation.go of Istio",
        istioctl="IST0106",
    ),
    Rule(
        "D18",
        "old-version-of-istio",
        "info",
        _old,
        effect="None yet: Istio still serves these versions.",
        decided="apiVersion v1alpha3 or v1beta1 of a kind that has v1 since Istio 1.22.",
        wrong="""
            apiVersion: networking.istio.io/v1beta1
            kind: DestinationRule
            metadata: {name: web, namespace: shop}
            spec: {host: web.shop.svc.cluster.local}
            """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: web, namespace: shop}
            spec: {host: web.shop.svc.cluster.local}
            """,
        source="pkg/config/schema/metadata.yaml of Istio",
        advice=True,
    ),
    Rule(
        "D19",
        "namespace-missing",
        "warning",
        _unplaced,
        effect="kubectl puts the objects into its current namespace, Argo CD into that of the Application.",
        decided="Objects without metadata.namespace in files that state one elsewhere.",
        wrong="""
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-initial, namespace: null}
            """,
        right="""
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-initial, namespace: argocd}
            """,
        source="kubectl's --namespace",
        advice=True,
    ),
    Rule(
        "D20",
        "gateway-outside-its-scope",
        "error",
        _scoped,
        effect="The gateway ignores the Gateway: connections are refused.",
        decided="An istiod in the files sets PILOT_SCOPE_GATEWAY_TO_NAMESPACE, and the Gateway is not in the namespace "
        "of the gateway's pods. Without istiod Istio's default counts, which is off.",
        wrong="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: istiod, namespace: istio-system}
            spec:
              template:
                spec:
                  containers:
                  - name: discovery
                    env: [{name: PILOT_SCOPE_GATEWAY_TO_NAMESPACE, value: "true"}]
            """,
        right="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: istiod, namespace: istio-system}
            spec:
              template:
                spec:
                  containers:
                  - name: discovery
                    env: [{name: PILOT_SCOPE_GATEWAY_TO_NAMESPACE, value: "false"}]
            """,
        source="pilot/pkg/features/pilot.go of Istio",
    ),
)
