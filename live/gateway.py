"""The objects of the ingress gateway, as in Istio's gateway chart."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from live.addresses import GATEWAY, GATEWAY_ADDRESS, GATEWAY_NAMESPACE
from live.api import Object
from live.injection import POD_LABEL

DEFAULT_SELECTOR = {"istio": "ingressgateway"}
# The Deployment's selector, which cannot change. No Gateway selects this label.
OWN_LABEL = {"live/gateway": GATEWAY}


@dataclass(frozen=True)
class Entrance:
    """The gateway that clients reach: its Deployment, the label of its pods, and its address."""

    namespace: str = GATEWAY_NAMESPACE
    workload: str = GATEWAY
    label: str = f"live/gateway={GATEWAY}"
    address: str = GATEWAY_ADDRESS

    @classmethod
    def of(cls, found: Object) -> Entrance:
        """The one that istiod created for a Gateway of the Gateway API, from the Gateway's status.

        Raises LookupError while the Gateway has no address or is not programmed.
        """
        meta, status = found["metadata"], found.get("status", {})
        label = f"gateway.networking.k8s.io/gateway-name={meta['name']}"
        states = {one["type"]: one for one in status.get("conditions", [])}
        programmed = states.get("Programmed", {"status": "Unknown", "message": "istiod has not answered"})
        if programmed["status"] != "True" or not status.get("addresses"):
            raise LookupError(programmed["message"])
        return cls(meta["namespace"], f"{meta['name']}-istio", label, status["addresses"][0]["value"])


def _meta(name: str) -> Object:
    return {"name": name, "namespace": GATEWAY_NAMESPACE}


def deployment(selector: dict[str, str]) -> tuple[str, Object]:
    """The API path and the manifest of a Deployment whose pods have the labels that a Gateway selects.

    As in Istio's gateway chart, istiod's webhook fills in the container.
    """
    labels = {**selector, **OWN_LABEL, POD_LABEL: "true"}
    container = {
        "name": "istio-proxy",
        "image": "auto",
        "ports": [{"containerPort": 80}, {"containerPort": 443}],
        "resources": {"limits": {"cpu": "2", "memory": "1Gi"}},
        "securityContext": {"readOnlyRootFilesystem": True, "runAsNonRoot": True},
    }
    template = {
        "metadata": {"labels": labels, "annotations": {"inject.istio.io/templates": "gateway"}},
        "spec": {"serviceAccountName": GATEWAY, "terminationGracePeriodSeconds": 1, "containers": [container]},
    }
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(GATEWAY),
        "spec": {"replicas": 1, "selector": {"matchLabels": OWN_LABEL}, "template": template},
    }
    return f"/apis/apps/v1/namespaces/{GATEWAY_NAMESPACE}/deployments/{GATEWAY}", manifest


def foundation() -> list[tuple[str, Object]]:
    """The gateway's other objects, each with its API path: Namespace, ServiceAccount, RBAC for Secrets, Service."""
    namespace = f"namespaces/{GATEWAY_NAMESPACE}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/{namespace}"
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": GATEWAY}
    subject = {"kind": "ServiceAccount", "name": GATEWAY, "namespace": GATEWAY_NAMESPACE}
    ports = [
        {"name": "http2", "port": 80, "targetPort": 80, "protocol": "TCP"},
        {"name": "https", "port": 443, "targetPort": 443, "protocol": "TCP"},
    ]
    return [
        (
            f"/api/v1/{namespace}",
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": GATEWAY_NAMESPACE}},
        ),
        (
            f"/api/v1/{namespace}/serviceaccounts/{GATEWAY}",
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta(GATEWAY)},
        ),
        (
            f"{rbac}/roles/{GATEWAY}",
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "Role",
                "metadata": _meta(GATEWAY),
                "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}],
            },
        ),
        (
            f"{rbac}/rolebindings/{GATEWAY}",
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": _meta(GATEWAY),
                "roleRef": role_ref,
                "subjects": [subject],
            },
        ),
        (
            f"/api/v1/{namespace}/services/{GATEWAY}",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": _meta(GATEWAY),
                "spec": {"type": "LoadBalancer", "clusterIP": GATEWAY_ADDRESS, "selector": OWN_LABEL, "ports": ports},
            },
        ),
    ]


def tls_secret(
    name: str,
    namespace: str,
    certificate: bytes,
    key: bytes,
    labels: dict[str, str] | None = None,
) -> Object:
    """A Secret of type kubernetes.io/tls."""
    data = {"tls.crt": certificate, "tls.key": key}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "data": {path: base64.b64encode(value).decode() for path, value in data.items()},
    }
