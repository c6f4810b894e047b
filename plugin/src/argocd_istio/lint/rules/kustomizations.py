"""The rules on kustomization files and on what Argo CD and Flux make of them, which `tree` checks."""

from __future__ import annotations

from functools import partial

from argocd_istio.lint.rule import Rule

_decided = "From the kustomizations and the local files that they list, in kustomize's order, before any build."
_Rule = partial(Rule, check=None, decided=_decided)

RULES = (
    _Rule(
        "K01",
        "late-patch",
        "error",
        effect="A patch, replacement or transformer changes the Exposure after the mode has read it: beside "
        "components:, in a parent, or in a later component. Argo CD keeps the old host. Patches in a build do not "
        "reach an ExposureGenerator at all.",
    ),
    _Rule(
        "K02",
        "changed-by-the-deployer",
        "error",
        effect="Argo CD or Flux edits the folder before the build, by patches, components, prefixes, labels or a "
        "namespace: the Exposure is changed too late, or objects are renamed.",
    ),
    _Rule("K03", "renamed-objects", "error", effect="Argo CD finds its objects by name: a prefix or suffix breaks it."),
    _Rule(
        "K04",
        "common-labels",
        "error",
        effect="Labels make Argo CD miss its settings (app.kubernetes.io/part-of), or selectors match other pods or "
        "none. A warning for other labels in selectors: a running install refuses the change.",
    ),
    _Rule(
        "K06",
        "moved-certificate",
        "error",
        effect="A namespace: moves the gateway's Certificate or Secret: the gateway opens no port 443. A warning for a "
        "Certificate or Secret outside the namespace of our Gateway or ListenerSet of the Gateway API. Also a "
        "ReferenceGrant that a namespace: moves away from what it grants.",
    ),
    _Rule(
        "K07",
        "substituted-script",
        "error",
        effect="Flux replaces the ${name} of a script in a ConfigMap: the script breaks in the cluster.",
    ),
    _Rule(
        "K08",
        "unpinned-reference",
        "warning",
        effect="A reference without ?ref= changes by itself. A note if it names a branch.",
        covers=("I09",),
    ),
    _Rule(
        "K09",
        "order-of-components",
        "error",
        effect="Two modes or two Exposures, no Exposure, an option before its mode, a mode under resources:, a way "
        "without a mode, or components/gateway-api/redirect or no-retries after a mode that they do not fit: the build "
        "fails or leaves parts out.",
    ),
    _Rule(
        "K10",
        "listed-twice",
        "error",
        effect="Upstream's install, a Namespace or another object that the mode already contains, or a component "
        "that is listed twice: the build fails.",
    ),
    _Rule(
        "K12",
        "generator-that-does-not-run",
        "error",
        effect="A generator under resources:, without its annotation, or with other objects in its file: kustomize "
        "skips it silently.",
    ),
    _Rule(
        "K13", "other-mode", "error", effect="spec.mode and the listed component name different modes: the build fails."
    ),
    _Rule(
        "K14",
        "stale-exposure",
        "error",
        effect="The generated Exposure does not match the generator's file beside it: a change of that file does "
        "nothing.",
    ),
    _Rule(
        "K15",
        "unknown-field",
        "error",
        effect="A field that kustomizations do not have, such as component:: the build refuses it.",
    ),
    _Rule(
        "K16",
        "patch-without-namespace",
        "error",
        effect="A patch names an object of the install without its namespace: the build does not find it.",
    ),
    _Rule(
        "K17",
        "component-without-its-fields",
        "error",
        effect="components/mesh, mesh-scraper, instance or gateway-api/redirect without the fields of the Exposure "
        "that they need, mesh-scraper without mesh, or an option without an install: the gateway is locked out, or "
        "nothing changes. A warning for a field whose component is not listed.",
    ),
    _Rule(
        "K18",
        "owner-of-the-gateway",
        "info",
        effect="A note: what the owner of the Gateway in spec.gateway.existing or spec.gateway.parent must write "
        "into it; with components/gateway-api/redirect also for the listener in spec.gateway.redirectParent.",
    ),
    _Rule(
        "K19",
        "settings-of-the-install",
        "error",
        effect="With exposure-only, server.insecure in the folder's argocd-cmd-params-cm does not fit the mode: the "
        "browser gets a redirect loop or an error. A warning for a url in argocd-cm with a host that the Exposure "
        "does not list: single sign-on returns to that host.",
    ),
)
