"""The rules for a folder's kustomizations: each a function over the facts of `order.py`.

The IDs are those of the catalogue of faults, section K. A fact that is not known makes no error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

from argocd_istio import GROUP
from argocd_istio.exposure.check import check, differences
from argocd_istio.exposure.fields import (
    BY_PATH,
    FUNCTIONS,
    GENERATOR,
    GRPC_ROUTING,
    MADE,
    MODES,
    PASSTHROUGH,
    PLAIN,
    RUN,
    complete,
    nearest,
)
from argocd_istio.exposure.hosts import host_problem, split_url
from argocd_istio.exposure.names import cut, gateway_problem, shown
from argocd_istio.exposure.wired import (
    AMOUNTS,
    API,
    EXISTING,
    EXPOSURE_ONLY,
    GATEWAY_API,
    LISTENERS,
    LOGIN,
    LOGINS,
    NEW_CRDS,
    NO_PASSTHROUGH,
    NO_RETRIES,
    OLD_CRDS,
    PARENT,
    POLICY,
    REDIRECT,
    Wired,
    modes_of,
    way_of,
)
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.render.istio import ROOT
from argocd_istio.syntax.nodes import fields, items, labels, text
from argocd_istio.syntax.source import Node
from argocd_istio.tree import library
from argocd_istio.tree.kustomizations import Document, Entry, Reader
from argocd_istio.tree.order import (
    CLUSTER,
    Found,
    Install,
    Labels,
    Login,
    Patch,
    Setting,
    Tree,
    Wiring,
    is_object,
    kind_of,
)

FIELDS = (
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
)
"""The fields of a kustomization: `Kustomization` in `api/types/kustomization.go` of kustomize."""
# kustomize accepts them in upper and lower case.
_KNOWN = frozenset(map(str.lower, FIELDS))

PART_OF, NAME = "app.kubernetes.io/part-of", "app.kubernetes.io/name"
FIRST = "patch it in a component that is listed before the mode, or in the Exposure's own folder under resources:"

SHARED = "list components/instance in one: both have the same ClusterRoleBindings, and the last apply takes them"
APART = "list each in a build of its own: in one, kustomize writes the accounts of one into the other's roles"


def after(install: Install) -> str:
    """The title and place of an install, for a message."""
    return f"{install.reference.title} ({install.entry.place.short})"


def late_patch(tree: Tree) -> Iterator[Finding]:
    """K01: a patch of the Exposure that comes after the mode, which has already read it."""
    for patch in tree.patches:
        if is_late(patch):
            assert patch.mode
            found = f"a patch of the {PLAIN} after {after(patch.mode)}, which has read it"
            yield patch.place.finding(ERROR, "K01", found, "it before the mode", FIRST)
        elif not patch.configures and patch.touches(GENERATOR, GROUP) and not patch.touches(PLAIN, GROUP):
            found = f"a patch of an {GENERATOR}, which is not part of the build's output"
            hint = f"change the file itself, or list a folder under generators: that patches it; or patch the {PLAIN}"
            yield patch.place.finding(ERROR, "K01", found, "none", hint)


def is_late(patch: Patch) -> bool:
    """Whether a patch changes an Exposure that was read before."""
    return bool(patch.mode) and patch.touches(PLAIN, GROUP) and not patch.deletes and patch.changes_spec


def renamed(tree: Tree) -> Iterator[Finding]:
    """K03: namePrefix and nameSuffix."""
    for one in tree.settings:
        if one.key != "namespace" and one.install:
            whose, hint = renaming(one.install)
            yield one.place.finding(ERROR, "K03", f"{shown(one.value)} on the names of {whose}", "none", hint)


def renaming(install: Install) -> tuple[str, str]:
    """Whose names a prefix or suffix changes, and what to do."""
    if install.reference.exposes_only:
        return "routes", "remove it: kustomize does not rename the Gateway and Services in a route"
    return "an install", "remove it: Argo CD finds argocd-cm, argocd-secret and others by their fixed names"


def labelled(tree: Tree) -> Iterator[Finding]:
    """K04: changes of labels that Argo CD finds its settings by, and labels in selectors."""
    for one in tree.labels:
        if one.install:
            yield from _labelled(one)


def _labelled(one: Labels) -> Iterator[Finding]:
    if one.install and one.install.reference.exposes_only:
        if one.selectors and one.pairs:
            hint = "use 'labels' with includeSelectors: false, and spec.server.labels for the pods"
            found = "labels in selectors of pods that are installed elsewhere"
            yield one.place.finding(WARNING, "K04", found, "labels without selectors", hint)
        return
    part_of = one.pairs.get(PART_OF, "argocd")
    if part_of != "argocd":
        hint = "remove it: Argo CD finds its settings by that label; use another key"
        yield one.place.finding(ERROR, "K04", f"{PART_OF}: {cut(part_of)}", "argocd", hint)
    if NAME in one.pairs and one.templates:
        where = "in every selector" if one.selectors else "on every pod, which no selector then matches"
        hint = "use another key, or keep it off pods and selectors: 'labels' with includeSelectors: false"
        found = f"{NAME}: {cut(one.pairs[NAME])} {where}"
        yield one.place.finding(ERROR, "K04", found, "a name for each workload", hint)
    elif one.selectors and one.pairs and part_of == "argocd":
        hint = "use 'labels' with includeSelectors: false"
        found = "labels in selectors, which cannot be changed on a running install"
        yield one.place.finding(WARNING, "K04", found, "labels without selectors", hint)


def two_installs(tree: Tree) -> Iterator[Finding]:
    """K05, K09, K10: two installs, or an object that an install has already."""
    for clash in tree.clashes:
        other, first = clash.other, clash.install
        if isinstance(other, Install):
            yield _second(first, other, clash.one_scope)
            continue
        document = other.document
        more = f" and {clash.count - 1} more of its objects" if clash.count > 1 else ""
        found = f"{document.kind} {shown(document.name)}{more}, which {after(first)} brings"
        upstream = first.reference.part == library.UPSTREAM
        whole = "remove one of the two" if upstream else "remove that install: this library brings it"
        hint = "list it under patches: instead" if clash.count == 1 else whole
        yield document.place().finding(ERROR, "K10", found, "each object once", hint)


def repeated(tree: Tree) -> Iterator[Finding]:
    """K10: a component that is listed twice."""
    for first, again in tree.repeated:
        if again.reference:
            found = f"{again.reference.title} a second time, after {first.place.short}"
            yield again.place.finding(ERROR, "K10", found, "each object once", "remove one")


def further_installs(tree: Tree) -> Iterator[Finding]:
    """K05: notes for an install beside another Argo CD in the cluster, which this folder does not show."""
    for wiring in tree.wirings:
        mode = wiring.mode
        if mode.reference.exposes_only:
            continue
        if mode.further and mode.reference.crds:
            found = f"components/instance after {after(mode)}, which brings the CRDs"
            expected = "a path with /without-crds for a further install"
            hint = "add it: who deletes this install would delete all Applications in the cluster"
            yield mode.further.place.finding(INFO, "K05", found, expected, hint)
        named = any(text(found.document.root, "spec", "instance") for found in wiring.exposures[:1])
        if mode.namespace == "argocd" or mode.further or named or tree.unknown:
            continue
        moves = [one for one in tree.settings if one.key == "namespace" and one.value == mode.namespace and one.install]
        place = moves[-1].place if moves else mode.entry.place
        found = f"an install in namespace {shown(mode.namespace)} without components/instance"
        hint = "else list components/instance and set spec.instance: this install takes the cluster roles of the other"
        yield place.finding(INFO, "K05", found, "no other Argo CD in the cluster", hint)


def _second(first: Install, other: Install, one_scope: bool) -> Finding:
    place = other.entry.place
    modes = first.reference.part == other.reference.part == library.MODE
    if modes and one_scope:
        found = f"{other.reference.title} after {after(first)}"
        return place.finding(ERROR, "K09", found, "one mode", "remove one")
    if modes and first.namespace != other.namespace:
        found = f"a second install, in namespace {shown(other.namespace)}, beside {after(first)}"
        return place.finding(ERROR, "K05", found, "one install in a build", APART)
    found = f"{other.reference.title} beside {after(first)}, which brings the same objects"
    upstream = library.UPSTREAM in (first.reference.part, other.reference.part)
    hint = "remove upstream's: this library brings it" if upstream else "list the mode only"
    return place.finding(ERROR, "K10", found, "each object once", hint)


def moved(tree: Tree) -> Iterator[Finding]:
    """K06: `namespace:` moves the gateway's certificate, the login's policy, or a ReferenceGrant."""
    secrets, namespaces = gateway_secrets(tree)
    for one in tree.settings:
        yield from moved_by(one, secrets, namespaces)
    for wiring in tree.wirings:
        yield from _elsewhere(wiring, tree)
    for login in tree.logins:
        if login.moved:
            yield from login_moved_by(login.moved, login, tree)


def login_moved_by(one: Setting, login: Login, tree: Tree) -> Iterator[Finding]:
    """K06 for one `namespace:` and one login."""
    listed = login.mode.reference.wired if login.mode else None
    if not listed or not login.entry.reference or login.entry.reference.name != LOGINS[listed.way]:
        return  # which is K09
    exposures = [found for wiring in tree.wirings if wiring.mode is login.mode for found in wiring.exposures[:1]]
    # Nothing for a Gateway of our own of the Gateway API, which moves too.
    for field, document in product(_NEEDS.get(LOGINS[listed.way], ())[:1], (found.document for found in exposures)):
        right = text(document.root, *field.split("."))
        if document.kind == GENERATOR and not _states(document.root, *_EXISTING):
            right = right or BY_PATH[field].default or ""
        # A policy for pods of any namespace may be in Istio's root namespace.
        if right and one.value not in (right, ROOT if listed.way in _OF_PODS else right):
            found = f"{one.key}: {cut(one.value)}, which moves AuthorizationPolicy {shown(POLICY)} "
            found += f"out of {shown(right)}: the login is off"
            hint = (
                f"add replacements: that copy {field} into its metadata.namespace, as components/{LOGIN}/README.md says"
            )
            yield one.place.finding(ERROR, "K06", found, f"it in {shown(right)}, with the gateway", hint)


def _elsewhere(wiring: Wiring, tree: Tree) -> Iterator[Finding]:
    """K06: the certificate of a Gateway of the Gateway API is not in its namespace."""
    listed, namespace = wiring.mode.reference.wired, wiring.mode.namespace
    if not listed or not listed.certificate or listed.way not in GATEWAY_API:
        return
    secrets = {name for found in wiring.exposures for name in _secrets(found)}
    reads = "Gateway" if listed.way == API else "ListenerSet"
    for document, final in tree.movable:
        if _secret(document) in secrets and final != namespace:
            found = f"{document.kind} {shown(document.name)} in namespace {shown(final)}"
            hint = f"write it there: the {reads} reads the Secret in its own namespace"
            yield document.place().finding(WARNING, "K06", found, f"it in {shown(namespace)}, as Argo CD", hint)


def gateway_secrets(tree: Tree) -> tuple[set[str], set[str]]:
    """The names of the gateway's Secrets, and the namespaces that the Exposures state for it."""
    secrets: set[str] = set()
    namespaces: set[str] = set()
    wired = [wiring.mode.reference.wired for wiring in tree.wirings]
    if wired and not any(one and one.certificate and not one.way for one in wired):
        return secrets, namespaces
    for found in tree.exposures:
        secrets |= _secrets(found)
        namespaces.add(text(found.document.root, "spec", "gateway", "namespace"))
    return secrets, namespaces - {""}


