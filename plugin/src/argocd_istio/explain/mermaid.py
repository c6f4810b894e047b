"""Draws the way as a Mermaid flowchart, which forges show inside Markdown.

Thick arrows are TLS, dotted ones clear text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from argocd_istio.explain import words
from argocd_istio.render.model import Explanation, Pods, Route, Way
from argocd_istio.syntax.source import visible

# Everything else could be taken for Mermaid's or HTML's own signs.
_SIGN = re.compile(r"[^\w ./,:=()\-]", re.ASCII)


def draw(explanation: Explanation) -> str:
    """The whole picture as one flowchart; a node with problems names them and is of the class `broken`."""
    chart = _Chart()
    for way in explanation.ways:
        chart.way(way)
    for problem in explanation.problems:
        chart.node([], [problem])
    lines = ["flowchart LR", *chart.nodes, *chart.arrows]
    if chart.broken:
        lines += ["classDef broken stroke:#c62828,stroke-width:3px", f"class {','.join(chart.broken)} broken"]
    return lines[0] + "\n" + "".join(f"  {line}\n" for line in lines[1:])


class _Chart:
    def __init__(self) -> None:
        self.nodes: list[str] = []
        self.arrows: list[str] = []
        self.broken: list[str] = []

    def node(self, lines: Iterable[str], problems: Iterable[str], shape: str = "[]") -> str:
        """Add a node; its name."""
        name = f"n{len(self.nodes) + 1}"
        marks = [f"✗ {visible(problem)}" for problem in problems]
        self.nodes.append(f'{name}{shape[0]}"{_label([*lines, *marks])}"{shape[1]}')
        if marks:
            self.broken.append(name)
        return name

    def arrow(self, start: str, end: str, encrypted: bool, lines: Iterable[str] = ()) -> None:
        label = _label(lines)
        before, after, plain = ("==", "==>", "==>") if encrypted else ("-.", ".->", "-.->")
        self.arrows.append(f'{start} {before} "{label}" {after} {end}' if label else f"{start} {plain} {end}")

    def way(self, way: Way) -> None:
        host = self.node(words.hosts(way), way.problems, "()")
        for listener in way.listeners:
            said = [words.port(listener), words.gateway(listener), words.tls(listener)]
            said += ["answers 301 to https"] if listener.redirect else []
            gateway = self.node(said, listener.problems)
            self.arrow(host, gateway, bool(listener.tls))
            seen: dict[Pods, str] = {}
            for index, route in enumerate(listener.routes):
                self.route(gateway, route, words.conditions(route, index == 0), bool(listener.tls), seen)

    def route(self, gateway: str, route: Route, conditions: list[str], encrypted: bool, seen: dict[Pods, str]) -> None:
        if not route.destinations:
            self.arrow(gateway, self.node([visible(route.answer)], route.problems), encrypted, conditions)
        for destination in route.destinations:
            tls = destination.hop != words.CLEAR
            service = self.node([words.service(destination)], [*route.problems, *destination.problems])
            self.arrow(gateway, service, tls, [*conditions, words.sent(destination)])
            for pods in destination.pods:
                if pods not in seen:
                    said = [words.pods(pods), words.listens(pods), words.because(pods), words.held(pods)]
                    seen[pods] = self.node(said, pods.problems)
                self.arrow(service, seen[pods], tls)


def _label(lines: Iterable[str]) -> str:
    """Lines of a label, with every sign that Mermaid could act on as an entity."""
    return "<br/>".join(_SIGN.sub(lambda sign: f"#{ord(sign[0])};", line) for line in lines if line)
