"""The commands, one module each: parse the arguments, call the implementation, print the result.

Each returns its exit code; `cli` writes its stdout when it has finished.
"""

from importlib import import_module

from argocd_istio.commands.app import app

__all__ = ["app"]

# In the order in which --help lists them.
for _name in ("init", "set", "check", "generate", "lint", "rules", "explain", "drift", "probe", "schema", "completion"):
    import_module(f"{__name__}.{_name}")
