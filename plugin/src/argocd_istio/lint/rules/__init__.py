"""All rules, by domain."""

from __future__ import annotations

from argocd_istio.lint.rule import Rule
from argocd_istio.lint.rules import gateway_api, hosts, install, mesh, paths, plain_http, reach, routes, tls

RULES: tuple[Rule, ...] = (
    *tls.RULES,
    *plain_http.RULES,
    *hosts.RULES,
    *routes.RULES,
    *paths.RULES,
    *reach.RULES,
    *mesh.RULES,
    *install.RULES,
    *gateway_api.RULES,
)