def _secrets(found: Found) -> set[str]:
    """The names of the Secrets in an Exposure."""
    root = found.document.root
    first = text(root, "spec", "tls", "secretName") or "argocd-certificate"
    return {first, *labels(root, "spec", "tls", "secretNames").values()}


def _secret(document: Document) -> str:
    """The name of a Secret, or of that which another object creates; "" of a ReferenceGrant."""
    if document.kind == "ReferenceGrant":
        return ""
    if document.kind == "Certificate":
        return text(document.root, "spec", "secretName")
    return text(document.root, "spec", "target", "name") or document.name


def _left_behind(grant: Document, one: Setting) -> bool:
    """Whether `namespace:` leaves something behind that a ReferenceGrant grants.

    It moves the Secrets and Certificates beside it too, and an install from namespace argocd.
    """
    if one.install and not one.install.reference.exposes_only and grant.namespace == "argocd":
        return False
    along = {_secret(other) for other in one.moved if other.namespace == grant.namespace}
    granted = ((text(to, "kind"), text(to, "name")) for to in items(grant.root, "spec", "to"))
    return not all(kind == "Secret" and name in along - {""} for kind, name in granted)


def moved_by(one: Setting, secrets: set[str], namespaces: set[str]) -> Iterator[Finding]:
    """K06 for one `namespace:`."""
    for document in one.moved if one.value not in namespaces else ():
        if _secret(document) in secrets:
            found = f"namespace: {cut(one.value)}, which moves {document.kind} {shown(document.name)} "
            found += f"({document.place().short}) out of {shown(document.namespace)}"
            hint = "list it in a kustomization of its own"
            yield one.place.finding(ERROR, "K06", found, "the namespace of the gateway's pods", hint)
    for document in one.moved:
        if document.kind == "ReferenceGrant" and _left_behind(document, one):
            found = f"namespace: {cut(one.value)}, which moves ReferenceGrant {shown(document.name)} "
            found += f"({document.place().short}) out of {shown(document.namespace)}"
            hint = "list it in a kustomization of its own: it grants only what is in its own namespace"
            yield one.place.finding(ERROR, "K06", found, "the namespace of what it grants", hint)


