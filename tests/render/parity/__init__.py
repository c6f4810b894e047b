"""Compares the render of `base/argocd` with upstream's official install, field by field.

`python -m tests.render.parity [FOLDER]` prints every undeclared difference, one a line.
"""
