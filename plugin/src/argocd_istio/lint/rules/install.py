"""The objects of Argo CD's install."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from argocd_istio.lint.rule import Fault, Mend, Rule
from argocd_istio.render.components import PARAMETERS
from argocd_istio.render.install import PART_OF
from argocd_istio.render.model import Facts
from argocd_istio.render.shapes import TEXT
from argocd_istio.syntax.nodes import text


def _part_of(facts: Facts) -> Iterator[Fault]:
    """`util/settings/settings.go` of Argo CD looks by this label only."""
    for config in facts.install.configs:
        if config.part_of != "argocd" and config.namespace in facts.install.namespaces:
            found = f"is {config.part_of}" if config.part_of else "is missing"
            message = f"label app.kubernetes.io/part-of of {config.place.object} {found}: Argo CD does not find it"
            place = config.place.at("metadata").at("labels").at(PART_OF)
            yield Fault(None, place, message, "set it to argocd, and leave this key out of common labels")


def _refused(facts: Facts, config: bool) -> Iterator[Fault]:
    for misfit in facts.install.misfits:
        if config is (misfit.place.object.kind == "ConfigMap"):
            message = f"{misfit.field} of {misfit.place.object} is {misfit.found}: the API server refuses the object"
            quoted = misfit.wanted == TEXT and misfit.found not in ("a list", "a mapping", "missing")
            if not quoted:
                yield Fault(None, misfit.place, message, f"write {misfit.wanted}")
                continue
            mend = Mend.at(misfit.place, value=text(misfit.place.node))
            yield Fault(None, misfit.place, message, "put it in quotes", mends=(mend,))


def _roles(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if twice.accounts:
            whose = " and ".join(twice.accounts[:2]) + (" and others" if len(twice.accounts) > 2 else "")
            message = f"{twice.name} exists {twice.times} times, for {whose}: the last install takes its role"
            yield Fault(None, twice.place, message, "list components/instance after the mode in one of the installs")


def _twice(facts: Facts) -> Iterator[Fault]:
    for twice in facts.install.twice:
        if not twice.accounts:
            message = f"{twice.name} exists {twice.times} times with different contents: the last one counts"
            yield Fault(None, twice.place, message, "keep one")


def _redis(facts: Facts) -> Iterator[Fault]:
    for redis in facts.install.redis:
        if redis.replicas > 1 and redis.ours and not redis.together:
            whose = f"{redis.place.object} has {redis.replicas} replicas"
            message = f"{whose} that share no data: logins and caches come and go"
            yield Fault(None, redis.place, message, "set replicas: 1, or add components/high-availability")


KEYS = Path(__file__).parents[1] / "parameters.json"
"""The keys of argocd-cmd-params-cm that a release of Argo CD reads; `tools.reference` writes it from upstream's
manifests."""
_NEAREST = 10
"""So many wrong keys get a proposal: a search through all keys takes some milliseconds."""


@cache
def _known() -> tuple[str, frozenset[str]]:
    """The release, and its keys."""
    found = json.loads(KEYS.read_text())
    return found["release"], frozenset(found["keys"])


def _unread(facts: Facts) -> Iterator[Fault]:
    release, known = _known()
    for settings in facts.beside.named(PARAMETERS):
        here = (each.reads for each in facts.beside.components if each.namespace == settings.namespace)
        read = known.union(*here)
        for number, key in enumerate(key for key in settings.values if key not in read):
            from difflib import get_close_matches

            near = get_close_matches(key[:100], sorted(read), 1) if number < _NEAREST else []
            message = f"no component reads {key}, neither in these files nor in Argo CD {release}: it changes nothing"
            yield Fault(None, settings.at(key), message, f"write {near[0]}" if near else "remove it")


RULES = (
    Rule(
        "A12",
        "config-value-without-quotes",
        "error",
        lambda facts: _refused(facts, True),
        effect="The API server refuses the ConfigMap.",
        decided="A value under data is not a text: true, 1 and the like need quotes.",
        source="ConfigMap in the API of Kubernetes",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: true}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.insecure: "true"}
        """,
    ),
    Rule(
        "D22",
        "object-twice",
        "warning",
        _twice,
        effect="Which of them is applied depends on the order.",
        decided="An object occurs several times in these files with different contents.",
        source="kubectl apply",
        wrong="""
            apiVersion: v1
            kind: List
            metadata: {name: own}
            items:
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {color: red}}
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {color: blue}}
        """,
        right="""
            apiVersion: v1
            kind: List
            metadata: {name: own}
            items:
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: own}, data: {color: red}}
            - {apiVersion: v1, kind: ConfigMap, metadata: {name: other}, data: {color: blue}}
        """,
    ),
    Rule(
        "I11",
        "refused-by-the-api",
        "error",
        lambda facts: _refused(facts, False),
        effect="The API server refuses the object.",
        decided="A field that these rules read has another type than in the API; a port of an Istio Gateway has no "
        "name, number or known protocol; one of several ports of a Service has no name; a GRPCRoute asks for a service "
        "that is no name, such as *.",
        source="The types in the API of Istio, Kubernetes and the Gateway API",
        wrong="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8080, protocol: 6}
              - {name: https, port: 443, targetPort: 8080}
        """,
        right="""
            kind: Service
            metadata: {name: argocd-server}
            spec:
              ports:
              - {name: http, port: 80, targetPort: 8080}
              - {name: https, port: 443, targetPort: 8080}
        """,
    ),
    Rule(
        "I12",
        "label-part-of",
        "error",
        _part_of,
        effect="Argo CD does not see its settings, repositories' certificates or its Secret.",
        decided="argocd-cm and the like have no label app.kubernetes.io/part-of: argocd.",
        source="util/settings/settings.go of Argo CD",
        wrong="""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: platform}}
        """,
        right="""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}
        """,
    ),
    Rule(
        "I13",
        "unread-setting",
        "warning",
        _unread,
        effect="The setting does nothing: the default counts.",
        decided="No workload of Argo CD in the files names that key of argocd-cmd-params-cm, and no workload of "
        "upstream's install of the release that these rules know.",
        source="configMapKeyRef in manifests/install-with-hydrator.yaml of Argo CD",
        wrong="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.basehref: /, server.root.path: ""}
        """,
        right="""
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.basehref: /, server.rootpath: ""}
        """,
        advice=True,
    ),
    Rule(
        "I14",
        "several-redis",
        "error",
        _redis,
        effect="Logins and caches come and go: each request reaches another Redis.",
        decided="A workload of Argo CD runs Redis with several replicas and none of the settings of a replicated one.",
        source="Run in a cluster",
        wrong="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-redis}
            spec:
              replicas: 2
              template:
                metadata: {labels: {app: redis}}
                spec: {containers: [{name: redis}]}
        """,
        right="""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-redis}
            spec:
              replicas: 1
              template:
                metadata: {labels: {app: redis}}
                spec: {containers: [{name: redis}]}
        """,
    ),
    Rule(
        "K05",
        "cluster-role-taken",
        "error",
        _roles,
        effect="The installs take each other's rights: the last applied one wins.",
        decided="A ClusterRoleBinding occurs several times with different subjects; or a kustomization has two "
        "installs in different namespaces. A note for an install in another namespace than argocd without "
        "components/instance, and for components/instance on a path with the CRDs: another Argo CD in the cluster is "
        "not in these files.",
        source="Run in a cluster",
        wrong="""
            apiVersion: v1
            kind: List
            metadata: {name: own}
            items:
            - apiVersion: rbac.authorization.k8s.io/v1
              kind: ClusterRoleBinding
              metadata: {name: argocd-server}
              roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argocd-server}
              subjects: [{kind: ServiceAccount, name: argocd-server, namespace: argocd}]
            - apiVersion: rbac.authorization.k8s.io/v1
              kind: ClusterRoleBinding
              metadata: {name: argocd-server}
              roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argocd-server}
              subjects: [{kind: ServiceAccount, name: argocd-server, namespace: second}]
        """,
        right="""
            apiVersion: v1
            kind: List
            metadata: {name: own}
            items:
            - apiVersion: rbac.authorization.k8s.io/v1
              kind: ClusterRoleBinding
              metadata: {name: argocd-server}
              roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argocd-server}
              subjects: [{kind: ServiceAccount, name: argocd-server, namespace: argocd}]
            - apiVersion: rbac.authorization.k8s.io/v1
              kind: ClusterRoleBinding
              metadata: {name: argocd-server-second}
              roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: argocd-server-second}
              subjects: [{kind: ServiceAccount, name: argocd-server, namespace: second}]
        """,
    ),
)