def unpinned(tree: Tree) -> Iterator[Finding]:
    """K08: a reference whose content changes."""
    for one in tree.listed:
        ref = library.ref_of(one.entry.text) if one.entry.remote else None
        if ref == "":
            yield one.entry.place.finding(WARNING, "K08", "no ?ref=", "a tag or commit", "add ?ref= and a version")
        elif ref in library.BRANCHES:
            hint = "it changes: to pin it, write a commit, or a tag if there is one"
            yield one.entry.place.finding(INFO, "K08", f"the branch {ref}", "a tag or commit", hint)


def order(tree: Tree) -> Iterator[Finding]:
    """K09: an entry in the wrong list or in the wrong order."""
    alone = bool(tree.root and tree.root.component)
    for one in tree.listed:
        entry, reference, component = one.entry, one.entry.reference, False
        under = "resources" if entry.key == "bases" else entry.key
        if under not in ("resources", "components"):
            continue
        if reference:
            component = reference.part in (library.MODE, library.OPTION, library.WIRING)
            known = reference.part not in (library.OTHER, library.UPSTREAM, library.MISTAKE)
            what = reference.title
        elif entry.folder:
            component, known, what = entry.folder.component, True, shown(entry.text)
        else:
            continue
        if reference and reference.part == library.MISTAKE:
            yield _no_folder(entry, reference)
            continue
        right = "components" if component else "resources"
        if known and right != under:
            found = f"{what}, a {'Component' if component else 'Kustomization'}, under {under}:"
            yield entry.place.finding(ERROR, "K09", found, f"it under {right}:", "move it there")
        elif reference and reference.part == library.OPTION and not (one.install or one.unknown or alone):
            found = f"{what} before the mode"
            yield entry.place.finding(ERROR, "K09", found, "it after the mode", "move it down")


