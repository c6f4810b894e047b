"""`check DIR` compared with kustomize: wrong folders build wrongly, right ones build without findings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from argocd_istio.consumer import REF
from argocd_istio.exposure.wired import GATEWAY_API, LISTENERS, Wired
from argocd_istio.findings import ERROR, INFO, WARNING, Finding
from argocd_istio.tree.check import check_folder
from argocd_istio.tree.library import API_GATEWAY as API_GATEWAY_KIND
from argocd_istio.tree.library import MODE as MODE_PART
from argocd_istio.tree.library import Reference
from argocd_istio.tree.order import CRDS, GATEWAY_API_OBJECTS, OBJECTS
from tests.plugin import ways_in
from tests.plugin.test_build import build as build_checked
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.consumer import MODES, one
from tests.render.render import ROOT, BuildError, Object, build, load
from tests.render.test_examples import EXAMPLES
from tests.render.test_ways import LOGIN, settings
from tests.render.test_ways import SETTINGS as VARIABLES
from tools.build import argocd_module

HEAD = "apiVersion: argocd-istio.github.io/v1alpha1\nkind: Exposure\nmetadata: {name: argocd}\n"
SPEC = "hosts: [old.acme.io], gateway: {selector: {istio: ingressgateway}}, tls: {secretName: argocd-certificate}"
EXPOSURE = f"{HEAD}spec: {{{SPEC}}}\n"
RUNS = "config.kubernetes.io/function: 'exec: {path: argocd-istio-generator}'"
GENERATOR = EXPOSURE.replace("kind: Exposure", "kind: ExposureGenerator")
GENERATOR = GENERATOR.replace("{name: argocd}", f"{{name: argocd, annotations: {{{RUNS}}}}}")

COMPONENT = "kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\n"
OPS = "'- {op: replace, path: /spec/hosts, value: [new.acme.io]}'"
PATCH = f"patches:\n- target: {{kind: Exposure}}\n  patch: {OPS}\n"
MERGE = f"{HEAD}spec: {{hosts: [new.acme.io]}}\n"
BESIDE = "resources: [exposure.yaml]\ncomponents: [LIB/components/grpc-routing/without-crds]\n"
CONSUMER = {"kustomization.yaml": BESIDE, "exposure.yaml": EXPOSURE}
HOST = {"host/kustomization.yaml": COMPONENT + PATCH}

Files = dict[str, str]
Reality = Callable[[list[Object]], bool] | str


def write(folder: Path, files: Files) -> Path:
    """Write a tree; LIB in a file is replaced with the path to this library."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("LIB", os.path.relpath(ROOT, file.parent)))
    return folder


def rules(folder: Path) -> list[str]:
    """`K01 file:line` of each error, relative to the folder."""
    found = [finding for finding in check_folder(str(folder)) if finding.severity == ERROR]
    return [f"{one.rule} {os.path.relpath(one.file, folder)}:{one.line}" for one in found]


def url(objects: list[Object]) -> Any:
    return one(objects, "ConfigMap", "argocd-cm")["data"]["url"]


def stays_old(objects: list[Object]) -> bool:
    return bool(url(objects) == "https://old.acme.io")


def consumer(more: str = "", **files: str) -> Files:
    """The two files, with more lines in the kustomization, and more files: `a__b` is a/b.yaml."""
    return {"kustomization.yaml": BESIDE + more, "exposure.yaml": EXPOSURE} | _named(files)


def _named(files: Files) -> Files:
    return {f"{name.replace('__', '/')}.yaml": text for name, text in files.items()}


def below(parent: str, **files: str) -> Files:
    """The two files in the folder cd, and a kustomization above it."""
    return {f"cd/{name}": text for name, text in CONSUMER.items()} | {"kustomization.yaml": parent} | _named(files)


def listing(components: str, *resources: str, before: str = "", more: str = "", **files: str) -> Files:
    """A consumer with other components, such as `termination host`, and further resources."""
    modes = [one if one in ("host", "common") else f"LIB/components/{one}" for one in components.split()]
    text = f"{before}resources: [{', '.join(['exposure.yaml', *resources])}]\ncomponents: [{', '.join(modes)}]\n{more}"
    return {"kustomization.yaml": text, "exposure.yaml": EXPOSURE} | _named(files)


def with_variables(**changed: str | None) -> str:
    """The generator of the login's ConfigMap."""
    return str(yaml.safe_dump({"configMapGenerator": [settings(**changed)]}))


LOGIN_SETTINGS = with_variables()
ANNOTATION = HEAD.strip().replace("\n", ", ").replace("{name: argocd}", "{name: argocd, annotations: {a: b}}")
ANNOTATION = f"{{{ANNOTATION}}}"
ADDED = '[{"op": "add", "path": "/metadata/annotations/c", "value": "d"}]'
NO_NAMESPACE = "{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-cm}, data: {a: b}}"
CERTIFICATE = """apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: cd, namespace: istio-system}
spec: {secretName: argocd-certificate, dnsNames: [old.acme.io], issuerRef: {kind: ClusterIssuer, name: x}}
"""
GATEWAY_OF = """apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: argocd, namespace: argocd}
spec: {selector: {istio: x}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [./a.b]}]}
"""
ACCOUNT = "namespace: edge, serviceAccount: edge"
SELECT = "target: {kind: Exposure}, path: host.yaml"
REPLACEMENT = """replacements:
- source: {kind: ConfigMap, name: own, fieldPath: data.host}
  targets: [{select: {kind: Exposure}, fieldPaths: [spec.hosts.0]}]
"""
OWN = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\ndata: {host: new.acme.io}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd, labels: {team: core}}\n"
TWO = "resources: [exposure.yaml, NAME]\ncomponents: [LIB/components/grpc-routing/without-crds]\n"


def moved_certificate(objects: list[Object]) -> bool:
    return bool(one(objects, "Certificate", "cd")["metadata"]["namespace"] == "argocd")


def selected(objects: list[Object]) -> bool:
    """Whether argocd-server's Service selects the pods of Dex too."""
    wanted = one(objects, "Service", "argocd-server")["spec"]["selector"]
    pods = one(objects, "Deployment", "argocd-dex-server")["spec"]["template"]["metadata"]["labels"]
    return bool(wanted.items() <= pods.items())


def part_of(objects: list[Object]) -> Any:
    return one(objects, "ConfigMap", "argocd-cm")["metadata"]["labels"]["app.kubernetes.io/part-of"]


def lost_pods(objects: list[Object]) -> bool:
    spec = one(objects, "Deployment", "argocd-server")["spec"]
    return bool(not spec["selector"]["matchLabels"].items() <= spec["template"]["metadata"]["labels"].items())


INSTALL = "".join(
    f"---\napiVersion: {version}\nkind: {kind}\nmetadata: {{name: {name}, namespace: argocd}}\n"
    for version, kind, name in (("v1", "ConfigMap", "argocd-cm"), ("v1", "Service", "argocd-server"))
)

LITE = "grpc-routing/without-crds"
LATE = ["K01 kustomization.yaml:4"]
SECOND = EXPOSURE.replace("argocd}", "two}", 1)
MESHED = EXPOSURE.replace("gateway: {", "gateway: {namespace: edge, serviceAccount: edge, ")
NAMED = EXPOSURE.replace("{hosts", "{instance: two, hosts")
SCRAPED = MESHED.replace("{hosts", "{scraper: {namespace: watch, serviceAccount: a}, hosts")
MODE = EXPOSURE.replace("{hosts", "{mode: termination, hosts")
MADE = MODE.replace("argocd}", "argocd, labels: {argocd-istio.github.io/mode: termination}}", 1)
MADE = MADE.replace(
    "gateway: {", "gateway: {namespace: istio-system, serviceAccount: istio-ingressgateway-service-account, "
)
TRANSFORMER = f"""apiVersion: builtin
kind: PatchTransformer
metadata: {{name: x}}
target: {{kind: Exposure}}
patch: {OPS}
"""
TARGET = "target: {group: argocd-istio.github.io, version: v1alpha1, kind: Exposure, name: argocd}"

