"""The values that the Kubernetes API server fills in if a manifest omits them.

Only for the kinds and fields that the install uses. Source: `SetDefaults_*` in
`pkg/apis/{core,apps,networking,rbac}/v1/defaults.go` of Kubernetes, with its feature gates as they are by
default, and `pkg/apis/apiextensions/v1/defaults.go` of its apiextensions-apiserver. A live test compares this table
with what the API server of `versions.yaml` returns, except for the CRDs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

_CONTAINERS = ("containers[]", "initContainers[]")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_TCP = {"protocol": "TCP"}
_READABLE = {"defaultMode": 0o644}

# Rows of (path, keys to add to each mapping found there). A part that ends in [] is a list;
# "" is the start itself.
Rows = tuple[tuple[str, dict[str, Any]], ...]

_POD: Rows = (
    (
        "",
        {
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    ),
    ("volumes[].configMap", _READABLE),
    ("volumes[].secret", _READABLE),
    ("volumes[].projected", _READABLE),
    *(
        row
        for container in _CONTAINERS
        for row in (
            (
                container,
                {
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                },
            ),
            (f"{container}.ports[]", _TCP),
            (f"{container}.env[].valueFrom.fieldRef", {"apiVersion": "v1"}),
        )
    ),
    *(
        row
        for container in _CONTAINERS
        for probe in _PROBES
        for row in (
            (
                f"{container}.{probe}",
                {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1},
            ),
            (f"{container}.{probe}.httpGet", {"path": "/", "scheme": "HTTP"}),
        )
    ),
)

_ROLE_REF: Rows = (("roleRef", {"apiGroup": "rbac.authorization.k8s.io"}),)

DEFAULTS: dict[str, Rows] = {
    "ClusterRole": (),
    "ClusterRoleBinding": _ROLE_REF,
    "ConfigMap": (),
    "CustomResourceDefinition": (("spec", {"conversion": {"strategy": "None"}}),),
    "Deployment": (
        (
            "spec",
            {"progressDeadlineSeconds": 600, "replicas": 1, "revisionHistoryLimit": 10, "strategy": {}},
        ),
        ("spec.strategy", {"type": "RollingUpdate"}),
    ),
    "Namespace": (("spec", {"finalizers": ["kubernetes"]}),),
    "NetworkPolicy": (
        ("spec", {"policyTypes": ["Ingress"]}),
        ("spec.ingress[].ports[]", _TCP),
        ("spec.egress[].ports[]", _TCP),
    ),
    "Role": (),
    "RoleBinding": _ROLE_REF,
    "Secret": (("", {"type": "Opaque"}),),
    "Service": (
        ("spec", {"internalTrafficPolicy": "Cluster", "sessionAffinity": "None", "type": "ClusterIP"}),
        ("spec.ports[]", _TCP),
    ),
    "ServiceAccount": (),
    "StatefulSet": (
        (
            "spec",
            {
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                "podManagementPolicy": "OrderedReady",
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "partition": 0}},
            },
        ),
    ),
}


def copy(value: Any) -> Any:
    """A deep copy of plain data; copy.deepcopy is ten times slower, and the tests make thousands."""
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    return [copy(item) for item in value] if isinstance(value, list) else value


def _found(start: Any, path: str) -> Iterator[dict[str, Any]]:
    """The mappings at `path` below `start`; nothing if a part is missing."""
    part, _, rest = path.partition(".")
    if not part:
        if isinstance(start, dict):
            yield start
    elif isinstance(start, dict):
        below = start.get(part.removesuffix("[]"))
        for item in below if part.endswith("[]") and isinstance(below, list) else [below]:
            yield from _found(item, rest)


def _fill(start: Any, rows: Rows) -> None:
    for path, values in rows:
        for mapping in _found(start, path):
            for key, value in values.items():
                mapping.setdefault(key, copy(value))


def _pull_policy(image: str) -> str:
    """`Always` for the tag latest, which an image without tag and digest has, else `IfNotPresent`."""
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return "Always" if tag == "latest" or not (tag or digest) else "IfNotPresent"


def _fill_pod(spec: dict[str, Any]) -> None:
    _fill(spec, _POD)
    if "serviceAccountName" in spec:  # the old name of the field, kept in step by the API server
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for path in _CONTAINERS:
        for container in _found(spec, path):
            container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image", ""))))


def defaulted(source: Object) -> Object:
    """A copy of a manifest with the API server's defaults.

    Only absent fields are filled in: an explicit empty value stays, although the API server would
    replace it. That makes a comparison stricter, never looser. Values that a cluster allocates
    (cluster IP, IP families) are not defaults. Raises ValueError for a kind that is not in the table.
    """
    kind = source.get("kind")
    if kind not in DEFAULTS:
        raise ValueError(f"no API defaults known for kind {kind!r}; add it to DEFAULTS in {__name__}")
    result: Object = copy(source)
    if kind == "Namespace":
        result.setdefault("spec", {})
        result["metadata"].setdefault("labels", {}).setdefault(
            "kubernetes.io/metadata.name", result["metadata"]["name"]
        )
    _fill(result, DEFAULTS[kind])
    for strategy in _found(result, "spec.strategy"):
        if strategy["type"] == "RollingUpdate":
            strategy.setdefault("rollingUpdate", {})
            _fill(strategy, (("rollingUpdate", {"maxSurge": "25%", "maxUnavailable": "25%"}),))
    if kind == "Service":
        for port in _found(result, "spec.ports[]"):
            if "port" in port:
                port.setdefault("targetPort", port["port"])
    for pod in _found(result, "spec.template.spec"):
        _fill_pod(pod)
    return result
