"""What is particular to the Gateway API. What it shares with Istio's own objects the other domains judge."""

from __future__ import annotations

from collections.abc import Iterator

from argocd_istio.lint.rule import Fault, Rule
from argocd_istio.render.model import Facts


def _not_admitted(facts: Facts) -> Iterator[Fault]:
    for _, listener in facts.listeners():
        if listener.unrouted == "not admitted" and listener.api == "Gateway API":
            message = f"the listener does not admit {listener.candidate}: no request takes it"
            yield Fault(listener, listener.place, message, "admit its namespace and kind in allowedRoutes")


RULES = (Rule("J07", "route-not-admitted-by-listener", "error", _not_admitted),)