WRONG: dict[str, tuple[Files, list[str], Reality]] = {
    "a patch beside components": (consumer(PATCH), LATE, stays_old),
    "a patch of a file": (consumer(f"patches:\n- {{{SELECT}}}\n", host=MERGE), LATE, stays_old),
    "a merge without target": (consumer("patches:\n- path: host.yaml\n", host=MERGE), LATE, stays_old),
    "patchesStrategicMerge": (consumer("patchesStrategicMerge:\n- host.yaml\n", host=MERGE), LATE, stays_old),
    "patchesJson6902": (consumer(f"patchesJson6902:\n- {TARGET}\n  patch: {OPS}\n"), LATE, stays_old),
    "a replacement into the Exposure": (listing(LITE, "own.yaml", more=REPLACEMENT, own=OWN), LATE, stays_old),
    "a patch as a transformer": (
        consumer("transformers: [late.yaml]\n", late=TRANSFORMER),
        ["K01 late.yaml:1"],
        stays_old,
    ),
    "a component after the mode": (
        listing("grpc-routing host") | HOST,
        ["K01 host/kustomization.yaml:4"],
        stays_old,
    ),
    "a patch in the parent": (below(f"resources: [cd]\n{PATCH}"), ["K01 kustomization.yaml:3"], stays_old),
    "the mode in a component of its own": (
        listing("common", more=PATCH, common__kustomization=f"{COMPONENT}components: [LIB/components/termination]\n"),
        LATE,
        stays_old,
    ),
    "namePrefix": (
        consumer("namePrefix: team-\n"),
        ["K03 kustomization.yaml:3"],
        lambda objects: bool(one(objects, "ConfigMap", "team-argocd-cm")),
    ),
    "nameSuffix in the parent": (
        below("resources: [cd]\nnameSuffix: -one\n"),
        ["K03 kustomization.yaml:2"],
        lambda objects: bool(one(objects, "ConfigMap", "argocd-cm-one")),
    ),
    "a prefix as a transformer": (
        consumer(
            "transformers: [late.yaml]\n",
            late="apiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: x}\nprefix: team-\n"
            "fieldSpecs: [{path: metadata/name}]\n",
        ),
        ["K03 late.yaml:1"],
        lambda objects: bool(one(objects, "ConfigMap", "team-argocd-cm")),
    ),
    "part-of": (
        consumer("labels:\n- pairs: {app.kubernetes.io/part-of: acme}\n"),
        ["K04 kustomization.yaml:4"],
        lambda objects: part_of(objects) == "acme",
    ),
    "part-of in commonLabels": (
        consumer("commonLabels: {app.kubernetes.io/part-of: acme}\n"),
        ["K04 kustomization.yaml:3"],
        lambda objects: part_of(objects) == "acme",
    ),
    "commonLabels with the name": (
        consumer("commonLabels: {app.kubernetes.io/name: argocd}\n"),
        ["K04 kustomization.yaml:3"],
        selected,
    ),
    "labels with the name in selectors": (
        consumer("labels: [{includeSelectors: true, pairs: {app.kubernetes.io/name: argocd}}]\n"),
        ["K04 kustomization.yaml:3"],
        selected,
    ),
    "labels with the name in templates": (
        consumer("labels: [{includeTemplates: true, pairs: {app.kubernetes.io/name: argocd}}]\n"),
        ["K04 kustomization.yaml:3"],
        lost_pods,
    ),
    "two installs": (
        {f"{name}/{file}": text for name in ("one", "two") for file, text in CONSUMER.items()}
        | {f"{name}/kustomization.yaml": f"namespace: {name}\n{BESIDE}" for name in ("one", "two")}
        | {"kustomization.yaml": "resources: [one, two]\n"},
        ["K05 two/kustomization.yaml:3"],
        "already registered id: ClusterRole",
    ),
    "two instances in one build": (
        {f"one/{file}": text for file, text in CONSUMER.items()}
        | {f"two/{file}": text for file, text in listing(f"{LITE} instance", exposure=NAMED).items()}
        | {"two/kustomization.yaml": "namespace: two\n" + BESIDE.replace("crds]", "crds, LIB/components/instance]")}
        | {"kustomization.yaml": "resources: [one, two]\n"},
        ["K05 two/kustomization.yaml:3"],
        lambda objects: (
            one(objects, "ClusterRoleBinding", "argocd-server")["subjects"]
            == one(objects, "ClusterRoleBinding", "argocd-server-two")["subjects"]
        ),
    ),
    "namespace moves a Certificate": (
        listing(LITE, "certificate.yaml", before="namespace: argocd\n", certificate=CERTIFICATE),
        ["K06 kustomization.yaml:1"],
        moved_certificate,
    ),
    "a parent's namespace moves a Certificate": (
        below("namespace: argocd\nresources: [cd, certificate.yaml]\n", certificate=CERTIFICATE),
        ["K06 kustomization.yaml:1"],
        moved_certificate,
    ),
    "two modes": (listing("termination passthrough"), ["K09 kustomization.yaml:2"], "already registered id"),
    "two Exposures": (
        listing(LITE, "two.yaml", two=SECOND),
        ["K09 two.yaml:1"],
        "multiple matches for selector Exposure",
    ),
    "high-availability before the mode": (
        listing("high-availability termination"),
        ["K09 kustomization.yaml:2"],
        "nothing selected by Deployment",
    ),
    "the mode under resources": (
        {"kustomization.yaml": "resources: [exposure.yaml, LIB/components/termination]\n", "exposure.yaml": EXPOSURE},
        ["K09 kustomization.yaml:1"],
        "expected kind != 'Component'",
    ),
    "an overlay under components": (
        consumer() | {"kustomization.yaml": "resources: [exposure.yaml]\ncomponents: [LIB/overlays/termination]\n"},
        ["K09 kustomization.yaml:2"],
        "expected kind 'Component'",
    ),
    "no Exposure": (
        {"kustomization.yaml": "components: [LIB/components/termination]\n"},
        ["K09 kustomization.yaml:1"],
        "nothing selected by Exposure",
    ),
    "an Exposure after the mode": (
        below("resources: [cd, two.yaml]\n", two=SECOND),
        ["K09 two.yaml:1"],
        lambda objects: bool(one(objects, "Exposure", "two")),
    ),
    "an own Namespace": (
        listing(LITE, "namespace.yaml", namespace=NAMESPACE),
        ["K10 namespace.yaml:1"],
        "already registered id: Namespace",
    ),
    "another Namespace under namespace": (
        listing(LITE, "team.yaml", before="namespace: delivery\n", team=NAMESPACE.replace("argocd", "team")),
        ["K10 team.yaml:1"],
        "namespace transformation produces ID conflict",
    ),
    "own objects of the install": (
        listing(LITE, "install.yaml", install=INSTALL),
        ["K10 install.yaml:2"],
        "already registered id: ConfigMap",
    ),
    "the base beside a mode": (listing(LITE, "LIB/base"), ["K10 kustomization.yaml:2"], "already registered id"),
    "the CRDs beside a mode": (
        listing("termination", "LIB/base/crds/full"),
        ["K10 kustomization.yaml:2"],
        "already registered id: CustomResourceDefinition",
    ),
    "a generator under resources": (
        consumer(exposure=GENERATOR),
        ["K12 exposure.yaml:1"],
        "nothing selected by Exposure",
    ),
    "an option twice": (
        listing("termination high-availability high-availability"),
        ["K10 kustomization.yaml:2"],
        "already registered id",
    ),
    "a field that is misspelled": (
        {**CONSUMER, "kustomization.yaml": BESIDE.replace("components", "component")},
        ["K15 kustomization.yaml:2"],
        'unknown field "component"',
    ),
    "a patch without a namespace": (
        consumer(f"patches:\n- patch: '{NO_NAMESPACE}'\n"),
        ["K16 kustomization.yaml:4"],
        "no matches for Id",
    ),
    "the mesh without the gateway's account": (
        listing(f"{LITE} mesh"),
        ["K17 exposure.yaml:4"],
        "spec.gateway.namespace.* is missing",
    ),
    "the mesh's scraper without an account": (
        listing(f"{LITE} mesh mesh-scraper", exposure=MESHED),
        ["K17 exposure.yaml:4"],
        "spec.scraper.namespace.* is missing",
    ),
    "an instance before the mode": (
        listing(f"instance {LITE}", exposure=NAMED),
        ["K09 kustomization.yaml:2"],
        "nothing selected by ClusterRole",
    ),
    "an instance twice": (
        listing(f"{LITE} instance instance", exposure=NAMED),
        ["K10 kustomization.yaml:2"],
        "nothing selected by ClusterRole",
    ),
    "an instance without a name": (
        listing(f"{LITE} instance"),
        ["K17 exposure.yaml:4"],
        "spec.instance.* is missing",
    ),
    "a login without the gateway's namespace": (
        listing(f"{LITE} edge-login", more=LOGIN_SETTINGS),
        ["K17 exposure.yaml:4"],
        "spec.gateway.namespace.* is missing",
    ),
    "a login of another way": (
        listing(f"{LITE} gateway-api/edge-login", more=LOGIN_SETTINGS),
        ["K09 kustomization.yaml:2"],
        "nothing selected by HTTPRoute",
    ),
    "a login after passthrough": (
        listing("passthrough edge-login", exposure=MESHED, more=LOGIN_SETTINGS),
        ["K09 kustomization.yaml:2"],
        "testing value /spec/tls failed",
    ),
    "a login without its ConfigMap": (
        listing(f"{LITE} edge-login", exposure=MESHED),
        ["K17 kustomization.yaml:2"],
        "nothing selected by ConfigMap",
    ),
    "a login's ConfigMap without a namespace": (
        listing(f"{LITE} edge-login", exposure=MESHED, more=LOGIN_SETTINGS.replace("  namespace: argocd\n", "")),
        ["K17 kustomization.yaml:2"],
        "nothing selected by ConfigMap",
    ),
    "a login without a variable": (
        listing(f"{LITE} edge-login", exposure=MESHED, more=with_variables(OAUTH2_PROXY_EMAIL_DOMAINS=None)),
        ["K17 kustomization.yaml:2"],
        "OAUTH2_PROXY_EMAIL_DOMAINS.* is missing",
    ),
    "a login with an empty variable": (
        listing(f"{LITE} edge-login", exposure=MESHED, more=with_variables(OAUTH2_PROXY_CLIENT_ID="")),
        ["K17 kustomization.yaml:2"],
        # The build succeeds, but oauth2-proxy does not start.
        lambda objects: any(item.get("data", {}).get("OAUTH2_PROXY_CLIENT_ID") == "" for item in objects),
    ),
    "the mesh's scraper alone": (
        listing(f"{LITE} mesh-scraper", exposure=SCRAPED),
        ["K17 kustomization.yaml:2"],
        "nothing selected by AuthorizationPolicy",
    ),
    "a directive before an Exposure": (
        consumer(exposure=f"%YAML 1.2\n---\n{EXPOSURE}"),
        [" exposure.yaml:1"],
        "found incompatible YAML document|yaml: ",
    ),
    "an Exposure under generators": (
        {"kustomization.yaml": BESIDE.replace("resources", "generators"), "exposure.yaml": EXPOSURE},
        ["K12 exposure.yaml:1"],
        "unable to load external plugin|external plugins disabled|unable to find plugin root",
    ),
    "a generated Exposure of another mode": (consumer(exposure=MADE), ["K13 exposure.yaml:4"], "1mode failed"),
    "a plain Exposure of another mode": (
        consumer(exposure=MODE),
        ["K13 exposure.yaml:4"],
        lambda objects: bool(one(objects, "Service", "argocd-server-grpc")),
    ),
}


