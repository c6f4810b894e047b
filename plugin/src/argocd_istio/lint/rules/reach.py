"""Whether a way reaches the pods of argocd-server: names, ports, selectors and exportTo."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from argocd_istio.lint.rule import UNROUTED, Fault, Rule, Unchecked, named_few
from argocd_istio.render.model import Behind, Destination, Facts, Listener, Pods

ACME = "/.well-known/acme-challenge"
SAY = "set --gateway-namespace"


def _no_service(facts: Facts) -> Iterator[Fault | Unchecked]:
    for _, route, destination in facts.destinations():
        if destination.found == "not here" and not destination.ours and destination.namesake:
            message = f"the short name means Service {destination.name}, which is not here: {destination.namesake} is"
            namespace, _, name = destination.namesake.partition("/")
            fix = f"write {name}.{namespace}.svc.cluster.local"
            yield Fault(destination, destination.place, message, fix, "warning")
        elif destination.found == "not here" and not destination.ours and destination.to_argocd_server:
            yield Unchecked("", f"whether there is a Service {destination.name}; name the file with it too")
        # The ACME client creates this Service while it requests the certificate.
        if route.paths and all(path.startswith(ACME) for path in route.paths):
            continue
        # D05 reports a Service that only has another prefix or suffix.
        known = destination.ours and not destination.renamed
        lost = destination.found == "nothing" or (destination.found == "not here" and known)
        if lost and not destination.name:
            message = "the destination names no host: the API server refuses the object"
            yield Fault(destination, destination.place, message, "write the Service's name as its host")
        elif lost:
            message = f"no Service {destination.name} here: the gateway answers 503"
            yield Fault(destination, destination.place, message, "name a Service by name.namespace.svc.cluster.local")


def _no_port(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        if destination.found == "service":
            numbers = ", ".join(map(str, destination.ports)) or "none"
            message = f"no port {destination.port} in Service {destination.name}, which has {numbers}"
            yield Fault(destination, destination.place, f"{message}: the gateway answers 503", "name one of these")


def _wrong_port(facts: Facts) -> Iterator[Fault]:
    @cache
    def wrong(behind: Behind) -> dict[tuple[str, str], Pods]:
        """Message and fix, each with the first pods that they apply to."""
        found: dict[tuple[str, str], Pods] = {}
        for pods in behind:
            argocd = pods.argocd_server
            if not pods.port:
                message = f"no container has a port named {pods.target}: the gateway answers 503"
                found.setdefault((message, "state its number as targetPort"), pods)
            elif argocd and pods.port != argocd.listens:
                message = f"argocd-server listens on port {argocd.listens}, not on {pods.port}"
                found.setdefault((message, f"set targetPort: {argocd.listens}"), pods)
        return found

    for _, _, destination in facts.destinations():
        if destination.name.endswith("metrics"):
            continue  # Meant for the port of metrics, which F08 judges.
        for (message, fix), pods in wrong(destination.pods).items():
            yield Fault(pods, destination.target, message, fix)


def _no_subset(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        if destination.found == "port" and not destination.subset_here:
            message = f"no DestinationRule here has subset {destination.subset}: the gateway answers 503"
            yield Fault(destination, destination.place, message, "remove subset, or define it")
        elif not destination.subset_pods:
            whose = f"subset {destination.subset} selects none of the pods of Service {destination.name}"
            message = f"{whose}: the gateway answers 503"
            yield Fault(destination, destination.place, message, "give them its labels, or remove subset")


def _no_pods(facts: Facts) -> Iterator[Fault]:
    for _, _, destination in facts.destinations():
        chosen = destination.selector and destination.subset_pods
        without = destination.found == "port" and chosen and not destination.pods
        # If argocd-server is only in other namespaces, this Service and its pods may be another team's.
        if without and (destination.ours or (facts.stranded and destination.to_argocd_server)):
            message = f"the selector {','.join(destination.selector)} matches no pods here: the gateway answers 503"
            yield Fault(destination, destination.place, message, "select the labels of argocd-server's pods")


def _perhaps_ours(destination: Destination) -> bool:
    return destination.ours or destination.name.endswith("/argocd-server")


def _no_own_pods(facts: Facts) -> Iterator[Fault]:
    """A person or a controller may write the endpoints."""
    for _, _, destination in facts.destinations():
        if destination.ends and _perhaps_ours(destination):
            message = f"Service {destination.name} has no selector: which pods it leads to is not known here"
            fix = "if that is not intended, select argocd-server's pods"
            if destination.ends == "another name":
                whose = f"Service {destination.name} is an alias of {destination.alias}"
                message = f"{whose}: where it leads is not known here"
            yield Fault(destination, destination.place, message, fix)


def _others_too(facts: Facts) -> Iterator[Fault]:
    @cache
    def strangers(behind: Behind) -> tuple[int, str]:
        others = [pods.name.partition("/")[2] for pods in behind if not pods.argocd_server]
        return len(others), named_few(others)

    for _, _, destination in facts.argocd_servers():
        count, named = strangers(destination.pods)
        if count:
            message = f"Service {destination.name} also selects {named}: most requests reach the wrong pods"
            message = message if count > 1 else message.replace("most", "some")
            fix = "select argocd-server alone: app.kubernetes.io/name: argocd-server"
            yield Fault(destination, destination.place, message, fix)


def _service_not_seen(facts: Facts) -> Iterator[Fault]:
    for listener, _, destination in facts.destinations():
        if destination.seen is False:
            message = f"networking.istio.io/exportTo hides Service {destination.name} from the gateway's pods: 503"
            yield Fault(destination, destination.place, message, f"add namespace {listener.namespace or '*'} to it")


def _no_selector(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.here and listener.api == "Istio" and not listener.selector:
            message = "no selector: every gateway of the cluster takes this host"
            yield Fault(listener, listener.place, message, "select the labels of the gateway's pods")


def _no_servers(facts: Facts) -> Iterator[Fault]:
    for place in facts.empty:
        yield Fault(None, place, f"{place.object} has no servers: no port is opened", "add servers, or remove it")


def _route_hidden(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not exported" and not listener.redirect:
            message = f"exportTo hides VirtualService {listener.candidate} from the gateway's pods"
            fix = _shown(listener)
            yield Fault(listener, listener.place, f"{message}: {UNROUTED[listener.rules]}", fix)
            continue
        for route in listener.routes:
            own = route.owner.partition("/")[0]
            if route.seen is False:
                message = f"exportTo hides VirtualService {route.owner} from the gateway's pods"
                yield Fault(route, route.place, f"{message}: {UNROUTED[listener.rules]}", _shown(listener))
                break
            if route.seen is None and route.only_own:
                message = f"exportTo shows VirtualService {route.owner} only to gateway pods in namespace {own}"
                fix = f"add the namespace of the gateway's pods, or {SAY} {own} if they are there"
                yield Fault(route, route.place, f"{message}: others answer 404", fix, "warning")
                break


def _shown(listener: Listener) -> str:
    """The fix that makes a VirtualService visible to the gateway's pods."""
    return f"set exportTo: [., {listener.namespace}], or remove it" if listener.namespace else "remove exportTo"


