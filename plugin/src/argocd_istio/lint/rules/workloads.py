"""Argo CD's own pods: Pod Security, images, resources, roles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from argocd_istio.lint.rule import Fault, Rule, Unchecked, named_few
from argocd_istio.render.components import CRDS
from argocd_istio.render.model import Facts
from argocd_istio.render.parts import Component, Container

_CHANGE_ALL = ("application-controller", "server")
ADVISORIES = json.loads((Path(__file__).parents[1] / "advisories.json").read_text())
"""For each minor version the newest release that fixes advisories, with their number and severity. A person adds to
it: what a release fixes is in its notes, not in its module."""


def _restricted(facts: Facts) -> Iterator[Fault]:
    for each in facts.beside.components:
        enforced = each.enforced == "restricted"
        whole = [
            (f"container {container.name} of {each.place.object}", container.weak) for container in each.containers
        ]
        for whose, weak in [(str(each.place.object), each.weak), *whole]:
            if not weak:
                continue
            names = [name for name, _ in weak]
            end = "Pod Security refuses the pods" if enforced else "upstream's meet it"
            message = f"{whose} does not meet Pod Security's level restricted ({', '.join(names)}): {end}"
            fix = "; ".join(dict.fromkeys(_FIXES.get(name, f"remove {name}") for name in names))
            yield Fault(None, weak[0][1], message, fix, "error" if enforced else "warning")


_FIXES = {
    "allowPrivilegeEscalation": "set allowPrivilegeEscalation: false",
    "capabilities.drop": "set capabilities: {drop: [ALL]}",
    "runAsNonRoot": "set runAsNonRoot: true",
    "runAsUser": "set another runAsUser than 0",
    "seccompProfile": "set seccompProfile: {type: RuntimeDefault}",
}


def _all(facts: Facts) -> list[tuple[Component, Container]]:
    return [(each, container) for each in facts.beside.components for container in each.containers]


def _digests(facts: Facts) -> Iterator[Fault]:
    found = [(each, container) for each, container in _all(facts) if "@sha256:" not in container.image]
    if found:
        message = f"{len(found)} of {len(_all(facts))} images have no digest: a tag can be moved"
        yield Fault(None, found[0][1].place.at("image"), message, "set digests with images: in the kustomization")


def _is_argocd(container: Container) -> bool:
    """Whether the image is Argo CD's own, or a copy with its name."""
    return container.image.partition("@")[0].rpartition("/")[2].partition(":")[0] == "argocd"


def _tag(container: Container) -> str:
    """The tag of Argo CD's own image; empty for another one, or without a tag."""
    return container.image.partition("@")[0].rpartition("/")[2].partition(":")[2] if _is_argocd(container) else ""


def _tags(facts: Facts) -> Iterator[Fault]:
    found: dict[str, dict[str, Container]] = {}
    for each, container in _all(facts):
        if _tag(container):
            found.setdefault(each.namespace, {}).setdefault(_tag(container), container)
    for namespace, tags in found.items():
        if len(tags) > 1:
            message = (
                f"Argo CD in namespace {namespace} runs versions {' and '.join(sorted(tags)[:3])} together: its parts "
            )
            message += "expect one version"
            yield Fault(
                None, tags[min(tags)].place.at("image"), message, "set one tag with images: in the kustomization"
            )


_VERSION = re.compile(r"v?(\d{1,4}\.\d{1,4})\.(\d{1,4})(-rc\d+)?")


def _holes(facts: Facts) -> Iterator[Fault | Unchecked]:
    date, seen = ADVISORIES["date"], set()
    for each, container in _all(facts):
        found = _VERSION.match(_tag(container))
        version = found[0].removeprefix("v") if found else ""
        if not _is_argocd(container) or (each.namespace, version) in seen:
            continue
        seen.add((each.namespace, version))
        if found is None:
            yield Unchecked("", f"which release of Argo CD the image {container.image} is: its tag names none")
            continue
        newest = ADVISORIES["fixed"].get(found[1])
        if newest is None:
            why = f"whether Argo CD {version} has known holes: no entry for {found[1]} in the table of {date}"
            yield Unchecked("", why)
            continue
        patch, last = int(found[2]), int(newest["version"].rpartition(".")[2])
        if patch < last or (patch == last and found[3]):
            message = f"Argo CD {version} has known holes: {newest['version']} fixes {newest['number']} advisories of "
            message += f"severity {newest['severity']} (as of {date})"
            fix = f"set the tag {newest['version']}, or a newer one, with images: in the kustomization"
            yield Fault(None, container.place.at("image"), message, fix)