ONLY = "termination/exposure-only"
SERVER = "server: {service: argocd-server, labels: {app.kubernetes.io/name: argocd-server}}"
SERVED = EXPOSURE.replace("{hosts", f"{{{SERVER}, hosts")
SHARED = EXPOSURE.replace(SPEC, "hosts: [old.acme.io], gateway: {existing: edge/shared}")
SHARED_SERVED = SHARED.replace("{hosts", f"{{{SERVER}, hosts")
ROUTES = "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: argocd}, spec: {hosts: [a.b]}}"
EDGE = f"existing-gateway/{ONLY}"


def destinations(objects: list[Object]) -> set[str]:
    routes = one(objects, "VirtualService", "team-argocd")["spec"]["http"]
    return {to["destination"]["host"] for route in routes for to in route.get("route", [])}


WRONG |= {
    "a way without a mode": (
        listing("existing-gateway", exposure=SHARED),
        ["K09 kustomization.yaml:2"],
        "unable to find one of 'kustomization.yaml'",
    ),
    "passthrough behind a load balancer": (
        listing("behind-load-balancer/passthrough"),
        ["K09 kustomization.yaml:2"],
        "no such file or directory",
    ),
    "a way under resources": (
        consumer()
        | {"kustomization.yaml": "resources: [exposure.yaml, LIB/components/existing-gateway/termination]\n"},
        ["K09 kustomization.yaml:1"],
        "expected kind != 'Component'",
    ),
    "a way that reads no Exposure": (
        {"kustomization.yaml": "components: [LIB/components/existing-gateway/termination]\n"},
        ["K09 kustomization.yaml:1"],
        "nothing selected by Exposure",
    ),
    "an existing Gateway without its name": (
        listing("existing-gateway/termination"),
        [" exposure.yaml:4"],
        "spec.gateway.existing.* is missing",
    ),
    "an exposure alone without argocd-server": (
        listing(ONLY),
        [" exposure.yaml:4", " exposure.yaml:4"],
        "spec.server.service.* is missing",
    ),
    "a way of another mode": (
        listing(
            "existing-gateway/grpc-routing/without-crds",
            exposure=MADE.replace("gateway: {", "gateway: {existing: a/b, "),
        ),
        ["K13 exposure.yaml:4"],
        "1mode failed",
    ),
    "two ways": (
        listing("grpc-routing/without-crds existing-gateway/termination/without-crds"),
        ["K09 kustomization.yaml:2"],
        "already registered id",
    ),
    "two exposures of one install": (
        listing(f"{ONLY} {EDGE}", exposure=SERVED),
        ["K09 kustomization.yaml:2"],
        "already registered id",
    ),
    "an exposure of upstream beside an install": (
        listing(f"{LITE} {ONLY}", exposure=SERVED),
        ["K09 kustomization.yaml:2"],
        "already registered id",
    ),
    "high-availability without an install": (
        listing(f"{ONLY} high-availability", exposure=SERVED),
        ["K17 kustomization.yaml:2"],
        "nothing selected by Deployment",
    ),
    "an instance without an install": (
        listing(f"{ONLY} instance", exposure=SERVED.replace("{server", "{instance: two, server")),
        ["K17 kustomization.yaml:2"],
        "nothing selected by ClusterRole",
    ),
    "the mesh without an install": (
        listing(
            f"{ONLY} mesh", exposure=SERVED.replace("gateway: {", "gateway: {namespace: edge, serviceAccount: a, ")
        ),
        ["K17 kustomization.yaml:2"],
        "nothing selected by Deployment",
    ),
    "a prefix on the routes alone": (
        listing(ONLY, exposure=SERVED.replace("service: argocd-server", "service: cd"), more="namePrefix: team-\n"),
        ["K03 kustomization.yaml:3"],
        lambda objects: one(objects, "VirtualService", "team-argocd")["spec"]["gateways"] == ["argocd"],
    ),
    "a patch of the routes without a namespace": (
        listing(ONLY, exposure=SERVED, more=f"patches:\n- patch: '{ROUTES}'\n"),
        ["K16 kustomization.yaml:4"],
        "no matches for Id",
    ),
    "a late patch of a way's Exposure": (
        listing(EDGE, exposure=SHARED_SERVED, more=PATCH),
        ["K01 kustomization.yaml:4"],
        lambda objects: one(objects, "VirtualService")["spec"]["hosts"] == ["old.acme.io"],
    ),
    "an own Gateway of the same name": (
        listing(f"behind-load-balancer/{ONLY}", "own.yaml", exposure=SERVED, own=GATEWAY_OF),
        ["K10 own.yaml:1"],
        "already registered id: Gateway",
    ),
}