def _rule_hidden(facts: Facts) -> Iterator[Fault]:
    for listener, _, destination in facts.destinations():
        hidden = destination.hidden
        if hidden and hidden.tls and not (destination.policy and destination.policy.tls):
            message = f"exportTo hides DestinationRule {hidden.rule} from the gateway's pods: its TLS is not used"
            if not listener.namespace:
                message = message.replace("the gateway's pods", "gateway pods of another namespace")
            yield Fault(destination, hidden.place, message, "add the namespace of the gateway's pods to exportTo")


def _moved_secret(facts: Facts) -> Iterator[Fault]:
    places = {(given.namespace, given.name): given.place for given in facts.install.secrets}
    # In namespaces other than argocd-server's and the Gateway's, an equal name is a coincidence.
    ours = {name: place for (owner, name), place in places.items() if owner in facts.homes}
    for _, listener in facts.listeners():
        certificate = listener.certificate
        if not (certificate and certificate.secret and certificate.namespace and listener.api == "Istio"):
            continue
        place = places.get((listener.gateway.partition("/")[0], certificate.secret)) or ours.get(certificate.secret)
        if place and (certificate.namespace, certificate.secret) not in places:
            found = f"{place.object.namespace}/{certificate.secret}"
            read = f"{certificate.namespace}/{certificate.secret}"
            message = f"{place.object} creates Secret {found}, but the gateway reads {read}"
            if place.object.kind == "Secret":
                message = f"Secret {found} is not where the gateway reads it, {read}"
            fix = f"put it into namespace {certificate.namespace}, with a separate kustomization"
            yield Fault(listener, place, f"{message}: it opens no port", fix)


