"""Is what `base/argocd` renders equal to upstream's official install, field for field?

`python -m tests.render.parity [FOLDER]` prints every undeclared difference, one a line.
"""