def _definitions(facts: Facts) -> Iterator[Fault]:
    names = {place.object.name for place in facts.beside.crds}
    missing = [name for name in CRDS if name not in names]
    if names and missing:
        message = f"these files define {len(names)} of Argo CD's {len(CRDS)} kinds, without {' and '.join(missing)}"
        yield Fault(None, facts.beside.crds[0], message, "take all from the same version")


def _resources(facts: Facts) -> Iterator[Fault]:
    without = [(each, container) for each, container in _all(facts) if not container.requests]
    if without:
        named = named_few(list(dict.fromkeys(each.title.partition("/")[2] for each, _ in without)))
        message = f"{len(without)} of {len(_all(facts))} containers request no memory or CPU: {named}"
        yield Fault(None, without[0][1].place, message, "set resources: in a patch")


def _single(facts: Facts) -> Iterator[Fault]:
    for each in facts.beside.components:
        if each.server and each.kind in ("Deployment", "Rollout") and each.replicas in (-1, 1) and not each.budget:
            message = "argocd-server has one replica: a drained node interrupts the UI"
            yield Fault(None, each.place.at("spec").at("replicas"), message, "add components/high-availability")


def _tokens(facts: Facts) -> Iterator[Fault]:
    known = {each.namespace for each in facts.beside.components if each.needs_token}
    for each in facts.beside.components:
        if each.mounts_token and not each.needs_token and each.namespace in known:
            message = f"{each.place.object} mounts a token, although no role is bound to its account"
            yield Fault(None, each.place, message, "set automountServiceAccountToken: false")


def _roles(facts: Facts) -> Iterator[Fault]:
    for wide in facts.beside.wide:
        if wide.part.endswith("repo-server") or not wide.part.endswith(_CHANGE_ALL):
            message = f"{wide.part} may change every object of the cluster, by {wide.name}"
            yield Fault(None, wide.place, message, "bind only the rules that it needs")


def _arguments(facts: Facts) -> Iterator[Fault]:
    for each, container in _all(facts):
        # An init container of that image may be for something else.
        runs = container.name == "argocd-server" or (
            _is_argocd(container) and "initContainers" not in container.place.keys
        )
        if each.server and runs and container.begins.startswith("-"):
            message = (
                f"args begin with {container.begins}, not with the program: a patch replaced them, and no pod starts"
            )
            fix = "begin with /usr/local/bin/argocd-server, or set argocd-cmd-params-cm instead"
            yield Fault(None, container.place.at("args"), message, fix)


