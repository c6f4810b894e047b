"""What is drawn: the facts, and of each the findings that are about it."""

from __future__ import annotations

from collections.abc import Iterable

from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Facts, Listener, Route


class Picture:
    """The facts of a render and what the rules find in them."""

    def __init__(self, facts: Facts, findings: Iterable[Finding]) -> None:
        self.facts, self.findings = facts, list(findings)
        self._at: dict[int, list[Finding]] = {}
        for finding in self.findings:
            for fact in finding.facts:
                self._at.setdefault(id(fact), []).append(finding)

    def at(self, fact: object) -> list[Finding]:
        """The findings about a fact."""
        return self._at.get(id(fact), [])

    def routes(self, listener: Listener) -> list[Route]:
        """The routes that requests take there; one that they take nowhere is drawn with what is said of it."""
        return [route for route in listener.routes if route.reached or self.at(route)]

    @property
    def rest(self) -> list[Finding]:
        """Those that are about no part of a way."""
        return [finding for finding in self.findings if not finding.facts]