[PUT_BACK] = re.findall(
    r"^```yaml\n(replacements:.*?)^```", (ROOT / "components/edge-login/README.md").read_text(), re.M | re.S
)
LOGGED_IN = listing(f"{LITE} edge-login", more=LOGIN_SETTINGS + PUT_BACK, exposure=MESHED)


PUT_BACK_AS_PATCH = """transformers:
- |-
  apiVersion: builtin
  kind: PatchTransformer
  metadata: {name: back}
  target: {kind: AuthorizationPolicy, name: argocd-edge-login}
  patch: '[{"op": "replace", "path": "/metadata/namespace", "value": "edge"}]'
"""


LOGIN_CONFIG = yaml.safe_dump(
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": LOGIN, "namespace": "argocd"}, "data": VARIABLES}
)


def login_in(namespace: str) -> Callable[[list[Object]], bool]:
    """Whether the login's policy is in that namespace."""
    return lambda objects: bool(one(objects, "AuthorizationPolicy", LOGIN)["metadata"]["namespace"] == namespace)


OF_API = HEAD + "spec: {hosts: [old.acme.io], gateway: {className: istio}, tls: {secretName: argocd-certificate}}\n"
BOUND = "parent: {name: shared, namespace: edge, sectionName: https}"
OF_PARENT = f"{HEAD}spec: {{hosts: [old.acme.io], gateway: {{{BOUND}}}}}\n"
REDIRECTS = OF_PARENT.replace("https}", "https}, redirectParent: {name: shared, namespace: edge, sectionName: http}")
OF_SET = OF_API.replace("className: istio", "parent: {name: shared, namespace: edge}")
PARENTS = "gateway-api/existing-gateway"
API_ROUTE = """apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: argocd, namespace: argocd}
spec: {parentRefs: [{name: a}], hostnames: [a.b]}
"""
GRANT = """apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: cd, namespace: certificates}
spec:
  from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: delivery}]
  to: [{group: "", kind: Secret, name: wildcard}]
"""
WILDCARD = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: wildcard, namespace: certificates}\n"
API_GATEWAY = API_ROUTE.replace("HTTPRoute", "Gateway")
SETTINGS = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: argocd-{}, namespace: argocd}}\ndata: {{{}}}\n"
TLS = SETTINGS.format("cmd-params-cm", 'server.insecure: "false"')
HEADED = """target: {kind: HTTPRoute}, patch: '[{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}]'"""

