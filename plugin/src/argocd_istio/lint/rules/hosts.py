"""The hosts that lead to Argo CD, and whether Gateway and route name the same ones.

The form of a host is not checked for other applications.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from argocd_istio.exposure.hosts import host_problem
from argocd_istio.exposure.names import SUBSTITUTE
from argocd_istio.lint.rule import UNROUTED, Fault, Rule, named_few
from argocd_istio.render.hosts import Hosts
from argocd_istio.render.model import Facts, Listener, Route, Way
from argocd_istio.render.objects import Place

_AROUND = re.compile(r"[:/@?#\s]")


def _ours(facts: Facts) -> Iterator[tuple[Way, Listener]]:
    """The ways to argocd-server, each with its first listener that leads there."""
    for way in facts.ways:
        for listener in way.listeners:
            if any(each.pods.argocd_servers for route in listener.routes for each in route.destinations):
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


def _upper(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        for host in way.hosts:
            if host != host.lower():
                message = f"{host} has capitals: browsers ask for {host.lower()}, and the gateway answers 404"
                yield Fault(way, listener.place, message, f"write {host.lower()}")


def _address(facts: Facts) -> Iterator[Fault]:
    for way, listener in _ours(facts):
        for host in way.hosts:
            if _AROUND.search(host):
                bare = re.sub(r"^[a-z+]*://", "", host)
                bare = re.split(r"[:/?#\s]", bare)[0].rpartition("@")[2]
                message = f"{host} is more than a host name: Istio refuses it, or no request matches it"
                yield Fault(way, listener.place, message, f"write {bare}" if bare else "write the host alone")


_NAMES: dict[str, tuple[str, str]] = {
    "a final dot": ("C10", "final-dot"),
    "a host of": ("C12", "long-host"),
    "the IP address": ("C13", "address-as-host"),
    "letters beyond ASCII": ("C15", "letters-beyond-ascii"),
    "which does not decode": ("C15", "letters-beyond-ascii"),
    "the single label": ("C16", "single-label"),
    "": ("C11", "bad-label"),
}
"""The rule for each problem of `host_problem`."""


def _no_name(facts: Facts, rule_id: str) -> Iterator[Fault]:
    """Hosts that the Exposure refuses. Wildcards, capitals and addresses have separate rules."""
    for way, listener in _ours(facts):
        for host in way.hosts:
            others = "*" in host or _AROUND.search(host) or SUBSTITUTE.search(host)
            problem = None if others else host_problem(host.lower())
            if problem and rule_id == next(each for words, (each, _) in _NAMES.items() if words in problem[0]):
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


def _strays(facts: Facts, others: bool) -> Iterator[Fault]:
    for stray in facts.strays:
        if stray.kind == "VirtualService" and stray.others is others:
            message = f"{stray.kind} {stray.owner} names {stray.host}, which its Gateway does not take"
            yield Fault(None, stray.place, message, "name the same hosts in both")


def _two_gateways(facts: Facts) -> Iterator[Fault]:
    """Istio skips the server of the younger Gateway: `CheckDuplicates` in `pilot/pkg/model/gateway.go`."""
    named: dict[int, set[str]] = {id(listener.hosts): set(listener.hosts) for _, listener in facts.listeners()}
    for way in facts.ways:
        seen: dict[tuple[tuple[str, ...], int], Listener] = {}
        for listener in way.listeners:
            if not (listener.tls and listener.here and listener.selector):
                continue
            first = seen.setdefault((tuple(sorted(listener.selector)), listener.port), listener)
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
        if facts.of_others(way, listener):
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


def _open(facts: Facts) -> Iterator[Fault]:
    for listener, _, wanted, _ in _shared(facts, here=True):
        if not listener.confined and not listener.redirect:
            message = f"Gateway {listener.gateway} names the host without a namespace: {_TAKEN}"
            yield Fault(listener, listener.place.at("hosts"), message, f"write hosts: [{wanted}] there")


RULES = (
    Rule("C01", "host-of-everything", "error", _everything),
    Rule("C02", "wildcard-host", "warning", _wildcard),
    Rule("C04", "host-not-in-gateway", "error", lambda facts: _strays(facts, False)),
    Rule("C05", "some-host-not-in-gateway", "error", lambda facts: _strays(facts, True)),
    Rule("C09", "upper-case-host", "error", _upper),
    *(
        Rule(rule_id, name, "warning" if rule_id == "C16" else "error", partial(_no_name, rule_id=rule_id))
        for rule_id, name in sorted(set(_NAMES.values()))
    ),
    Rule("C14", "more-than-a-host", "error", _address),
    Rule("C18", "host-twice", "error", _repeated),
    Rule("C19", "two-gateways-one-host", "error", _two_gateways),
    Rule("C21", "two-virtual-services-one-host", "error", _two_virtual_services),
    Rule("C26", "host-without-route", "error", _nothing_routes),
    Rule("C27", "host-open-to-every-namespace", "warning", _open),
    Rule("C28", "gateway-of-somebody-else", "info", _owner),
    Rule("D24", "route-not-admitted", "error", _not_admitted),
)
