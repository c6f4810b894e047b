"""Draws how requests travel through a render.

`picture` attaches the findings of `lint` to the facts of `render`; `tree`, `mermaid` and `svg` draw them with the
same `words`; `data` is for programs.
"""

from __future__ import annotations

from argocd_istio.explain.picture import Picture
from argocd_istio.terminal import Terminal

FORMATS = ("text", "mermaid", "svg", "json")


def draw(picture: Picture, form: str, terminal: Terminal) -> str:
    """The picture in one of FORMATS; `terminal` limits width, colours and characters. JSON is for programs."""
    if form == "mermaid":
        from argocd_istio.explain import mermaid

        return mermaid.draw(picture)
    if form == "svg":
        from argocd_istio.explain import svg

        return svg.draw(picture)
    if form == "json":
        import json

        from argocd_istio.explain.data import data

        return json.dumps(data(picture), indent=2) + "\n"
    from argocd_istio.explain import tree

    charset = tree.UNICODE if terminal.unicode else tree.ASCII
    text = tree.draw(picture, width=terminal.width, charset=charset, colour=terminal.colour)
    return text if terminal.unicode else text.encode("ascii", "backslashreplace").decode()
