"""The commands, a module each: they read what was typed, call what does it, and print what it gives.

Each returns its exit code; what it prints to stdout is written by `cli` when it is done.
"""

from importlib import import_module

from argocd_istio.commands.app import app

__all__ = ["app"]

# In the order in which --help lists them.
for _name in ("init", "set", "check", "generate", "explain", "drift", "schema", "completion"):
    import_module(f"{__name__}.{_name}")
