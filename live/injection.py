"""What Istio's chart creates for istiod: its Service, the webhook that injects sidecars and gateways, the templates.

Templates and values are read from the chart in the pinned Go module.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import yaml

from live.addresses import GATEWAY_NAMESPACE, NODE_ADDRESS
from live.api import Object
from live.pki import Authority

CHART = "manifests/charts/istio-control/istio-discovery"
"""The chart's folder in Istio's module."""

NAMESPACE_LABEL, POD_LABEL, REVISION = "istio-injection", "sidecar.istio.io/inject", "istio.io/rev"


def write(folder: Path, chart: Path) -> None:
    """Write the webhook's configuration for istiod: the templates used here, and their values."""
    folder.mkdir(parents=True)
    templates = {
        "sidecar": (chart / "files/injection-template.yaml").read_text(),
        "gateway": (chart / "files/gateway-injection-template.yaml").read_text(),
        # Not for injection: istiod creates the Deployment, Service and ServiceAccount of a Gateway API Gateway from it.
        "kube-gateway": (chart / "files/kube-gateway.yaml").read_text(),
    }
    # A pod that names no template gets a sidecar.
    config = {"policy": "enabled", "defaultTemplates": ["sidecar"], "templates": templates}
    (folder / "config").write_text(json.dumps(config))
    (folder / "values").write_text(json.dumps(_values(chart)))


def _values(chart: Path) -> Object:
    """The chart's values that it passes to the templates, with one change."""
    [every] = yaml.load((chart / "values.yaml").read_bytes(), yaml.CSafeLoader).values()
    values: Object = {key: every[key] for key in ("global", "sidecarInjectorWebhook", "revision")}
    values["pilot"] = {key: every[key] for key in ("cni", "env")}
    values["gateways"] = {key: every["gateways"][key] for key in ("securityContext", "seccompProfile")}
    # nft is installed, because kube-proxy needs it; iptables is not.
    values["global"]["nativeNftables"] = True
    return values


def objects(authority: Authority) -> list[tuple[str, Object]]:
    """The Service of istiod, which is not a pod here, and its webhook, each with its API path."""
    namespace = f"namespaces/{GATEWAY_NAMESPACE}"
    meta = {"name": "istiod", "namespace": GATEWAY_NAMESPACE}
    ports = [("https-dns", 15012, 15012), ("https-webhook", 443, 15017)]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"ports": [{"name": name, "port": port, "targetPort": target} for name, port, target in ports]},
    }
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "addressType": "IPv4",
        "metadata": {**meta, "labels": {"kubernetes.io/service-name": "istiod"}},
        "ports": [{"name": name, "port": target, "protocol": "TCP"} for name, _, target in ports],
        "endpoints": [{"addresses": [NODE_ADDRESS], "conditions": {"ready": True}}],
    }
    webhook = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "istio-sidecar-injector"},
        "webhooks": _webhooks(base64.b64encode(authority.certificate.read_bytes()).decode()),
    }
    return [
        (f"/api/v1/{namespace}/services/istiod", service),
        (f"/apis/discovery.k8s.io/v1/{namespace}/endpointslices/istiod", endpoints),
        ("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector", webhook),
    ]


def _webhooks(ca: str) -> list[Object]:
    """One webhook for each way to request injection: on a namespace or a pod, by Istio's label or by a revision."""
    absent = {name: {"key": name, "operator": "DoesNotExist"} for name in (NAMESPACE_LABEL, POD_LABEL, REVISION)}
    revision = {"key": REVISION, "operator": "In", "values": ["default"]}
    enabled = {"key": NAMESPACE_LABEL, "operator": "In", "values": ["enabled"]}
    asked = {"key": POD_LABEL, "operator": "In", "values": ["true"]}
    not_refused = {"key": POD_LABEL, "operator": "NotIn", "values": ["false"]}
    neither = [absent[NAMESPACE_LABEL], absent[REVISION]]
    return [
        _webhook("rev.namespace", ca, [revision, absent[NAMESPACE_LABEL]], [not_refused]),
        _webhook("rev.object", ca, neither, [not_refused, revision]),
        _webhook("namespace", ca, [enabled], [not_refused]),
        _webhook("object", ca, neither, [asked, absent[REVISION]]),
    ]


def _webhook(name: str, ca: str, namespaces: list[Object], pods: list[Object]) -> Object:
    service = {"name": "istiod", "namespace": GATEWAY_NAMESPACE, "path": "/inject", "port": 443}
    return {
        "name": f"{name}.sidecar-injector.istio.io",
        "clientConfig": {"service": service, "caBundle": ca},
        "sideEffects": "None",
        "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
        "failurePolicy": "Fail",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchExpressions": namespaces},
        "objectSelector": {"matchExpressions": pods},
    }