def _no_folder(entry: Entry, reference: library.Reference) -> Finding:
    """A way in without a mode, or with one that it does not have."""
    folder = reference.name.removeprefix("components/")
    way = way_of(folder)
    below = folder.removeprefix(way).strip("/").split("/")
    modes = modes_of(way)
    hint = f"write one of {', '.join(f'components/{way}/{mode}' for mode in modes)}"
    if below[0] == PASSTHROUGH and PASSTHROUGH not in modes:
        hint += f": {NO_PASSTHROUGH}"
    elif below[0] in modes:
        hint = f"write one of {', '.join('/'.join(['components', way, below[0], *some]) for some in _AMOUNTS)}"
    return entry.place.finding(ERROR, "K09", f"{reference.title}, which is not there", "a mode", hint)


_AMOUNTS = ((), *((amount,) for amount in AMOUNTS))


def exposures(tree: Tree) -> Iterator[Finding]:
    """K09: no Exposure for a mode, several, or one that no mode reads."""
    alone = bool(tree.root and tree.root.component)
    for wiring in tree.wirings:
        if not wiring.exposures and not wiring.unknown and not alone:
            hint = "list exposure.yaml under resources:, or a generator"
            found = f"no {PLAIN} before {wiring.mode.reference.title}"
            yield wiring.mode.entry.place.finding(ERROR, "K09", found, "one", hint)
        for extra in wiring.exposures[1:]:
            first = wiring.exposures[0].document
            found = f"a second {PLAIN} for {after(wiring.mode)}, after {first.place().short}"
            yield extra.document.place().finding(ERROR, "K09", found, "one", "keep one")
    for unread in tree.unread if not alone else ():
        severity = ERROR if tree.wirings and not tree.unknown else WARNING
        hint = "list components/<mode> beside it, or check the folder that lists this one"
        found = f"an {unread.document.kind} that no mode reads"
        yield unread.document.place().finding(severity, "K09", found, "a mode after it", hint)


def foreign(tree: Tree) -> Iterator[Finding]:
    """K09: a folder that has nothing of this library; `lint` reads such folders as any other."""
    alone = bool(tree.root and tree.root.component)
    found_any = tree.exposures or any(one.entry.reference for one in tree.listed)
    if tree.root and not found_any and not tree.unknown and not alone and not library.local(tree.root.real):
        hint = "name the folder of a consumer"
        yield tree.root.place("").finding(WARNING, "K09", f"no mode and no {PLAIN}", "both", hint)