WRONG |= {
    "namespace moves a ReferenceGrant": (
        listing(
            "gateway-api/termination/without-crds",
            "grant.yaml",
            before="namespace: delivery\n",
            exposure=OF_API,
            grant=GRANT,
        ),
        ["K06 kustomization.yaml:1"],
        lambda objects: one(objects, "ReferenceGrant", "cd")["metadata"]["namespace"] == "delivery",
    ),
    "a way of the Gateway API without a mode": (
        listing("gateway-api", exposure=OF_API),
        ["K09 kustomization.yaml:2"],
        "unable to find one of 'kustomization.yaml'",
    ),
    "the redirect beside a Gateway of ours": (
        listing("gateway-api/termination/without-crds gateway-api/redirect", exposure=OF_API),
        ["K17 exposure.yaml:4", "K09 kustomization.yaml:2"],
        "already registered id: HTTPRoute",
    ),
    "the redirect without its parent": (
        listing(f"{PARENTS}/termination/without-crds gateway-api/redirect", exposure=OF_PARENT),
        ["K17 exposure.yaml:4"],
        "spec.gateway.redirectParent. is missing",
    ),
    "the redirect before the mode": (
        listing(f"gateway-api/redirect {PARENTS}/termination/without-crds", exposure=REDIRECTS),
        ["K09 kustomization.yaml:2"],
        lambda objects: bool(one(objects, "HTTPRoute", "argocd-redirect")),
    ),
    "namespace moves the login's policy": (
        listing(f"{LITE} edge-login", before="namespace: argocd\n", more=LOGIN_SETTINGS, exposure=MESHED),
        ["K06 kustomization.yaml:1"],
        login_in("argocd"),
    ),
    "a parent's namespace moves the login's policy": (
        {f"cd/{name}": text for name, text in LOGGED_IN.items()}
        | {"kustomization.yaml": "resources: [cd]\nnamespace: delivery\n"},
        ["K06 kustomization.yaml:2"],
        login_in("delivery"),
    ),
    "a parent's namespace moves a parent's policy": (
        listing(
            f"{PARENTS}/termination/without-crds {PARENTS}/edge-login",
            before="namespace: delivery\n",
            more=LOGIN_SETTINGS,
            exposure=OF_PARENT,
        ),
        ["K06 kustomization.yaml:1"],
        login_in("delivery"),
    ),
    "no retries in termination": (
        listing("gateway-api/termination/without-crds gateway-api/no-retries", exposure=OF_API),
        ["K09 kustomization.yaml:2"],
        "testing value /spec/rules/0/name failed",
    ),
    "no retries in passthrough": (
        listing(f"{PARENTS}/passthrough/without-crds gateway-api/no-retries", exposure=OF_PARENT),
        ["K09 kustomization.yaml:2"],
        "nothing selected by HTTPRoute",
    ),
    "no retries of Istio's routes": (
        listing(f"{LITE} gateway-api/no-retries"),
        ["K09 kustomization.yaml:2"],
        "nothing selected by HTTPRoute",
    ),
    "an own route of the same name": (
        listing("gateway-api/termination/without-crds", "own.yaml", exposure=OF_API, own=API_ROUTE),
        ["K10 own.yaml:1"],
        "already registered id: HTTPRoute",
    ),
    "an own Gateway of the Gateway API": (
        listing("gateway-api/passthrough/without-crds", "own.yaml", exposure=OF_API, own=API_GATEWAY),
        ["K10 own.yaml:1"],
        "already registered id: Gateway",
    ),
    "Istio's way beside one of the Gateway API": (
        listing(f"existing-gateway/{LITE} gateway-api/termination/without-crds", exposure=SHARED),
        ["K09 kustomization.yaml:2"],
        "already registered id",
    ),
    "the mesh without the account of istiod's pods": (
        listing("gateway-api/termination/without-crds mesh", exposure=OF_API),
        ["K17 exposure.yaml:4"],
        "spec.gateway.namespace.* is missing",
    ),
    "several hosts of a ListenerSet": (
        listing(
            "gateway-api/listener-set/termination/without-crds",
            exposure=OF_SET.replace("[old.acme.io]", "[old.acme.io, b.acme.io]"),
        ),
        [" exposure.yaml:4"],
        "several hosts need an ExposureGenerator with spec.mode",
    ),
    "a listener of a ListenerSet's parent": (
        listing(
            "gateway-api/listener-set/termination/without-crds",
            exposure=OF_SET.replace("edge}", "edge, sectionName: a}"),
        ),
        [" exposure.yaml:4"],
        # The API server refuses it.
        lambda objects: one(objects, "ListenerSet")["spec"]["parentRef"]["sectionName"] == "a",
    ),
    "an install that is not for the mode": (
        listing(
            ONLY, "params.yaml", exposure=SERVED, params=SETTINGS.format("cmd-params-cm", 'server.insecure: "false"')
        ),
        ["K19 params.yaml:4"],
        lambda objects: one(objects, "ConfigMap", "argocd-cmd-params-cm")["data"]["server.insecure"] == "false",
    ),
    "an install that is not for passthrough": (
        listing(
            "gateway-api/passthrough/exposure-only",
            "params.yaml",
            exposure=OF_API.replace("{hosts", f"{{{SERVER}, hosts").replace(
                ", tls: {secretName: argocd-certificate}", ""
            ),
            params=SETTINGS.format("cmd-params-cm", 'server.insecure: "true"'),
        ),
        ["K19 params.yaml:4"],
        lambda objects: bool(one(objects, "TLSRoute")),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_folder_is_found_and_builds_wrongly(tmp_path: Path, name: str) -> None:
    files, expected, reality = WRONG[name]
    write(tmp_path, files)
    assert rules(tmp_path) == expected
    if isinstance(reality, str):
        with pytest.raises(BuildError, match=reality):
            build(tmp_path)
    else:
        assert reality(build(tmp_path))


def changed(objects: list[Object]) -> bool:
    return bool(url(objects) == "https://new.acme.io")


def anything(objects: list[Object]) -> bool:
    return bool(one(objects, "Gateway"))


EVERY = """patches:
- target: {kind: .*}
  patch: '{apiVersion: v1, kind: X, metadata: {name: x, labels: {team: core}}}'
"""
REPLICAS = """patches:
- target: {kind: Deployment, name: argocd-server}
  patch: '- {op: add, path: /spec/replicas, value: 2}'
"""

RIGHT: dict[str, tuple[Files, Callable[[list[Object]], bool]]] = {
    "a component before the mode": (listing("host grpc-routing") | HOST, changed),
    "an Exposure in a folder of its own": (
        {"kustomization.yaml": f"resources: [exposure]\ncomponents: [LIB/components/{LITE}]\n"}
        | {"exposure/kustomization.yaml": f"resources: [exposure.yaml]\n{PATCH}", "exposure/exposure.yaml": EXPOSURE},
        changed,
    ),
    "a patch of another object": (
        consumer(REPLICAS),
        lambda objects: one(objects, "Deployment", "argocd-server")["spec"]["replicas"] == 2,
    ),
    "a patch of every object": (consumer(EVERY), anything),
    "a late annotation of the Exposure": (
        consumer(f"patches:\n- patch: '{ANNOTATION}'\n- target: {{kind: Exposure}}\n  patch: '{ADDED}'\n"),
        anything,
    ),
    "fields in lower case, and empty ones": (
        consumer("configmapgenerator: []\nsortOptions:\nbuildMetadata: []\n"),
        anything,
    ),
    "a late patch that deletes the Exposure": (
        consumer(f"patches:\n- patch: |-\n    {{$patch: delete, {HEAD.strip().replace(chr(10), ', ')}}}\n"),
        anything,
    ),
    "a patch in another kustomization": (
        below("resources: [cd, other]\n", other__kustomization=f"resources: [own.yaml]\n{PATCH}", other__own=OWN),
        anything,
    ),
    "labels without selectors": (
        consumer("labels:\n- pairs: {team: core, app.kubernetes.io/name: argocd}\n"),
        lambda objects: not selected(objects),
    ),
    "part-of as it is": (consumer("labels:\n- pairs: {app.kubernetes.io/part-of: argocd}\n"), anything),
    "labels and a prefix below the mode": (
        {"kustomization.yaml": f"resources: [exposure]\ncomponents: [LIB/components/{LITE}]\n"}
        | {"exposure/kustomization.yaml": "resources: [exposure.yaml]\nnamePrefix: a-\ncommonLabels: {team: x}\n"}
        | {"exposure/exposure.yaml": EXPOSURE},
        anything,
    ),
    "namespace argocd": (consumer("namespace: argocd\n"), anything),
    "a moved install": (consumer("namespace: delivery\n"), anything),
    "a Certificate in a kustomization of its own": (
        below("resources: [cd, certificate.yaml]\n", certificate=CERTIFICATE)
        | {"cd/kustomization.yaml": f"namespace: argocd\n{BESIDE}"},
        lambda objects: not moved_certificate(objects),
    ),
    "a Certificate of something else": (
        listing(
            LITE,
            "certificate.yaml",
            before="namespace: argocd\n",
            certificate=CERTIFICATE.replace("argocd-certificate", "other"),
        ),
        anything,
    ),
    "a Namespace of another name": (
        listing(LITE, "namespace.yaml", namespace=NAMESPACE.replace("argocd", "team")),
        anything,
    ),
    "the Namespace as a patch": (consumer("patches: [{path: namespace.yaml}]\n", namespace=NAMESPACE), anything),
    "an own argocd-cm in another namespace": (
        listing(LITE, "own.yaml", own=OWN.replace("{name: own}", "{name: argocd-cm, namespace: edge}")),
        anything,
    ),
    "the full CRDs without ours": (listing(LITE, "LIB/base/crds/full"), anything),
    "the mesh and its scraper": (listing(f"{LITE} mesh mesh-scraper", exposure=SCRAPED), anything),
    "an instance and every option": (
        listing(f"{LITE} instance mesh high-availability", exposure=MESHED.replace("{hosts", "{instance: two, hosts")),
        lambda objects: bool(one(objects, "ClusterRole", "argocd-server-two")),
    ),
    "high-availability after the mode": (listing("termination high-availability"), anything),
    "an overlay alone": ({"kustomization.yaml": "resources: [LIB/overlays/termination]\n"}, anything),
    "the same mode in both": (listing("termination", exposure=MODE), anything),
    "a generated Exposure of the mode": (listing("termination", exposure=MADE), anything),
    "a component that has the mode": (
        listing("common", common__kustomization=f"{COMPONENT}components: [host, LIB/components/termination]\n")
        | {f"common/{name}": text for name, text in HOST.items()},
        changed,
    ),
}


RIGHT |= {
    "an existing Gateway": (
        listing("existing-gateway/grpc-routing", exposure=SHARED),
        lambda objects: one(objects, "VirtualService")["spec"]["gateways"] == ["edge/shared"],
    ),
    "an own Gateway above an existing one": (
        below("resources: [cd, own.yaml]\n", own=GATEWAY_OF)
        | {f"cd/{name}": text for name, text in listing(EDGE, exposure=SHARED_SERVED).items()},
        anything,
    ),
    "TLS before the gateway": (
        listing(
            "behind-load-balancer/termination", exposure=EXPOSURE.replace(", tls: {secretName: argocd-certificate}", "")
        ),
        anything,
    ),
    "high-availability behind a way": (
        listing("behind-load-balancer/termination high-availability"),
        anything,
    ),
    "the mesh behind a way": (
        listing(
            "existing-gateway/termination/without-crds mesh",
            exposure=SHARED.replace("{existing", f"{{{ACCOUNT}, existing"),
        ),
        lambda objects: bool(one(objects, "PeerAuthentication", "argocd-server")),
    ),
    "the exposure of upstream's install": (
        listing(
            ONLY,
            "install.yaml",
            "namespace.yaml",
            before="namespace: argocd\n",
            more=f"patches:\n- patch: '{NO_NAMESPACE}'\n",
            exposure=SERVED,
            install=INSTALL.replace(", namespace: argocd", ""),
            namespace=NAMESPACE,
        ),
        anything,
    ),
    "the exposure of another namespace": (
        listing(EDGE, before="namespace: delivery\n", exposure=SHARED_SERVED),
        lambda objects: one(objects, "VirtualService")["metadata"]["namespace"] == "delivery",
    ),
    "an own Gateway beside an existing one": (
        listing(EDGE, "own.yaml", exposure=SHARED_SERVED, own=GATEWAY_OF),
        lambda objects: bool(one(objects, "Gateway")),
    ),
    "a Certificate that no mode reads": (
        listing(
            EDGE, "certificate.yaml", before="namespace: argocd\n", exposure=SHARED_SERVED, certificate=CERTIFICATE
        ),
        moved_certificate,
    ),
}


CERTIFICATE_OF_API = CERTIFICATE.replace("namespace: istio-system", "namespace: argocd")
PODS = OF_API.replace("className", "namespace: argocd, serviceAccount: argocd-istio, className")

RIGHT |= {
    name: (
        listing(
            "gateway-api/termination/without-crds",
            "grant.yaml",
            before="namespace: delivery\n",
            exposure=OF_API,
            grant=grant,
        ),
        lambda objects: one(objects, "ReferenceGrant", "cd")["metadata"]["namespace"] == "delivery",
    )
    for name, grant in {
        "a ReferenceGrant that moves with its Secret": GRANT + WILDCARD,
        "a ReferenceGrant that moves with the install": GRANT.replace("certificates", "argocd"),
        "a ReferenceGrant in the namespace": GRANT.replace("namespace: certificates", "namespace: delivery"),
    }.items()
}
RIGHT |= {
    "an install for the mode": (
        listing(
            ONLY,
            "params.yaml",
            "cm.yaml",
            exposure=SERVED,
            params=TLS.replace("false", "true"),
            cm=SETTINGS.format("cm", "url: https://old.acme.io"),
        ),
        anything,
    ),
    "an install that is patched for the mode": (
        listing(
            ONLY,
            "params.yaml",
            exposure=SERVED,
            params=TLS,
            more="patches: [{target: {kind: ConfigMap}, path: own.json}]\n",
        )
        | {"own.json": '[{"op": "add", "path": "/data/server.insecure", "value": "true"}]'},
        anything,
    ),
    "the redirect of a listener elsewhere": (
        listing(f"{PARENTS}/grpc-routing/without-crds gateway-api/redirect", exposure=REDIRECTS),
        lambda objects: one(objects, "HTTPRoute", "argocd-redirect")["spec"]["parentRefs"][0]["sectionName"] == "http",
    ),
    "no retries of gRPC": (
        listing("gateway-api/grpc-routing/without-crds gateway-api/no-retries", exposure=OF_API),
        lambda objects: one(objects, "HTTPRoute")["spec"]["rules"][0]["retry"] == {"attempts": 0},
    ),
    "an own route beside a TLSRoute": (
        listing(f"{PARENTS}/passthrough/without-crds", "own.yaml", exposure=OF_PARENT, own=API_ROUTE),
        lambda objects: bool(one(objects, "TLSRoute")),
    ),
    "an own Gateway of Istio beside one of the Gateway API": (
        listing("gateway-api/passthrough/without-crds", "own.yaml", exposure=OF_API, own=GATEWAY_OF),
        lambda objects: bool(one(objects, "TLSRoute")),
    ),
    "the mesh with istiod's pods": (
        listing("gateway-api/termination/without-crds mesh", exposure=PODS),
        lambda objects: bool(one(objects, "AuthorizationPolicy", "argocd-server")),
    ),
    "a Certificate in the namespace of our Gateway": (
        listing(
            "gateway-api/termination/without-crds",
            "certificate.yaml",
            before="namespace: delivery\n",
            exposure=OF_API,
            certificate=CERTIFICATE_OF_API,
        ),
        lambda objects: one(objects, "Certificate", "cd")["metadata"]["namespace"] == "delivery",
    ),
    "a login's ConfigMap from a file": (
        listing(f"{LITE} edge-login", "settings.yaml", exposure=MESHED, settings=LOGIN_CONFIG),
        login_in("edge"),
    ),
    "a login's ConfigMap from a folder": (
        listing(f"{LITE} edge-login", "settings", exposure=MESHED)
        | {"settings/kustomization.yaml": "namespace: argocd\n" + LOGIN_SETTINGS.replace("  namespace: argocd\n", "")},
        login_in("edge"),
    ),
    "a login's policy that is put back": (
        LOGGED_IN | {"kustomization.yaml": f"namespace: delivery\n{LOGGED_IN['kustomization.yaml']}"},
        login_in("edge"),
    ),
    "an instance's policy that is put back by its new name": (
        listing(
            f"{LITE} edge-login instance",
            before="namespace: delivery\n",
            more=LOGIN_SETTINGS + PUT_BACK.replace("argocd-edge-login", "argocd-edge-login-two"),
            exposure=MESHED.replace("{hosts", "{instance: two, hosts"),
        ),
        lambda objects: one(objects, "AuthorizationPolicy", "argocd-edge-login-two")["metadata"]["namespace"] == "edge",
    ),
    "a login's policy that a parent puts back": (
        {
            f"cd/{name}": text
            for name, text in listing(f"{LITE} edge-login", more=LOGIN_SETTINGS, exposure=MESHED).items()
        }
        | {"kustomization.yaml": f"resources: [cd]\nnamespace: delivery\n{PUT_BACK_AS_PATCH}"},
        login_in("edge"),
    ),
    "a parent's policy that is put back": (
        listing(
            f"{PARENTS}/termination/without-crds {PARENTS}/edge-login",
            before="namespace: delivery\n",
            more=LOGIN_SETTINGS + PUT_BACK.replace("gateway.namespace", "gateway.parent.namespace"),
            exposure=OF_PARENT,
        ),
        login_in("edge"),
    ),
    "namespace moves a Gateway with its policy": (
        listing(
            "gateway-api/termination/without-crds gateway-api/edge-login",
            before="namespace: delivery\n",
            more=LOGIN_SETTINGS,
            exposure=OF_API,
        ),
        login_in("delivery"),
    ),
    "namespace is that of the gateway": (
        listing(f"{LITE} edge-login", before="namespace: edge\n", more=LOGIN_SETTINGS, exposure=MESHED),
        login_in("edge"),
    ),
    "a patch of a route of the Gateway API": (
        listing("gateway-api/termination/without-crds", exposure=OF_API, more=f"patches:\n- {{{HEADED}}}\n"),
        lambda objects: one(objects, "HTTPRoute")["metadata"]["labels"] == {"a": "b"},
    ),
}


@pytest.mark.parametrize(
    ("files", "rule", "words"),
    [
        (
            listing("gateway-api/termination mesh", before="namespace: delivery\n", exposure=PODS),
            "K17",
            'found "argocd", expected "delivery", as istiod makes the pods; write it, unless other pods are this',
        ),
        (
            listing("gateway-api/termination mesh", exposure=PODS.replace("argocd-istio,", "edge,")),
            "K17",
            'found "edge", expected "argocd-istio", as istiod makes the pods',
        ),
        (
            listing(f"{PARENTS}/termination", exposure=REDIRECTS),
            "K17",
            "found a field that only components/gateway-api/redirect reads, expected that component too; list it after",
        ),
        (
            listing("gateway-api/termination", "certificate.yaml", exposure=OF_API, certificate=CERTIFICATE),
            "K06",
            'found Certificate "cd" in namespace "istio-system", expected it in "argocd", as Argo CD; write it there: '
            "the Gateway reads the Secret in its own namespace",
        ),
        (
            listing(ONLY, "cm.yaml", exposure=SERVED, cm=SETTINGS.format("cm", "url: https://other.acme.io")),
            "K19",
            'found "https://other.acme.io", expected a host of spec.hosts; write url: https://old.acme.io: links and',
        ),
    ],
    ids=["moved", "account", "redirect", "certificate", "url"],
)
def test_values_that_do_not_fit_are_warnings(tmp_path: Path, files: Files, rule: str, words: str) -> None:
    found = [one for one in check_folder(str(write(tmp_path, files))) if one.severity == WARNING]
    assert [one.rule for one in found] == [rule] and words in found[0].message


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_folder_is_silent_and_builds(tmp_path: Path, name: str) -> None:
    files, reality = RIGHT[name]
    write(tmp_path, files)
    assert rules(tmp_path) == []
    assert reality(build(tmp_path))


MOVED = {Path("examples") / name for name in ("other-namespace", "existing-gateway", "gateway-api-existing")}


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_silent(example: Path) -> None:
    # Until the first tag, the examples can name only a branch, which check notes. K18 is for the owner of a Gateway.
    # K05 is for an install outside argocd: no file shows whether the cluster has another one.
    accepted = {"K18"} | ({"K08"} if REF == "main" else set())
    accepted |= {"K05"} if example in MOVED else set()
    found = check_folder(str(ROOT / example))
    assert {finding.rule for finding in found} <= accepted
    assert {finding.severity for finding in found if finding.rule == "K05"} <= {INFO}


@pytest.mark.parametrize(
    "folder",
    [*(f"overlays/{mode}{crds}" for mode in MODES for crds in ("", "/without-crds")), *map(folder_of, COMPONENTS)],
)
def test_every_folder_of_the_library_is_silent(folder: str) -> None:
    assert check_folder(str(ROOT / folder)) == []


def test_the_objects_of_an_install_are_known() -> None:
    found: dict[str, set[str]] = {}
    for item in build("base"):
        found.setdefault(item["kind"], set()).add(item["metadata"]["name"])
    assert found.pop("Namespace") == {"argocd"}
    assert found == {kind: set(names) for kind, names in OBJECTS.items()}
    assert {item["metadata"]["name"] for item in build("base/crds")} == CRDS


@pytest.mark.parametrize("wired", [one for one in COMPONENTS if one.way in GATEWAY_API], ids=folder_of)
def test_the_objects_of_the_gateway_api_are_known(wired: Wired, tmp_path: Path) -> None:
    objects = build(ways_in.consumer(tmp_path, wired))
    group = "gateway.networking.k8s.io"
    ours = [item for item in objects if item["apiVersion"].startswith(f"{group}/")]
    kinds = {"Gateway": API_GATEWAY_KIND}
    found = {(kinds.get(item["kind"], item["kind"]), item["metadata"]["name"]) for item in ours}
    reference = Reference(MODE_PART, wired.mode, not wired.amount, None, wired)
    known = {(kind, name) for kind, names in GATEWAY_API_OBJECTS.items() for name in names}
    assert found == {(kind, name) for kind, name in known if reference.brings(kind, name)}


def test_a_file_of_upstreams_install_is_found(tmp_path: Path) -> None:
    upstream = (argocd_module() / "manifests/install.yaml").read_text()
    files = listing(
        "grpc-routing", "upstream", upstream__kustomization="resources: [install.yaml]\nnamespace: argocd\n"
    )
    [found] = rules(write(tmp_path, files | {"upstream/install.yaml": upstream}))
    assert found.startswith("K10 upstream/install.yaml:")
    with pytest.raises(BuildError, match="already registered id"):
        build(tmp_path)


@pytest.mark.parametrize("wired", COMPONENTS, ids=folder_of)
def test_every_consumer_is_silent(tmp_path: Path, wired: Wired) -> None:
    moved = ways_in.consumer(tmp_path / "moved", wired, namespace="delivery")
    spec = ways_in.spec(wired) | {"hosts": ["a.acme.io", "b.acme.io"]}
    several = ways_in.consumer(tmp_path / "several", wired, spec)
    assert rules(moved) == [] and len(rules(several)) == (wired.way == LISTENERS)


@pytest.mark.parametrize(
    ("entry", "hint"),
    [
        (
            "existing-gateway",
            "components/existing-gateway/passthrough, components/existing-gateway/termination, "
            "components/existing-gateway/grpc-routing",
        ),
        (
            "behind-load-balancer/passthrough",
            "components/behind-load-balancer/termination, components/behind-load-balancer/grpc-routing: "
            "the gateway gets no TLS to pass through, because the load balancer ends it",
        ),
        (
            "gateway-api/grpc-routing/with-crds",
            "components/gateway-api/grpc-routing, components/gateway-api/grpc-routing/without-crds, "
            "components/gateway-api/grpc-routing/exposure-only",
        ),
        (
            "gateway-api/listener-set/grpc",
            "components/gateway-api/listener-set/passthrough, components/gateway-api/listener-set/termination, "
            "components/gateway-api/listener-set/grpc-routing",
        ),
        (
            "existing-gateway/termination/with-crds",
            "components/existing-gateway/termination, components/existing-gateway/termination/without-crds, "
            "components/existing-gateway/termination/exposure-only",
        ),
    ],
)
def test_a_wrong_way_names_the_folders(tmp_path: Path, entry: str, hint: str) -> None:
    local = check_folder(str(write(tmp_path / "local", listing(entry))))
    address = f"https://github.com/argocd-istio/argocd-istio//components/{entry}?ref=v1"
    remote = consumer() | {"kustomization.yaml": f"resources: [exposure.yaml]\ncomponents: ['{address}']\n"}
    for found in (local, check_folder(str(write(tmp_path / "remote", remote)))):
        assert found[0].message == f"found components/{entry}, which is not there, expected a mode; write one of {hint}"


def owners(folder: Path, files: Files) -> list[Finding]:
    """What a folder shows besides the note that it installs into another namespace."""
    return [one for one in check_folder(str(write(folder, files))) if one.rule != "K05"]


ADMITTED = "old.acme.io, and allowedRoutes that admits only namespace cd; "
ADMITTED += "without it a listener admits routes of its own namespace only"


@pytest.mark.parametrize(
    ("folder", "exposure", "words"),
    [
        (
            f"{PARENTS}/termination",
            OF_PARENT,
            "found listener https of somebody else, of Gateway edge/shared, expected protocol HTTPS, mode Terminate, "
            f"for {ADMITTED}; a certificate of another namespace needs a ReferenceGrant there",
        ),
        (
            f"{PARENTS}/passthrough",
            OF_PARENT.replace("{name: shared", "{kind: ListenerSet, name: shared"),
            "found listener https of somebody else, of ListenerSet edge/shared, expected protocol TLS, mode "
            f"Passthrough, for {ADMITTED}; Istio 1.30 and newer ignores TLSRoute and ReferenceGrant if the CRDs are "
            "older than Gateway API 1.5",
        ),
        (
            "gateway-api/listener-set/grpc-routing",
            OF_SET,
            "found a Gateway of somebody else, edge/shared, expected allowedListeners in it that admits only namespace "
            "cd; without it a Gateway admits no ListenerSet; ListenerSet requires the CRDs of Gateway API 1.5 or newer",
        ),
    ],
)
def test_the_gateway_apis_owner_gets_a_note(tmp_path: Path, folder: str, exposure: str, words: str) -> None:
    [note] = owners(tmp_path, listing(folder, before="namespace: cd\n", exposure=exposure))
    assert (note.severity, note.rule, note.path) == (INFO, "K18", "spec.gateway.parent")
    assert note.message == words


def test_an_install_elsewhere_gets_a_note(tmp_path: Path) -> None:
    [note] = check_folder(str(write(tmp_path, listing("grpc-routing", before="namespace: cd\n"))))
    assert (note.severity, note.rule, note.path, note.line) == (INFO, "K05", "namespace", 1)
    assert note.message == (
        'found an install in namespace "cd" without components/instance, expected no other Argo CD in the cluster; '
        "else list components/instance and set spec.instance: this install takes the cluster roles of the other"
    )
    for files in (
        listing("grpc-routing", before="namespace: argocd\n"),
        listing("termination/without-crds instance", before="namespace: cd\n", exposure=NAMED),
        listing(ONLY, before="namespace: cd\n", exposure=SERVED),
    ):
        assert check_folder(str(write(tmp_path, files))) == []


def test_a_further_install_needs_no_crds(tmp_path: Path) -> None:
    [note] = check_folder(str(write(tmp_path, listing("termination instance", exposure=NAMED))))
    assert (note.severity, note.rule, note.path) == (INFO, "K05", "components[1]")
    assert "which brings the CRDs, expected a path with /without-crds for a further install" in note.message


def test_the_redirects_owner_gets_a_note(tmp_path: Path) -> None:
    files = listing(f"{PARENTS}/termination gateway-api/redirect", before="namespace: cd\n", exposure=REDIRECTS)
    notes = owners(tmp_path, files)
    assert [note.path for note in notes] == ["spec.gateway.parent", "spec.gateway.redirectParent"]
    wanted = "found listener http of somebody else, of Gateway edge/shared, expected protocol HTTP, for "
    assert notes[1].message == wanted + ADMITTED


@pytest.mark.parametrize("field", ["parent", "redirectParent"])
def test_a_missing_listener_is_reported_once(tmp_path: Path, field: str) -> None:
    section = {"parent": "https", "redirectParent": "http"}[field]
    exposure = REDIRECTS.replace(f", sectionName: {section}}}", "}")
    files = listing(f"{PARENTS}/termination gateway-api/redirect", exposure=exposure)
    [found] = [one for one in check_folder(str(write(tmp_path, files))) if one.path.startswith(f"spec.gateway.{field}")]
    assert (found.severity, found.path) == (ERROR, f"spec.gateway.{field}.sectionName")
    assert found.message.startswith("found nothing, expected the name of a listener")


@pytest.mark.parametrize(("mode", "tls"), [("termination", "SIMPLE"), ("passthrough", "PASSTHROUGH")])
def test_the_owner_of_a_gateway_gets_a_note(tmp_path: Path, mode: str, tls: str) -> None:
    files = listing(f"existing-gateway/{mode}", before="namespace: cd\n", exposure=SHARED)
    [note] = owners(tmp_path, files)
    assert (note.severity, note.rule, note.path) == (INFO, "K18", "spec.gateway.existing")
    assert f"edge/shared, expected hosts: [cd/old.acme.io] and tls mode {tls} in it" in note.message


def checked(folder: Path, more: str = "", generator: str = GENERATOR, extra: str = "") -> Path:
    files = {"kustomization.yaml": BESIDE.replace("resources", "generators") + more, "exposure.yaml": generator + extra}
    return write(folder, files)


def test_a_checked_patch_comes_too_late_too(tmp_path: Path, installed: Path) -> None:
    checked(tmp_path, PATCH)
    assert rules(tmp_path) == ["K01 kustomization.yaml:4"]
    assert stays_old(load(build_checked(tmp_path, installed)))


def test_a_patch_of_the_generator_changes_nothing(tmp_path: Path, installed: Path) -> None:
    checked(tmp_path, PATCH.replace("Exposure", "ExposureGenerator"))
    assert rules(tmp_path) == ["K01 kustomization.yaml:4"]
    assert stays_old(load(build_checked(tmp_path, installed)))


def test_a_folder_of_the_generator_can_patch_it(tmp_path: Path, installed: Path) -> None:
    own = "resources: [exposure.yaml]\n" + PATCH.replace("Exposure", "ExposureGenerator")
    files = {"kustomization.yaml": BESIDE.replace("resources: [exposure.yaml]", "generators: [own]")}
    write(tmp_path, files | {"own/kustomization.yaml": own, "own/exposure.yaml": GENERATOR})
    assert rules(tmp_path) == []
    assert changed(load(build_checked(tmp_path, installed)))


def test_a_generator_without_a_program_is_found(tmp_path: Path, installed: Path) -> None:
    checked(tmp_path, generator=EXPOSURE.replace("kind: Exposure", "kind: ExposureGenerator"))
    assert rules(tmp_path) == ["K12 exposure.yaml:3"]
    with pytest.raises(BuildError, match="unable to find plugin root"):
        build_checked(tmp_path, installed)


@pytest.mark.parametrize(
    ("option", "named"),
    [("existing-gateway/edge-login", "spec.gateway.(selector|namespace)"), ("mesh", "spec.gateway.namespace")],
)
def test_the_generator_knows_no_others_pods(tmp_path: Path, installed: Path, option: str, named: str) -> None:
    """With the Gateway of somebody else, a login for istioctl's pods could protect nothing."""
    own = GENERATOR.replace(
        "gateway: {selector: {istio: ingressgateway}}, tls: {secretName: argocd-certificate}", "GATEWAY"
    )
    listed = listing(f"existing-gateway/{LITE} {option}", more=LOGIN_SETTINGS)["kustomization.yaml"]
    files = {"kustomization.yaml": listed.replace("resources", "generators")}
    write(tmp_path, files | {"exposure.yaml": own.replace("GATEWAY", "gateway: {existing: edge/shared}")})
    assert rules(tmp_path) == ["K17 exposure.yaml:4"]
    with pytest.raises(BuildError, match=f"{named}.* is missing"):
        build_checked(tmp_path, installed)
    pods = "gateway: {existing: edge/shared, namespace: edge, serviceAccount: edge, selector: {istio: edge}}"
    write(tmp_path, {"exposure.yaml": own.replace("GATEWAY", pods)})
    assert rules(tmp_path) == []
    assert build_checked(tmp_path, installed)


def test_an_object_beside_the_generator_is_found(tmp_path: Path, installed: Path) -> None:
    checked(tmp_path, extra=f"---\n{OWN}")
    assert rules(tmp_path) == ["K12 exposure.yaml:6"]
    with pytest.raises(BuildError, match="unable to find plugin root"):
        build_checked(tmp_path, installed)
