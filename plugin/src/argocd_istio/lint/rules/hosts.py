"""The hosts that lead to Argo CD, and whether Gateway and route name the same ones.

The form of a host is not checked for other applications.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from argocd_istio.exposure.hosts import host_problem
from argocd_istio.exposure.names import SUBSTITUTE
from argocd_istio.exposure.wired import NEW_CRDS, OLD_CRDS
from argocd_istio.lint.rule import UNROUTED, Fault, Mend, Rule, named_few
from argocd_istio.lint.rules.certificates import named
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import Facts, Listener, Route, Way
from argocd_istio.render.objects import Place
from argocd_istio.syntax.nodes import items, texts

_AROUND = re.compile(r"[:/@?#\s]")


def _ours(facts: Facts) -> Iterator[tuple[Way, Listener]]:
    """The ways to argocd-server, each with its first listener that leads there."""
    for way in facts.ways:
        for listener in way.listeners:
            if any(each.to_argocd_server for route in listener.routes for each in route.destinations):
                yield way, listener
                break


def _everything(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        if "*" in way.hosts:
            message = "the host * matches every name: Argo CD receives the requests of all applications behind it"
            yield Fault(way, listener.place, message, "name the host")


def _wildcard(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        for host in way.hosts:
            if host.startswith("*."):
                message = f"{host} is a wildcard: Argo CD's own links and single sign-on need one name"
                yield Fault(way, listener.place, message, "name the host")


def _small(way: Way) -> Iterator[Mend]:
    """The lists of hosts, of the servers and their VirtualServices, in small letters."""
    lists = [listener.place.at("hosts") for listener in way.listeners if listener.here]
    for route in (route for listener in way.listeners for route in listener.routes):
        lists.append(Place(route.place.object).at("spec", "hosts"))
        for at in range(len(items(route.place.node, "match"))):
            lists.append(route.place.at("match", at).at("sniHosts"))
    for place in {id(each.node): each for each in lists}.values():
        hosts = texts(place.node)
        if any(host != host.lower() for host in hosts):
            yield Mend.at(place, value=[host.lower() for host in hosts])


def _upper(facts: Facts) -> Iterator[Fault]:
    """Istio compares hosts of its objects letter by letter, but those of requests in small letters."""
    found = {id(way): (way, listener) for way, listener in _ours(facts)}
    for way, listener in facts.listeners():
        if listener.unrouted and not facts.of_others(way, listener):
            found.setdefault(id(way), (way, listener))
    for way, listener in found.values():
        for host in way.hosts:
            if host != host.lower() and not SUBSTITUTE.search(host):
                low, mends = host.lower(), tuple(_small(way))
                message = f"{host} has capitals: where another object writes {low}, the gateway answers 404"
                error = bool(listener.unrouted)
                yield Fault(way, listener.place, message, f"write {low}", None if error else "warning", mends=mends)
    for stray in facts.strays:
        if stray.kind == "VirtualService" and stray.host != stray.host.lower() and not SUBSTITUTE.search(stray.host):
            low = stray.host.lower()
            message = f"{stray.host} has capitals: browsers ask for {low}, and Istio compares letter by letter"
            yield Fault(None, stray.place, message, f"write {low}", mends=(Mend.at(stray.place, value=low),))


def _address(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        for host in way.hosts:
            if _AROUND.search(host) and not (SUBSTITUTE.search(host) or _is_address(host)):
                bare = re.sub(r"^[a-z+]*://", "", host)
                bare = re.split(r"[:/?#\s]", bare)[0].rpartition("@")[2]
                message = f"{host} is more than a host name: Istio refuses it, or no request matches it"
                yield Fault(way, listener.place, message, f"write {bare}" if bare else "write the host alone")


_NAMES = {
    "a final dot": "C10",
    "a host of": "C12",
    "the IP address": "C13",
    "letters beyond ASCII": "C15",
    "which does not decode": "C15",
    "the single label": "C16",
    "": "C11",
}
"""The rule for each problem of `host_problem`."""


def _is_address(host: str) -> bool:
    return "the IP address" in (host_problem(host) or ("",))[0]


def _local(facts: Facts) -> Iterator[Fault]:
    yield from _no_name(facts, "C16")
    for way, listener in _ours(facts):
        for host in way.hosts:
            if f".{host.lower()}".endswith(_LOCAL) and "." in host:
                message = f"{host} is a name of the local network or of the cluster: no public CA issues a certificate "
                yield Fault(way, listener.place, f"{message}for it", "write a public name, or use a CA of your own")


_LOCAL = (".local", ".localhost", ".lan", ".svc")


def _no_name(facts: Facts, rule_id: str) -> Iterator[Fault]:
    """Hosts that the Exposure refuses. Wildcards, capitals and addresses have separate rules."""
    for way, listener in _ours(facts):
        for host in way.hosts:
            wildcard = host == "*" or (host.startswith("*.") and "*" not in host[1:])
            others = wildcard or SUBSTITUTE.search(host) or (_AROUND.search(host) and not _is_address(host))
            problem = None if others else host_problem(host.lower())
            if problem and rule_id == next(each for words, each in _NAMES.items() if words in problem[0]):
                message = f"{problem[0]}: Istio refuses it, or no request matches it"
                yield Fault(way, listener.place, message, problem[2])


def _repeated(facts: Facts) -> Iterator[Fault]:
    """`pkg/config/validation/validation.go` of Istio: a wildcard beside a host that it matches counts too."""
    seen: set[int] = set()
    for way, listener in _ours(facts):
        for route in listener.routes:
            if route.kind != "VirtualService" or id(route.place.object) in seen:
                continue
            seen.add(id(route.place.object))
            known: Hosts[str] = Hosts()
            for host in route.hosts:
                known.add(host, host)
            place = Place(route.place.object).at("spec", "hosts")
            for host in known:
                others = [wider for wider in known.wider(host) if wider != host]
                if len(known.at(host)) > 1 or others:
                    twice = f"{host} is listed twice" if not others else f"{host} is listed beside {others[0]}"
                    yield Fault(way, place, f"{twice} in {place.object}: Istio refuses it", "remove one")


def _twice(facts: Facts) -> Iterator[Fault]:
    yield from _repeated(facts)
    # Many ways share one list.
    lists: dict[int, tuple[Listener, Place, str]] = {}
    for _, listener in _ours(facts):
        if listener.api == "Istio" and listener.here:
            place = listener.place.at("hosts")
            lists.setdefault(id(place.node), (listener, place, "the server"))
        for route in listener.routes if listener.rules == "tls" else ():
            for at in range(len(items(route.place.node, "match"))):
                place = route.place.at("match", at, "sniHosts")
                lists.setdefault(id(place.node), (listener, place, "sniHosts"))
    for listener, place, where in lists.values():
        for host, count in Counter(texts(place.node)).items():
            if count > 1:
                yield Fault(listener, place, f"{host} is listed twice in {where}", "remove one", "warning")


def _strays(facts: Facts, others: bool) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.others is others and (others or stray.kind == "VirtualService") and not stray.refused:
            message = f"{stray.kind} {stray.owner} names {stray.host}, which its Gateway does not take"
            yield Fault(None, stray.place, message, "name the same hosts in both")


def _two_gateways(facts: Facts) -> Iterator[Fault]:
    """Istio skips the server of the younger Gateway: `CheckDuplicates` in `pilot/pkg/model/gateway.go`."""
    named: dict[int, set[str]] = {id(listener.hosts): set(listener.hosts) for _, listener in facts.listeners()}
    for way in facts.ways:
        seen: dict[int, dict[frozenset[str], Listener]] = {}
        for listener in way.listeners:
            if not (listener.tls and listener.here and listener.selector):
                continue
            own, known = frozenset(listener.selector), seen.setdefault(listener.port, {})
            # The pods with more labels are among those with fewer.
            first = known.get(own) or next((known[each] for each in known if each < own or own < each), listener)
            known.setdefault(own, listener)
            both = named[id(first.hosts)], named[id(listener.hosts)]
            if first is not listener and any(host in both[0] and host in both[1] for host in way.hosts):
                one, two = first.gateway, listener.gateway
                whom = f"Gateways {one} and {two} take" if one != two else f"two servers of Gateway {one} take"
                message = f"{whom} port {listener.port} of this host on the same pods: Istio skips one of them"
                yield Fault(listener, listener.place, message, "keep one")


def _two_virtual_services(facts: Facts) -> Iterator[Fault]:
    """Istio tries the routes of the older one first: `sortConfigByCreationTime` in `pilot/pkg/model/config.go`."""
    for _, listener in facts.listeners():
        whole = [
            route
            for route in listener.routes
            if route.kind == "VirtualService" and route.reached and (listener.rules != "http" or not route.match)
        ]
        if not any(each.pods.argocd_servers for route in whole for each in route.destinations):
            continue
        for route in whole:
            if route.owner != whole[0].owner:
                message = (
                    f"VirtualServices {whole[0].owner} and {route.owner} both take all of this host: "
                    "only the older one counts, and these files do not show which that is"
                )
                yield Fault(route, route.place, message, "keep one, or merge their routes")


def _nothing_routes(facts: Facts) -> Iterator[Fault]:
    for way, listener in facts.listeners():
        if listener.unrouted != "no route" or listener.redirect or listener.tls == "AUTO_PASSTHROUGH":
            continue
        # J20 reports a ListenerSet of this Gateway that is not admitted, and with it its routes.
        if facts.of_others(way, listener) or listener.gateway in {each.gateway for each in facts.refused}:
            continue
        what = "VirtualService" if listener.api == "Istio" else "route"
        message = f"no {what} routes this host: {UNROUTED[listener.rules]}"
        yield Fault(listener, listener.place, message, f"name it in a {what}, or remove it here")


def _not_admitted(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not admitted" and listener.api == "Istio" and not listener.redirect:
            message = f"the Gateway's namespace/host does not admit VirtualService {listener.candidate}"
            namespace = listener.candidate.partition("/")[0]
            fix = f"write {namespace}/ before the host in the Gateway"
            yield Fault(listener, listener.place, f"{message}: {UNROUTED[listener.rules]}", fix)
    # Another VirtualService may have the host: then no listener is without a route.
    named = {listener.candidate for _, listener in facts.listeners() if listener.unrouted == "not admitted"}
    for stray in facts.strays:
        if stray.refused and stray.owner not in named:
            message = f"the Gateway's namespace/host does not admit VirtualService {stray.owner}: it gets no requests"
            fix = f"write {stray.owner.partition('/')[0]}/ before {stray.host} in the Gateway"
            yield Fault(None, stray.place, message, fix)


_TAKEN = "any namespace could take over paths of Argo CD"


def _shared(facts: Facts, here: bool) -> Iterator[tuple[Listener, Route, str, str]]:
    """Routes to argocd-server through a Gateway of another namespace: with the hosts and TLS mode to write there."""
    passing = {listener.gateway for _, listener in facts.listeners() if listener.rules == "tls"}
    for listener, route in facts.routes():
        own = route.owner.partition("/")[0]
        if listener.api != "Istio" or listener.here is not here or listener.gateway.partition("/")[0] == own:
            continue
        if route.kind == "VirtualService" and any(each.to_argocd_server for each in route.destinations):
            wanted = named_few([f"{own}/{host}" for host in route.hosts])
            yield listener, route, wanted, "PASSTHROUGH" if listener.gateway in passing else "SIMPLE"


def _owner(facts: Facts) -> Iterator[Fault]:
    for listener, route, wanted, mode in _shared(facts, here=False):
        message = (
            f"Gateway {listener.gateway} is not in these files: if it names the host without a namespace, {_TAKEN}"
        )
        fix = f"its owner writes hosts: [{wanted}] there, with TLS mode {mode}"
        yield Fault(listener, Place(route.place.object).at("spec", "gateways"), message, fix)
    for way, listener in facts.listeners():
        if listener.api == "Gateway API" and way.to_argocd_server and not listener.gateway_here:
            yield from _owner_of_api(listener)


def _owner_of_api(listener: Listener) -> Iterator[Fault]:
    """The same for the Gateway API, which admits nothing of other namespaces by default."""
    own = listener.place.object.namespace
    if listener.here and listener.redirect:
        return  # Another listener reports it.
    if listener.here:
        message = f"Gateway {listener.gateway} is not in these files: by default it admits no ListenerSet"
        fix = f"its owner admits namespace {own} in allowedListeners; {NEW_CRDS}"
        yield Fault(listener, Place(listener.place.object).at("spec", "parentRef"), message, fix)
        return
    if listener.gateway.rpartition(" ")[2].partition("/")[0] == own:
        return
    named = f"{'' if ' ' in listener.name else 'listener '}{listener.name} of " if listener.name else ""
    for route in listener.routes[:1]:
        passes = route.kind == "TLSRoute"
        mode = "Passthrough" if passes else "Terminate"
        message = f"{named}{listener.gateway_title} is not in these files: "
        message += "by default a listener admits only routes of its own namespace"
        fix = f"its owner admits namespace {own} in allowedRoutes"
        fix += "" if route.redirect else f", with TLS mode {mode}" + (f"; {OLD_CRDS}" if passes else "")
        yield Fault(listener, Place(route.place.object).at("spec", "parentRefs"), message, fix)


def _open(facts: Facts) -> Iterator[Fault]:
    for listener, _, wanted, _ in _shared(facts, here=True):
        if not listener.confined and not listener.redirect:
            message = f"Gateway {listener.gateway} names the host without a namespace: {_TAKEN}"
            wide = [host for host in listener.hosts if host.startswith("*")]
            # The other applications behind a wildcard need it.
            fix = f"add a server with hosts: [{wanted}] beside {wide[0]}" if wide else f"write {wanted} there instead"
            yield Fault(listener, listener.place.at("hosts"), message, fix)


def _own_open(facts: Facts) -> Iterator[Fault]:
    """A Gateway beside its VirtualService; `_open` is for a Gateway of another namespace."""
    confined: dict[int, list[str]] = {}
    for listener, route in facts.routes():
        own = route.owner.partition("/")[0]
        ours = any(each.to_argocd_server for each in route.destinations)
        beside = listener.api == "Istio" and listener.here and listener.gateway.partition("/")[0] == own
        if beside and ours and not listener.confined and not listener.redirect:
            if id(listener.hosts) not in confined:
                # What is no host name has a fault of its own.
                whole = len(named(listener.hosts)) == len(listener.hosts)
                confined[id(listener.hosts)] = [f"./{host}" for host in listener.hosts] if whole else []
            wanted = confined[id(listener.hosts)]
            if not wanted:
                continue
            message = f"Gateway {listener.gateway} names the host without a namespace: {_TAKEN}"
            mend = Mend.at(listener.place, "hosts", value=wanted)
            fix = f"write hosts: [{named_few(wanted)}]"
            yield Fault(listener, listener.place.at("hosts"), message, fix, mends=(mend,))


def _foreign_sni(facts: Facts) -> Iterator[Fault]:
    for each in facts.foreign_snis:
        message = (
            f"sniHosts of VirtualService {each.owner} has {each.sni}, which is not in hosts: Istio refuses the object"
        )
        yield Fault(None, each.place, message, "name the same host in both")


_EXAMPLES = (".example", ".invalid", ".test")
_LEFT = re.compile(r"change[-_]?me|your[-_.]?(domain|host)|<|>|\$\{|todo", re.I)


def _placeholder(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        for host in way.hosts:
            low = f".{host.lower()}"
            example = re.search(r"\.example\.(com|org|net)$", low) or low.endswith(_EXAMPLES)
            if example or (_LEFT.search(host) and not SUBSTITUTE.search(host)):
                message = f"{host} is a placeholder: no client can ask for it"
                yield Fault(way, listener.place, message, "write the host of Argo CD, or run argocd-istio set host")


def _overlapping(facts: Facts) -> Iterator[Fault]:
    """For the exact name the gateway chooses its server; a certificate for the wildcard makes browsers reuse it."""
    wide: dict[tuple[object, ...], list[tuple[str, Listener]]] = {}
    for way, listener in facts.listeners():
        if listener.api == "Istio" and listener.here and listener.selector and listener.tls:
            key = (tuple(sorted(listener.selector)), listener.port)
            wide.setdefault(key, []).extend((host, listener) for host in way.hosts if host.startswith("*."))
    for way, listener in facts.listeners():
        if not (listener.api == "Istio" and listener.tls and way.to_argocd_server):
            continue
        for host in way.hosts:
            for pattern, other in wide.get((tuple(sorted(listener.selector)), listener.port), []):
                if other.gateway != listener.gateway and host.endswith(pattern[1:]) and not host.startswith("*"):
                    message = (
                        f"Gateway {other.gateway} takes {pattern} on the same pods: a browser that uses another of "
                    )
                    message += "its hosts may reuse that connection and get 404"
                    yield Fault(listener, listener.place, message, "put both into one Gateway, or on other addresses")
                    break


_SERVERS = """
    kind: Gateway
    metadata: {{name: argocd}}
    spec:
      servers:
      - port: {{number: 80, name: http, protocol: HTTP}}
        hosts: [{0}]
        tls: {{httpsRedirect: true}}
      - port: {{number: 443, name: https, protocol: HTTPS}}
        hosts: [{0}]
        tls: {{mode: SIMPLE, credentialName: argocd-certificate}}