def unknown_fields(tree: Tree) -> Iterator[Finding]:
    """K15: an unknown field of a kustomization, which the build refuses."""
    for folder in {one.file: one for one in tree.folders}.values():
        for key in fields(folder.root):
            if key.lower() not in _KNOWN:
                hint = nearest(key, FIELDS) or "remove it"
                found = f"the unknown field {shown(key)}"
                yield folder.place(cut(key), key).finding(ERROR, "K15", found, "a field of a kustomization", hint)


def misses(tree: Tree) -> Iterator[Finding]:
    """K16: a patch that names an object of the install without its namespace, which the build does not find."""
    for patch in tree.patches:
        for body in patch.bodies if patch.target is None else ():
            those = [one.reference for one in patch.installs if one.reference.brings(kind_of(body), body.name)]
            # Upstream's objects have no namespace.
            known = bool(those) and all(one.part != library.UPSTREAM for one in those)
            if known and is_object(body) and body.kind not in CLUSTER and not body.namespace:
                found = f"a patch of {body.kind} {shown(body.name)} without a namespace"
                hint = "write namespace: argocd below metadata, even if you set another namespace:"
                yield patch.place.finding(ERROR, "K16", found, "that of the install", hint)


_OF_PODS = tuple(way for way in LOGINS if way not in GATEWAY_API)
"""The ways whose login is for the gateway's pods."""
_NEEDS = {
    "mesh": ("spec.gateway.namespace", "spec.gateway.serviceAccount"),
    "mesh-scraper": ("spec.scraper.namespace", "spec.scraper.serviceAccount"),
    REDIRECT: ("spec.gateway.redirectParent",),
    **dict.fromkeys((LOGINS[way] for way in _OF_PODS), ("spec.gateway.namespace", "spec.gateway.selector")),
    **dict.fromkeys((LOGINS[way] for way in (PARENT, LISTENERS)), ("spec.gateway.parent.namespace",)),
}
_PODS = "write it: 'kubectl get pods -A' with the label of those pods shows both"


def needs(tree: Tree) -> Iterator[Finding]:
    """K17: a component whose fields the Exposure does not state; mesh-scraper without mesh."""
    options = [one.entry for one in tree.listed if one.entry.reference and one.entry.reference.part == library.OPTION]
    names = [entry.reference.name for entry in options if entry.reference]
    if "mesh-scraper" in names and "mesh" not in names[: names.index("mesh-scraper")] and not tree.unknown:
        place, hint = options[names.index("mesh-scraper")].place, "list components/mesh before it"
        yield place.finding(ERROR, "K17", "components/mesh-scraper alone: it locks out the gateway", "mesh too", hint)
    modes = {id(found.document.root): wiring.mode for wiring in tree.wirings for found in wiring.exposures}
    for name in dict.fromkeys(names):
        for found in tree.exposures:
            yield from _needs(name, found.document, modes.get(id(found.document.root)))


def login_settings(tree: Tree) -> Iterator[Finding]:
    """K17: a login without the ConfigMap that it reads, or without a variable that it needs."""
    for login in tree.logins:
        if login.unknown or not login.mode:
            continue
        found, expected = f"no ConfigMap {shown(POLICY)} for the login", "a generator of it, with namespace: argocd"
        if "argocd" in login.variables:
            given = login.variables["argocd"]
            missing = [name for name in _VARIABLES if given is not None and not given.get(name)]
            if not missing:
                continue
            found, expected = f"ConfigMap {shown(POLICY)} without {' and '.join(missing)}", "each with a value"
        elif login.variables:
            found = f"ConfigMap {shown(POLICY)} outside namespace argocd"
        hint = f"write it below configMapGenerator:, as components/{LOGIN}/README.md shows"
        yield login.entry.place.finding(ERROR, "K17", found, expected, hint)


_VARIABLES = tuple(f"OAUTH2_PROXY_{name}" for name in ("OIDC_ISSUER_URL", "CLIENT_ID", "EMAIL_DOMAINS"))
_EXISTING = ("spec", "gateway", "existing")


def _states(root: Node, *path: str) -> bool:
    return bool(text(root, *path) or fields(root, *path))


