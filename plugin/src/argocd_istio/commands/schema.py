"""`argocd-istio schema`."""

from __future__ import annotations

from argocd_istio.commands.app import app


@app.command("schema")
def print_schema() -> int:
    """Print the JSON Schema for editors.

    \b
    argocd-istio schema > exposure.schema.json
    """
    from argocd_istio.exposure.schema import text

    print(text(), end="")
    return 0
