"""Draws the way of a request through what was rendered.

`objects` looks objects up, `read` finds the way, `model` is what it finds; `tree`, `mermaid` and `svg` draw it,
`render` runs kustomize.
"""