def _needs(name: str, document: Document, mode: Install | None) -> Iterator[Finding]:
    """K17 for one component and one Exposure, which a mode reads."""
    listed = mode.reference.wired if mode else None
    missing = [path for path in _NEEDS.get(name, ()) if not _states(document.root, *path.split("."))]
    if name == REDIRECT and document.root.find("spec", "gateway", "redirectParent"):
        missing = []  # The checks of the Exposure report what is missing in it.
    severity, hint = ERROR, _PODS
    if listed and listed.way in GATEWAY_API:
        if name == "mesh" and mode and listed.way == API:
            account = f"argocd-{text(document.root, 'spec', 'gateway', 'className')}"
            yield from _other_pods(document, mode.namespace, account)
            hint = f"write {shown(mode.namespace)} and {shown(account)}: istiod makes those pods beside the Gateway"
    elif document.kind == GENERATOR and (name == "mesh" or LOGIN in name) and not _states(document.root, *_EXISTING):
        # The generator's defaults are istioctl's and fit no other gateway.
        own = bool(text(document.root, "spec", "gateway", "namespace")) or bool(
            fields(document.root, "spec", "gateway", "selector")
        )
        missing = missing[-1:] if own and name == "mesh" and _NEEDS["mesh"][1] in missing else []
        severity = WARNING
    if name in (LOGINS[PARENT], LOGINS[LISTENERS]):
        hint = "write the namespace of the Gateway: its policies must be there"
    if name == REDIRECT:
        hint = "write the listener of the Gateway that serves plain HTTP"
    if missing:
        what = f"no {' and no '.join(missing)}"
        expected = f"{'it' if len(missing) == 1 else 'both fields'}, for components/{name}"
        yield document.place("spec", "spec").finding(severity, "K17", what, expected, hint)


def _other_pods(document: Document, namespace: str, account: str) -> Iterator[Finding]:
    """K17: fields that are not those of the pods that istiod makes for a Gateway of our own."""
    for path, right in zip(_NEEDS["mesh"], (namespace, account), strict=True):
        found = text(document.root, *path.split("."))
        if found and found != right:
            hint = "write it, unless other pods are this Gateway: components/mesh admits only the pods that you name"
            place = document.place(path, *path.split("."))
            yield place.finding(WARNING, "K17", shown(found), f"{shown(right)}, as istiod makes the pods", hint)


def gateway_api(tree: Tree) -> Iterator[Finding]:
    """K09, K17: a component for some ways of the Gateway API, beside another way; a field that none reads."""
    names = set()
    for one in tree.listed:
        option, install = one.entry.reference, one.install
        if not option or option.part != library.OPTION:
            continue
        names.add(option.name)
        listed = install.reference.wired if install else None
        if not install or option.name not in _FITS or (listed and _FITS[option.name][0](listed)):
            continue
        found = f"{option.title} after {after(install)}"
        hint = "remove it"
        if option.name == REDIRECT and listed and listed.way in GATEWAY_API:
            hint = "remove it: that component redirects plain HTTP already"
        yield one.entry.place.finding(ERROR, "K09", found, _FITS[option.name][1], hint)
    for wiring in tree.wirings if REDIRECT not in names and not tree.unknown else ():
        listed = wiring.mode.reference.wired
        for exposure in wiring.exposures[:1] if listed and listed.way == PARENT else ():
            keys = ("spec", "gateway", "redirectParent")
            if exposure.document.root.find(*keys):
                hint = "list it after the mode, or remove the field"
                place = exposure.document.place(".".join(keys), *keys)
                found = f"a field that only components/{REDIRECT} reads"
                yield place.finding(WARNING, "K17", found, "that component too", hint)


def _ends_tls(way: str, listed: Wired) -> bool:
    return listed.way == way and listed.mode != PASSTHROUGH


_FITS: dict[str, tuple[Callable[[Wired], bool], str]] = {
    REDIRECT: (lambda listed: listed.way == PARENT, f"it after components/{PARENT}/<mode>"),
    NO_RETRIES: (
        lambda listed: listed.way in GATEWAY_API and listed.mode == GRPC_ROUTING,
        f"it after {GRPC_ROUTING} of the Gateway API",
    ),
    **{
        name: (partial(_ends_tls, way), f"it after components/{f'{way}/<mode>' if way else '<mode>'} that ends TLS")
        for way, name in LOGINS.items()
    },
}
"""What each of these components fits, and the words for it."""


def instances(tree: Tree) -> Iterator[Finding]:
    """K17: components/instance without a name, or a name without the component."""
    for wiring in tree.wirings:
        mode = wiring.mode
        for document in [found.document for found in wiring.exposures[:1]]:
            name, place = text(document.root, "spec", "instance"), document.place("spec", "spec")
            if mode.further and not name:
                expected, hint = "the field, which components/instance needs", "write a short name, such as two"
                yield place.finding(ERROR, "K17", "no spec.instance", expected, hint)
            elif name and not (mode.further or mode.reference.exposes_only or tree.unknown):
                place = document.place("spec.instance", "spec", "instance")
                hint = "list it after the mode: without it, this install takes the cluster roles of another"
                yield place.finding(WARNING, "K17", f"{shown(name)}, and no components/instance", "both", hint)