_SERVER = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-server}
            spec:
              template:
                spec:
                  containers:
                  - name: argocd-server
                    image: """
_GOOD = """
                    args: [/usr/local/bin/argocd-server, --insecure]
                    ports: [{containerPort: 8080}]
                    securityContext:
                      allowPrivilegeEscalation: false
                      capabilities: {drop: [ALL]}
                      seccompProfile: {type: RuntimeDefault}
                      runAsNonRoot: """
_TAG = "quay.io/argoproj/argocd:v9.9.9"
_IMAGE = f"\n                  containers: [{{name: repo-server, image: {_TAG}}}]"
_DIGEST = "@sha256:0000000000000000000000000000000000000000000000000000000000000000"
_CRD = """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: {name: applications.argoproj.io, namespace: null}"""
_OTHER = (
    _CRD.replace("applications", "appprojects") + "\n            ---" + _CRD.replace("applications", "applicationsets")
)
_BINDING = """
            apiVersion: rbac.authorization.k8s.io/v1
            kind: ClusterRoleBinding
            metadata: {name: argocd-repo-server, namespace: null}
            roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: """
_SUBJECT = """}
            subjects: [{kind: ServiceAccount, name: argocd-repo-server, namespace: argocd}]"""
_REPO = """
            ---
            apiVersion: apps/v1
            kind: Deployment
            metadata:
              name: argocd-repo-server
              labels: {app.kubernetes.io/part-of: argocd}
            spec:
              template:
                spec:
                  serviceAccountName: argocd-repo-server
                  automountServiceAccountToken: """
_CLI = "docs/operator-manual of Argo CD"
_FIXED = ADVISORIES["fixed"][min(ADVISORIES["fixed"])]["version"]
_ARGOCD = "quay.io/argoproj/argocd:"

RULES = (
    Rule(
        "I01",
        "not-restricted",
        "warning",
        _restricted,
        effect="In a namespace with level restricted no such pod starts; elsewhere a break-out is easier.",
        decided="Fields of Argo CD's pods that Pod Security's level restricted refuses. An error if the Namespace in "
        "the files enforces it.",
        wrong=f"{_SERVER}{_TAG}{_GOOD}false",
        right=f"{_SERVER}{_TAG}{_GOOD}true",
        source="Pod Security Standards of Kubernetes",
        advice=True,
    ),
    Rule(
        "I02",
        "images-without-digest",
        "info",
        _digests,
        effect="Whoever moves a tag changes what runs.",
        decided="Images of Argo CD's containers without @sha256:, as one note: upstream has none.",
        wrong=f"{_SERVER}{_TAG}{_GOOD}true",
        right=f"{_SERVER}'{_TAG}{_DIGEST}'{_GOOD}true",
        source="docker.io/distribution reference grammar",
        advice=True,
    ),
    Rule(
        "I03",
        "versions-together",
        "error",
        _tags,
        effect="Parts of different versions do not understand each other: logins or syncs fail.",
        decided="Images named argocd have different tags in one namespace.",
        wrong=f"{_SERVER}quay.io/argoproj/argocd:v9.9.1{_GOOD}true{_REPO}false{_IMAGE}",
        right=f"{_SERVER}{_TAG}{_GOOD}true{_REPO}false{_IMAGE}",
        source="docs/operator-manual/upgrading of Argo CD",
    ),
    Rule(
        "I04",
        "kind-missing",
        "warning",
        _definitions,
        effect="Controllers of kinds that do not exist log errors and do nothing.",
        decided="The files define some, but not all, of applications, applicationsets and appprojects.",
        source=_CLI,
        wrong=_CRD,
        right=f"{_CRD}\n            ---{_OTHER}",
        advice=True,
    ),
    Rule(
        "I05",
        "no-requests",
        "info",
        _resources,
        effect="A full node ends these pods first.",
        decided="Containers of Argo CD without resources, as one note: upstream's have none.",
        wrong=f"{_SERVER}{_TAG}{_GOOD}true",
        right=f"{_SERVER}{_TAG}{_GOOD}true\n                    resources: {{requests: {{cpu: 100m}}}}",
        source="https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/",
        advice=True,
    ),
    Rule(
        "I06",
        "one-replica",
        "info",
        _single,
        effect="A drained node interrupts the UI and the CLI.",
        decided="argocd-server has at most one replica, and no PodDisruptionBudget selects it.",
        wrong="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-server}
            spec: {replicas: 1}
            """,
        right="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-server}
            spec: {replicas: 2}
            """,
        source=_CLI,
        advice=True,
    ),
    Rule(
        "I07",
        "needless-token",
        "info",
        _tokens,
        effect="A break-out finds a token of the API.",
        decided="A pod of Argo CD mounts the token of an account to which no role is bound; only where the files bind "
        "roles to others.",
        wrong=_REPO.replace("---", "") + "true",
        right=_REPO.replace("---", "") + "false",
        source="https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/",
        advice=True,
    ),
    Rule(
        "I08",
        "changes-the-whole-cluster",
        "warning",
        _roles,
        effect="Who takes over such a pod takes over the cluster.",
        decided="A ClusterRole that changes every resource is bound to an account of Argo CD other than those of the "
        "controller and argocd-server, which upstream installs so.",
        wrong=f"{_BINDING}cluster-admin{_SUBJECT}{_REPO}true",
        right=f"{_BINDING}view{_SUBJECT}{_REPO}true",
        source=_CLI,
        advice=True,
    ),
    Rule(
        "I10",
        "args-without-program",
        "error",
        _arguments,
        effect="No argocd-server starts.",
        decided="argocd-server's container has no command, and its args begin with a flag.",
        wrong=f"{_SERVER}{_TAG}{_GOOD.replace('/usr/local/bin/argocd-server, ', '')}true",
        right=f"{_SERVER}{_TAG}{_GOOD}true",
        source="manifests/base/server of Argo CD; its image starts tini",
    ),
    Rule(
        "K11",
        "known-holes",
        "warning",
        _holes,
        effect="Anybody who reads the advisories knows how to attack this release.",
        decided="The tag of an image named argocd is lower than the newest release of its minor version that fixes "
        f"advisories, by a table of {ADVISORIES['date']}. Not checked without such a tag, or for other minor "
        "versions.",
        source=ADVISORIES["source"],
        wrong=f"{_SERVER}{_ARGOCD}{_FIXED.rpartition('.')[0]}.0{_GOOD}true",
        right=f"{_SERVER}{_ARGOCD}{_FIXED}{_GOOD}true",
        advice=True,
    ),
)
