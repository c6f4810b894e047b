"""What is drawn: the facts, each with the findings about it."""

from __future__ import annotations

from collections.abc import Iterable

from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Destination, Facts, Listener, Pods, Route

_SHOWN = 8
"""How many workloads of one Service are drawn."""


class Picture:
    """The facts of a render and what the rules find in them."""

    def __init__(self, facts: Facts, findings: Iterable[Finding]) -> None:
        self.facts, self.findings = facts, list(findings)
        self._pods: dict[int, tuple[list[Pods], int]] = {}
        self._at: dict[int, list[Finding]] = {}
        for finding in self.findings:
            for fact in finding.facts:
                self._at.setdefault(id(fact), []).append(finding)

    def at(self, fact: object) -> list[Finding]:
        """The findings about a fact."""
        return self._at.get(id(fact), [])

    def pods(self, destination: Destination) -> tuple[list[Pods], int]:
        """The pods to draw, argocd-server and pods with findings first; and the number of the others."""
        behind = destination.pods
        if id(behind) not in self._pods:
            first = sorted(behind, key=lambda pods: not (pods.argocd_server or self.at(pods)))[:_SHOWN]
            self._pods[id(behind)] = first, len(behind) - len(first)
        return self._pods[id(behind)]

    def routes(self, listener: Listener) -> list[Route]:
        """The routes that requests can take, and unreachable ones with a finding."""
        return [route for route in listener.routes if route.reached or self.at(route)]

    @property
    def rest(self) -> list[Finding]:
        """The findings that are about no part of a way."""
        return [finding for finding in self.findings if not finding.facts]