_WITH_INSTALL = {
    "high-availability": "it changes workloads that this folder does not install",
    library.INSTANCE: "it renames cluster roles that this folder does not install",
    "mesh": "its policies select the labels of this library's own install, and may select none of the other's pods",
    "mesh-scraper": "its policy selects the labels of this library's own install",
}


def without_install(tree: Tree) -> Iterator[Finding]:
    """K17: a component that changes an install, beside one that only exposes another install."""
    for one in tree.listed:
        option = one.entry.reference
        if not option or option.name not in _WITH_INSTALL or option.part != library.OPTION:
            continue
        if one.exposes_only:
            first = one.exposes_only
            found = f"{option.title} beside {after(first)}: {_WITH_INSTALL[option.name]}"
            hint = "remove it, or list the mode without /exposure-only"
            yield one.entry.place.finding(ERROR, "K17", found, "an install of this library", hint)


def owners(tree: Tree) -> Iterator[Finding]:
    """K18: a note for the owner of a Gateway, which this folder does not change."""
    options = {one.entry.reference.name for one in tree.listed if one.entry.reference}
    for wiring in tree.wirings:
        listed = wiring.mode.reference.wired
        for found in wiring.exposures[:1] if listed else ():
            hosts = [text(item) for item in items(found.document.root, "spec", "hosts")]
            if listed and hosts and not any(map(host_problem, hosts)):
                own = wiring.mode.namespace
                yield from _owner(found.document, listed, own, hosts)
                if listed.way == PARENT:
                    passes = listed.mode == PASSTHROUGH
                    protocol = "TLS, mode Passthrough" if passes else "HTTPS, mode Terminate"
                    more = OLD_CRDS if passes else "a certificate of another namespace needs a ReferenceGrant there"
                    yield from _listener(found.document, "parent", protocol, own, hosts, f"; {more}")
                if listed.way == PARENT and REDIRECT in options:
                    yield from _listener(found.document, "redirectParent", "HTTP", own, hosts)


def _owner(document: Document, listed: Wired, own: str, hosts: list[str]) -> Iterator[Finding]:
    gateway = text(document.root, "spec", "gateway", "existing")
    parent = labels(document.root, "spec", "gateway", "parent")
    title = f"{parent.get('namespace') or own}/{parent.get('name', '')}"
    passes = listed.mode == PASSTHROUGH
    if listed.way == EXISTING and not gateway_problem(gateway):
        confined = ", ".join(f"{own}/{host}" for host in hosts[:3]) + (", ..." if len(hosts) > 3 else "")
        place = document.place("spec.gateway.existing", "spec", "gateway", "existing")
        hint = "with a bare host there, any namespace could take over these paths; *. and the domain works too"
        expected = f"hosts: [{confined}] and tls mode {'PASSTHROUGH' if passes else 'SIMPLE'} in it"
        yield place.finding(INFO, "K18", f"a Gateway of somebody else, {gateway}", expected, hint)
    if listed.way == LISTENERS and not gateway_problem(title):
        place = document.place("spec.gateway.parent", "spec", "gateway", "parent")
        expected = f"allowedListeners in it that admits only namespace {own}"
        hint = f"without it a Gateway admits no ListenerSet; {NEW_CRDS}"
        yield place.finding(INFO, "K18", f"a Gateway of somebody else, {title}", expected, hint)


def _listener(
    document: Document, field: str, protocol: str, own: str, hosts: list[str], more: str = ""
) -> Iterator[Finding]:
    """K18: a listener that admits our routes. Without its name, `check` reports the missing field."""
    keys = ("spec", "gateway", field)
    parent = labels(document.root, *keys)
    title, section = f"{parent.get('namespace') or own}/{parent.get('name', '')}", parent.get("sectionName", "")
    if gateway_problem(title) or not section:
        return
    named = ", ".join(hosts[:3]) + (", ..." if len(hosts) > 3 else "")
    found = f"listener {cut(section)} of somebody else, of {cut(parent.get('kind', 'Gateway'))} {title}"
    expected = f"protocol {protocol}, for {named}, and allowedRoutes that admits only namespace {own}"
    hint = f"without it a listener admits routes of its own namespace only{more}"
    yield document.place(".".join(keys), *keys).finding(INFO, "K18", found, expected, hint)