"""
_HOST = (
    _SERVERS.replace("{0}", "./{0}")
    + """
    ---
    kind: VirtualService
    metadata: {{name: argocd}}
    spec: {{hosts: [{0}]}}
"""
)
_TLS_ROUTE = """
    kind: VirtualService
    metadata: {{name: argocd}}
    spec:
      hosts: [argocd.example.com]
      tls:
      - match: [{{port: 443, sniHosts: [{0}]}}]
        route: [{{destination: {{host: argocd-server.argocd.svc.cluster.local, port: {{number: 443}}}}}}]
"""
_WILDCARD = """
    apiVersion: networking.istio.io/v1
    kind: Gateway
    metadata: {{name: shop, namespace: shop}}
    spec:
      selector: {{istio: ingressgateway}}
      servers:
      - port: {{number: 443, name: https, protocol: HTTPS}}
        hosts: ["{0}"]
        tls: {{mode: SIMPLE, credentialName: shop}}
"""
_LONG = """
            kind: Gateway
            metadata: {{name: argocd}}
            spec:
              servers:
              - port: {{number: 443, name: https, protocol: HTTPS}}
                hosts: [./{host}]
                tls: {{mode: SIMPLE, credentialName: argocd-certificate}}
            ---
            kind: VirtualService
            metadata: {{name: argocd}}
            spec: {{hosts: [{host}]}}
