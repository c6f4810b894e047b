"""Draws the way of a request through what was rendered.

`objects` looks objects up, `read` finds the way, `model` is what it finds; `tree`, `mermaid` and `svg` draw it,
`render` runs kustomize.
"""

from __future__ import annotations

from argocd_istio.render.model import Explanation
from argocd_istio.terminal import Terminal

FORMATS = ("text", "mermaid", "svg", "json")


def draw(explanation: Explanation, form: str, terminal: Terminal) -> str:
    """The picture in one of FORMATS; `terminal` says what a text may use. JSON is the model itself."""
    if form == "mermaid":
        from argocd_istio.explain import mermaid

        return mermaid.draw(explanation)
    if form == "svg":
        from argocd_istio.explain import svg

        return svg.draw(explanation)
    if form == "json":
        import dataclasses
        import json

        return json.dumps(dataclasses.asdict(explanation), indent=2) + "\n"
    from argocd_istio.explain import tree

    charset = tree.UNICODE if terminal.unicode else tree.ASCII
    text = tree.draw(explanation, width=terminal.width, charset=charset, colour=terminal.colour)
    return text if terminal.unicode else text.encode("ascii", "backslashreplace").decode()
