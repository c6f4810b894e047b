"""`check DIR` compared with kustomize: wrong folders build wrongly, right ones build without findings."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from argocd_istio.consumer import REF
from argocd_istio.exposure.wired import Wired
from argocd_istio.findings import ERROR, INFO
from argocd_istio.tree.check import check_folder
from argocd_istio.tree.order import CRDS, OBJECTS
from tests.plugin import ways_in
from tests.plugin.test_build import build as build_checked
from tests.plugin.ways_in import COMPONENTS, folder_of
from tests.render.consumer import MODES, one
from tests.render.render import ROOT, BuildError, Object, build, load
from tests.render.test_examples import EXAMPLES
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


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_folder_is_silent_and_builds(tmp_path: Path, name: str) -> None:
    files, reality = RIGHT[name]
    write(tmp_path, files)
    assert rules(tmp_path) == []
    assert reality(build(tmp_path))


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_every_example_is_silent(example: Path) -> None:
    # Until the first tag, the examples can name only a branch, which check notes. K18 is for the owner of a Gateway.
    accepted = {"K18"} | ({"K08"} if REF == "main" else set())
    assert {finding.rule for finding in check_folder(str(ROOT / example))} <= accepted


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
    assert rules(moved) == rules(several) == []


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


@pytest.mark.parametrize(("mode", "tls"), [("termination", "SIMPLE"), ("passthrough", "PASSTHROUGH")])
def test_the_owner_of_a_gateway_gets_a_note(tmp_path: Path, mode: str, tls: str) -> None:
    files = listing(f"existing-gateway/{mode}", before="namespace: cd\n", exposure=SHARED)
    [note] = check_folder(str(write(tmp_path, files)))
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


def test_an_object_beside_the_generator_is_found(tmp_path: Path, installed: Path) -> None:
    checked(tmp_path, extra=f"---\n{OWN}")
    assert rules(tmp_path) == ["K12 exposure.yaml:6"]
    with pytest.raises(BuildError, match="unable to find plugin root"):
        build_checked(tmp_path, installed)