"""

RULES = (
    Rule(
        "C01",
        "host-of-everything",
        "error",
        _everything,
        effect="Argo CD receives the requests of every application behind the gateway.",
        decided="A host that leads to argocd-server is *.",
        source="https://istio.io/latest/docs/reference/config/networking/gateway/#Server",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: ["./*"]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: ["./*"]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: ["*"]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C02",
        "wildcard-host",
        "warning",
        _wildcard,
        effect="Links and single sign-on use one name; the others fail.",
        decided="A host that leads to argocd-server begins with *.",
        source="RedirectURL in util/settings/settings.go of Argo CD",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: ["./*.acme.io"]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: ["./*.acme.io"]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: ["*.acme.io"]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C03",
        "own-host-open-to-every-namespace",
        "warning",
        _own_open,
        advice=True,
        effect="Whoever may create a VirtualService anywhere can take /api/v1/session of Argo CD, and with it "
        "passwords.",
        decided="The host in a Gateway that leads to argocd-server has no namespace before it, or */. C27 is the "
        "same for a Gateway of another namespace.",
        source="https://istio.io/latest/docs/reference/config/networking/gateway/#Server",
        wrong=_SERVERS.format("argocd.example.com"),
        right=_SERVERS.format("./argocd.example.com"),
    ),
    Rule(
        "C04",
        "host-not-in-gateway",
        "error",
        lambda facts: _strays(facts, False),
        effect="The gateway answers 404, or resets the connection.",
        decided="No host of a VirtualService is one of the Gateways that it names, all in these files.",
        source="pilot/pkg/model/gateway.go of Istio",
        istioctl="IST0132",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]

        """,
    ),
    Rule(
        "C05",
        "some-host-not-in-gateway",
        "error",
        lambda facts: _strays(facts, True),
        effect="One of several hosts does not work.",
        decided="A host of a VirtualService or of an HTTPRoute is in none of its Gateways, others are.",
        source="pilot/pkg/model/gateway.go of Istio",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com, cd.acme.io]

        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]

        """,
    ),
    Rule(
        "C06",
        "sni-not-in-hosts",
        "error",
        _foreign_sni,
        effect="The API server refuses the VirtualService; without the webhook, Argo CD is not reachable by that name.",
        decided="An entry of tls.match.sniHosts is not covered by hosts of the same VirtualService.",
        source="validateSniHost in pkg/config/validation/virtualservice.go of Istio",
        istioctl="IST0106",
        mode="passthrough",
        wrong=_TLS_ROUTE.format("cd.example.com"),
        right=_TLS_ROUTE.format("argocd.example.com"),
    ),
    Rule(
        "C09",
        "upper-case-host",
        "error",
        _upper,
        effect="The gateway answers 404 if only one of Gateway and VirtualService has the capitals.",
        decided="A host that leads to argocd-server has capitals in a Gateway or VirtualService that do not meet. A "
        "warning if all have the same ones: Istio compares requests in small letters, and it works.",
        source="strings.ToLower in pilot/pkg/networking/core/gateway.go of Istio; a run",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [ArgoCD.example.com]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
        """,
    ),
    Rule(
        "C10",
        "final-dot",
        "error",
        partial(_no_name, rule_id="C10"),
        effect="The gateway answers 404.",
        decided="A host that leads to argocd-server ends with a dot. Istio accepts it.",
        source="https://www.rfc-editor.org/rfc/rfc6066#section-3",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io.]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io.]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io.]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C11",
        "bad-label",
        "error",
        partial(_no_name, rule_id="C11"),
        effect="Istio refuses the object, or no request matches.",
        decided="A host is no DNS name: a label with an underscore, a * beside letters, a hyphen at an end, or more "
        "than 63 characters.",
        source="https://www.rfc-editor.org/rfc/rfc1123",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd_1.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd_1.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd_1.acme.io]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C12",
        "long-host",
        "error",
        partial(_no_name, rule_id="C12"),
        effect="No client can ask for it.",
        decided="A host has more than 253 characters.",
        source="https://www.rfc-editor.org/rfc/rfc1035",
        istioctl="IST0106",
        wrong=_LONG.format(host=".".join(["long-" * 11 + "label"] * 4) + ".acme.example.io"),
        right=_LONG.format(host="label.acme.example.io"),
    ),
    Rule(
        "C13",
        "address-as-host",
        "error",
        partial(_no_name, rule_id="C13"),
        effect="Certificates and SNI have no IP addresses: the gateway resets the connection.",
        decided="A host that leads to argocd-server is an IP address.",
        source="https://www.rfc-editor.org/rfc/rfc6066#section-3",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./192.0.2.1]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./192.0.2.1]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [192.0.2.1]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C15",
        "letters-beyond-ascii",
        "error",
        partial(_no_name, rule_id="C15"),
        effect="Istio refuses the object, or no request matches: clients ask for the xn-- form.",
        decided="A host has letters beyond ASCII, or an xn-- label that does not decode.",
        source="https://www.rfc-editor.org/rfc/rfc5891",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./xn--a.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./xn--a.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [xn--a.acme.io]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C16",
        "single-label",
        "warning",
        _local,
        effect="Istio completes the name to a Service; no public certificate exists for it.",
        decided="A host that leads to argocd-server has no dot, or ends with .local, .localhost, .lan or .svc.",
        source="pkg/config/host of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C14",
        "more-than-a-host",
        "error",
        _address,
        effect="Istio refuses the object, or no request matches.",
        decided="A host contains a scheme, port, path or user.",
        source="pkg/config/validation/validation.go of Istio",
        istioctl="IST0106",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: ["./cd.acme.io:443"]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: ["./cd.acme.io:443"]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: ["cd.acme.io:443"]

        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [cd.acme.io]

        """,
    ),
    Rule(
        "C17",
        "placeholder-host",
        "error",
        _placeholder,
        advice=True,
        effect="Argo CD is not reachable: nobody owns this name.",
        decided="A host that leads to argocd-server is of example.com, .org or .net, ends with .test, .invalid or "
        ".example, or contains CHANGEME or the like.",
        source="https://www.rfc-editor.org/rfc/rfc2606",
        wrong=_HOST.format("argocd.example.com"),
        right=_HOST.format("argocd.acme.io"),
    ),
    Rule(
        "C18",
        "host-twice",
        "error",
        _twice,
        effect="Istio refuses the object.",
        decided="A host of a VirtualService is repeated, or beside a wildcard that covers it. A warning where it is "
        "repeated in a server of a Gateway or in sniHosts.",
        source="pkg/config/validation/validation.go of Istio",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com, argocd.example.com]

        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]

        """,
    ),
    Rule(
        "C19",
        "two-gateways-one-host",
        "error",
        _two_gateways,
        effect="Half of the configuration does nothing: Istio skips one server.",
        decided="Two servers with TLS, of one or two Gateways, take the same host and port on the same pods: the "
        "labels of one selector are among those of the other. Servers without TLS are merged.",
        source="pilot/pkg/model/gateway.go of Istio",
        covers=("A07",),
        istioctl="IST0145",
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
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
              - port: {number: 443, name: tls, protocol: TLS}
                hosts: [./argocd.example.com]
                tls: {mode: PASSTHROUGH}
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
        "C20",
        "wildcard-of-another-gateway",
        "warning",
        _overlapping,
        effect="A browser that has another host of the wildcard open may reuse that connection, and gets 404.",
        decided="Two Gateways with the same selector and port: one names the host of argocd-server, the other a "
        "wildcard that covers it.",
        source="https://istio.io/latest/docs/ops/common-problems/network-issues/",
        wrong=_WILDCARD.format("*.example.com"),
        right=_WILDCARD.format("*.acme.io"),
    ),
    Rule(
        "C21",
        "two-virtual-services-one-host",
        "error",
        _two_virtual_services,
        effect="Requests reach the older VirtualService alone.",
        decided="Two VirtualServices take all of a host on one Gateway, and one leads to argocd-server.",
        source="sortConfigByCreationTime in pilot/pkg/model/config.go of Istio",
        istioctl="IST0109",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: other}
            spec:
              hosts: [argocd.example.com]
              gateways: [argocd]
              http:
              - route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: other}
            spec:
              hosts: [argocd.example.com]
              gateways: [argocd]
              http:
              - match: [{uri: {prefix: /other}}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
    ),
    Rule(
        "C26",
        "host-without-route",
        "error",
        _nothing_routes,
        effect="The gateway answers 404, or resets the connection.",
        decided="A host of a Gateway has no route in these files, and it can only be argocd-server's.",
        source="pilot/pkg/networking/core/gateway.go of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [./argocd.example.com, ./cd.acme.io]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [./argocd.example.com, ./cd.acme.io]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
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
        "C27",
        "host-open-to-every-namespace",
        "warning",
        _open,
        effect="Any namespace can take /api/v1/session of Argo CD, and with it passwords.",
        decided="A Gateway of another namespace names the host without the namespace of its routes.",
        source="https://istio.io/latest/docs/reference/config/networking/gateway/#Server",
        wrong="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: shared, namespace: istio-ingress}
            spec:
              selector: {istio: ingress}
              servers:
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: ['*.example.com']
                tls: {mode: SIMPLE, credentialName: acme-io}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec: {gateways: [argocd, istio-ingress/shared]}
        """,
        right="""
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: shared, namespace: istio-ingress}
            spec:
              selector: {istio: ingress}
              servers:
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [argocd/argocd.example.com]
                tls: {mode: SIMPLE, credentialName: acme-io}
            ---
            kind: VirtualService
            metadata: {name: argocd}
            spec: {gateways: [argocd, istio-ingress/shared]}
        """,
    ),
    Rule(
        "C28",
        "gateway-of-somebody-else",
        "info",
        _owner,
        effect="A note: whether the way works depends on a Gateway that these files do not show.",
        decided="A route to argocd-server names a Gateway that is not in these files.",
        source="https://istio.io/latest/docs/reference/config/networking/gateway/#Server",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec: {gateways: [istio-ingress/shared]}
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec: {gateways: [argocd/argocd]}
        """,
    ),
    Rule(
        "D24",
        "route-not-admitted",
        "error",
        _not_admitted,
        effect="The gateway answers 404, or as another VirtualService says.",
        decided="The Gateway admits only VirtualServices of the namespace before the host, and this one is of another.",
        source="pilot/pkg/model/gateway.go of Istio",
        wrong="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [other/argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [other/argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
        right="""
            kind: Gateway
            metadata: {name: argocd}
            spec:
              servers:
              - port: {number: 80, name: http, protocol: HTTP}
                hosts: [argocd/argocd.example.com]
                tls: {httpsRedirect: true}
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: [argocd/argocd.example.com]
                tls: {mode: SIMPLE, credentialName: argocd-certificate}
        """,
    ),
)