def installed(tree: Tree) -> Iterator[Finding]:
    """K19: the settings of an Argo CD in this folder do not fit the mode that exposes it."""
    patched = any(patch.touches("ConfigMap", "") for patch in tree.patches)
    for wiring in tree.wirings if not patched else ():
        listed = wiring.mode.reference.wired
        if not listed or listed.amount != EXPOSURE_ONLY:
            continue
        hosts = [text(item) for found in wiring.exposures[:1] for item in items(found.document.root, "spec", "hosts")]
        insecure = "false" if listed.mode == PASSTHROUGH else "true"
        for found in tree.documents:
            document = found.document
            if (document.kind, document.group) != ("ConfigMap", "") or found.configures:
                continue
            if document.namespace not in ("", wiring.mode.namespace):
                continue
            data = labels(document.root, "data")
            key = "server.insecure" if document.name == "argocd-cmd-params-cm" else ""
            if key in data and data[key].lower() != insecure:
                place = document.place(f"data.{key}", "data", key)
                hint = f'write {key}: "{insecure}", and restart argocd-server'
                yield place.finding(ERROR, "K19", shown(data[key]), f"{shown(insecure)} for {listed.title}", hint)
            parts = split_url(data.get("url", "")) if document.name == "argocd-cm" else None
            if parts and hosts and parts[0] not in hosts:
                place = document.place("data.url", "data", "url")
                hint = f"write url: https://{cut(hosts[0])}: links and single sign-on use it"
                yield place.finding(WARNING, "K19", shown(data["url"]), "a host of spec.hosts", hint)


def generators(tree: Tree) -> Iterator[Finding]:
    """K12: a generator that does not run."""
    for found in tree.documents:
        document, under = found.document, found.key
        if not document.ours:
            continue
        if document.kind == GENERATOR and not found.configures:
            hint = "list the file under generators:"
            yield document.place().finding(ERROR, "K12", f"an {GENERATOR} under {under}:", "it under generators:", hint)
        elif document.kind == PLAIN and under == "generators":
            hint = f"list the file under resources:, or write kind: {GENERATOR}"
            yield document.place().finding(ERROR, "K12", f"an {PLAIN} under {under}:", "it under resources:", hint)
        elif document.kind == GENERATOR and not _function(document):
            hint = f"write {FUNCTIONS[0]}: '{RUN}'"
            place = document.place("metadata.annotations", "metadata")
            yield place.finding(ERROR, "K12", "no program to run", "the annotation that names it", hint)
    ours = {one.document.file for one in tree.documents if one.configures and one.document.kind == GENERATOR}
    for found in tree.documents:
        document = found.document
        if found.key == "generators" and document.file in ours and not document.ours and not _function(document):
            what = f"{document.kind or 'an object'} {shown(document.name)} in the file of an {GENERATOR}"
            yield document.place().finding(ERROR, "K12", what, "generators only", "put it into a file under resources:")


def _function(document: Document) -> bool:
    return any(text(document.root, "metadata", "annotations", one) for one in FUNCTIONS)


def other_mode(tree: Tree) -> Iterator[Finding]:
    """K13: `spec.mode` and the component are not the same mode."""
    for wiring in tree.wirings:
        for found in wiring.exposures[:1]:
            mode = text(found.document.root, "spec", "mode")
            if mode in MODES and mode != wiring.mode.reference.name:
                place = found.document.place("spec.mode", "spec", "mode")
                hint = "write the same mode in both"
                name = wiring.mode.reference.name
                yield place.finding(ERROR, "K13", shown(mode), f"{shown(name)} as {after(wiring.mode)}", hint)


def stale(tree: Tree, reader: Reader) -> Iterator[Finding]:
    """K14: a generated Exposure that differs from the output for the generator's file beside it."""
    for found in tree.exposures:
        document = found.document
        own = labels(document.root, "metadata", "labels")
        if document.kind != PLAIN or not document.source or not MADE & own.keys():
            continue
        folder, _, file = document.file.rpartition("/")
        for name, other in reader.generators(folder):
            if text(other.root, "metadata", "name") != document.name or not other.source:
                continue
            exposure, _ = check(other.source, other.root)
            if not exposure:
                continue
            hint = f"run 'argocd-istio generate {name} -o {file}'"
            for path, node, what, right in differences(document.root, complete(exposure), ""):
                message = f"found {what}, expected {right} as {name} makes it; {hint}"
                yield Finding(ERROR, document.file, node.line, path.lstrip("."), message, rule="K14")
                break


RULES: tuple[Callable[[Tree], Iterator[Finding]], ...] = (
    generators,
    order,
    exposures,
    two_installs,
    further_installs,
    repeated,
    late_patch,
    renamed,
    labelled,
    moved,
    other_mode,
    unknown_fields,
    misses,
    needs,
    login_settings,
    gateway_api,
    instances,
    without_install,
    owners,
    installed,
    unpinned,
)