def _no_way(facts: Facts) -> Iterator[Fault | Unchecked]:
    if any(facts.argocd_servers()):
        return
    if not (facts.ways or facts.strays or facts.empty):
        yield Unchecked("", "these files have no Gateway and no route; name the files with them too")
        return
    if not facts.homes and not any(facts.routes()):
        yield Unchecked("", "these files have no route and no argocd-server; name the files with them too")
        return
    if any(route.continues for _, route in facts.routes()):
        return
    destinations = [destination for _, _, destination in facts.destinations()]
    if any(each.found == "nothing" or (each.ours and not each.pods and not each.ends) for each in destinations):
        return  # Another rule reports this.
    if any(each.ends == "endpoints here" and _perhaps_ours(each) for each in destinations):
        return
    known = all(each.found == "service" or each.pods for each in destinations)
    if facts.stranded or (known and not facts.install.namespaces):
        known = any(listener.unrouted for _, listener in facts.listeners())
        fix = "" if known else "name its Service in a route"
        yield Fault(None, None, "no route in these files leads to argocd-server", fix)


RULES = (
    Rule(
        "A19",
        "port-not-in-service",
        "error",
        _no_port,
        effect="The gateway answers 503, or 500 with the Gateway API.",
        decided="The port of a destination, or without one the port of the listener if the Service has several, is "
        "not in the Service.",
        source="pilot/pkg/networking/core/route/route.go of Istio",
        covers=("A18",),
        istioctl="IST0101",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 8080}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "A20",
        "no-such-service",
        "error",
        _no_service,
        effect="The gateway answers 503, or 500 with the Gateway API.",
        decided="A destination's host names no Service in these files, in a namespace whose Services are in them. "
        "Only a name without dots is completed; argocd-server.argocd names nothing. Other Services may be elsewhere.",
        source="pilot/pkg/model/push_context.go of Istio",
        istioctl="IST0101",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server, port: {number: 80}}}]
        """,
    ),
    Rule(
        "A23",
        "wrong-target-port",
        "error",
        _wrong_port,
        effect="The gateway answers 503, or serves metrics.",
        decided="The Service's targetPort is not the port that argocd-server listens on (8080, or --port), or names "
        "no port of its container.",
        source="cmd/argocd-server/commands/argocd_server.go of Argo CD",
        wrong="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8083}
              - {name: https, port: 443, targetPort: 8080}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8080}
              - {name: https, port: 443, targetPort: 8080}
        """,
    ),
    Rule(
        "A32",
        "no-such-subset",
        "error",
        _no_subset,
        effect="The gateway answers 503.",
        decided="A destination names a subset that no DestinationRule here has, or that selects no pods.",
        source="pilot/pkg/networking/core/cluster_builder.go of Istio",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, subset: v1, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "D02",
        "no-selector",
        "error",
        _no_selector,
        effect="Every gateway of the cluster serves this host.",
        decided="A Gateway that leads to argocd-server has no selector.",
        source="pilot/pkg/model/push_context.go of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec: {selector: null}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec: {selector: {istio: ingressgateway}}
        """,
    ),
    Rule(
        "D06",
        "route-not-exported",
        "error",
        _route_hidden,
        effect="The gateway answers 404.",
        decided="exportTo of the VirtualService does not include the namespace of the gateway's pods. A warning if "
        "that is not known.",
        source="pilot/pkg/model/push_context.go of Istio",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              exportTo: [.]

        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              exportTo: [., istio-system]

        """,
    ),
    Rule(
        "D07",
        "destination-rule-not-exported",
        "warning",
        _rule_hidden,
        effect="The DestinationRule does nothing: TLS to argocd-server is silently off.",
        decided="exportTo of a DestinationRule for argocd-server does not include the namespace of the gateway's pods.",
        source="pilot/pkg/model/push_context.go of Istio",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              exportTo: [.]
              trafficPolicy: {tls: {mode: SIMPLE}}
        """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: argocd-server}
            spec:
              host: argocd-server.argocd.svc.cluster.local
              exportTo: ["*"]
              trafficPolicy: {tls: {mode: DISABLE}}
        """,
    ),
    Rule(
        "D08",
        "certificate-elsewhere",
        "error",
        _moved_secret,
        effect="The gateway opens no port 443.",
        decided="The Secret, or an object that creates it, has the name of the credential but is not in the "
        "namespace of the gateway's pods.",
        source="pilot/pkg/credentials/kube/secrets.go of Istio",
        wrong="""
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: cd, namespace: argocd}
            spec: {secretName: argocd-certificate, dnsNames: [argocd.example.com]}
        """,
        right="""
            apiVersion: cert-manager.io/v1
            kind: Certificate
            metadata: {name: cd, namespace: istio-system}
            spec: {secretName: argocd-certificate, dnsNames: [argocd.example.com]}
        """,
    ),
    Rule(
        "D23",
        "gateway-without-servers",
        "error",
        _no_servers,
        effect="No port is opened.",
        decided="A Gateway has no servers.",
        source="pkg/config/validation/validation.go of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec: {servers: []}
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
        "D25",
        "service-without-pods",
        "error",
        _no_pods,
        effect="The gateway answers 503.",
        decided="The selector of argocd-server's Service matches no pods in these files.",
        source="Services of Kubernetes",
        wrong="""
            kind: Service
            metadata: {name: argocd-server}
            spec: {selector: {app.kubernetes.io/name: argo}}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server}
            spec: {selector: {app.kubernetes.io/name: argocd-server}}
        """,
    ),
    Rule(
        "D26",
        "service-not-exported",
        "error",
        _service_not_seen,
        effect="The gateway answers 503.",
        decided="networking.istio.io/exportTo of the Service does not include the namespace of the gateway's pods.",
        source="pilot/pkg/model/push_context.go of Istio",
        wrong="""
            kind: Service
            metadata: {name: argocd-server, annotations: {networking.istio.io/exportTo: "."}}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server, annotations: {networking.istio.io/exportTo: "*"}}
        """,
    ),
    Rule(
        "D27",
        "service-without-selector",
        "info",
        _no_own_pods,
        effect="A note: where the requests go is not known.",
        decided="The Service of a route to argocd-server has no selector: it is an alias, or its endpoints are "
        "written by hand.",
        source="Services of Kubernetes",
        wrong="""
            kind: Service
            metadata: {name: argocd-server}
            spec: {selector: null}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server}
            spec: {selector: {app.kubernetes.io/name: argocd-server}}
        """,
    ),
    Rule(
        "F24",
        "service-selects-others",
        "error",
        _others_too,
        effect="Some requests reach other pods and fail.",
        decided="The selector of the Service also matches pods of other workloads.",
        source="Services of Kubernetes",
        wrong="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              template:
                metadata: {labels: {app.kubernetes.io/name: argocd-server}}
                spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
        """,
        right="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web}
            spec:
              template:
                metadata: {labels: {app.kubernetes.io/name: web}}
                spec: {containers: [{name: web, ports: [{containerPort: 8080}]}]}
        """,
    ),
    Rule(
        "H07",
        "no-way-to-argocd-server",
        "warning",
        _no_way,
        effect="Argo CD is not reachable through these Gateways.",
        decided="There is a Gateway or a route, and no route leads to argocd-server. Not checked if the files have "
        "neither.",
        source="Seen in published manifests",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.cd.svc.x.y, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
)
