"""Draws the ways as a Mermaid flowchart, which GitHub and others show inside Markdown.

Thick arrows are TLS, dotted ones clear text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from argocd_istio.explain import words
from argocd_istio.explain.picture import Picture
from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Pods, Route, Way
from argocd_istio.syntax.source import visible

# Any other character could be Mermaid or HTML syntax.
_SIGN = re.compile(r"[^\w ./,:=()\-]", re.ASCII)


def draw(picture: Picture) -> str:
    """The whole picture as one flowchart; a node with problems names them and is of the class `broken`."""
    chart = _Chart(picture)
    for way in picture.facts.ways:
        chart.way(way)
    for finding in picture.rest:
        chart.node([], [finding])
    lines = ["flowchart LR", *chart.nodes, *chart.arrows]
    if chart.broken:
        lines += ["classDef broken stroke:#c62828,stroke-width:3px", f"class {','.join(chart.broken)} broken"]
    return lines[0] + "\n" + "".join(f"  {line}\n" for line in lines[1:])


class _Chart:
    def __init__(self, picture: Picture) -> None:
        self.picture, self.at, self.routes = picture, picture.at, picture.routes
        self.nodes: list[str] = []
        self.arrows: list[str] = []
        self.broken: list[str] = []

    def node(self, lines: Iterable[str], findings: Iterable[Finding], shape: str = "[]") -> str:
        """Add a node and return its name."""
        name = f"n{len(self.nodes) + 1}"
        findings = list(findings)
        marks = [f"{words.mark(finding)} {finding}" for finding in findings]
        self.nodes.append(f'{name}{shape[0]}"{_label([*lines, *marks])}"{shape[1]}')
        if any(finding.severity != "info" for finding in findings):
            self.broken.append(name)
        return name

    def arrow(self, start: str, end: str, encrypted: bool, lines: Iterable[str] = ()) -> None:
        label = _label(lines)
        before, after, plain = ("==", "==>", "==>") if encrypted else ("-.", ".->", "-.->")
        self.arrows.append(f'{start} {before} "{label}" {after} {end}' if label else f"{start} {plain} {end}")

    def way(self, way: Way) -> None:
        host = self.node(words.hosts(way), self.at(way), "()")
        for listener in way.listeners:
            notes = [words.port(listener), words.gateway(listener), words.tls(listener)]
            notes += [f"answers {listener.redirect} to https"] if listener.redirect else []
            gateway = self.node(notes, self.at(listener))
            self.arrow(host, gateway, words.encrypted(listener))
            seen: dict[Pods, str] = {}
            for index, route in enumerate(self.routes(listener)):
                self.route(gateway, route, words.conditions(route, index == 0), words.encrypted(listener), seen)

    def route(self, gateway: str, route: Route, conditions: list[str], encrypted: bool, seen: dict[Pods, str]) -> None:
        if not route.destinations:
            self.arrow(
                gateway, self.node([visible(route.answer), *words.extras(route)], self.at(route)), encrypted, conditions
            )
        for destination in route.destinations:
            tls = words.hidden(destination)
            service = self.node(
                [words.service(destination), *words.extras(route)], [*self.at(route), *self.at(destination)]
            )
            self.arrow(gateway, service, tls, [*conditions, words.sent(destination)])
            shown, more = self.picture.pods(destination)
            for pods in shown:
                if pods not in seen:
                    notes = [words.pods(pods), words.listens(pods), words.because(pods), words.shown_certificate(pods)]
                    seen[pods] = self.node(notes, self.at(pods))
                self.arrow(service, seen[pods], tls)
            if more:
                self.arrow(service, self.node([words.more(more)], []), tls)


def _label(lines: Iterable[str]) -> str:
    """The lines of a label, with every character that Mermaid could interpret as an entity."""
    return "<br/>".join(_SIGN.sub(lambda sign: f"#{ord(sign[0])};", line) for line in lines if line)
