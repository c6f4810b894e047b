"""All rules on facts, by domain. Those on kustomization files are in `kustomizations`."""

from __future__ import annotations

from argocd_istio.lint.rule import Rule
from argocd_istio.lint.rules import (
    address,
    authorization,
    binding,
    certificates,
    edge,
    exposure,
    gateway_api,
    hosts,
    install,
    mesh,
    paths,
    plain_http,
    reach,
    routes,
    secrets,
    tls,
    tls_settings,
    workloads,
)

RULES: tuple[Rule, ...] = (
    *tls.RULES,
    *tls_settings.RULES,
    *plain_http.RULES,
    *hosts.RULES,
    *certificates.RULES,
    *routes.RULES,
    *paths.RULES,
    *address.RULES,
    *reach.RULES,
    *mesh.RULES,
    *install.RULES,
    *gateway_api.RULES,
    *binding.RULES,
    *secrets.RULES,
    *authorization.RULES,
    *exposure.RULES,
    *edge.RULES,
    *workloads.RULES,
)
