"""The ingress gateway: Envoy as a Deployment, with what Istio's own chart would give it."""

from __future__ import annotations

import base64
import json
from typing import Any

from live.api import Object
from live.names import (
    ENVOY_ADMIN_PORT,
    GATEWAY,
    GATEWAY_ADDRESS,
    GATEWAY_NAMESPACE,
    ISTIOD_PORT,
    NODE_ADDRESS,
)
from live.pki import Authority

DEFAULT_SELECTOR = {"istio": "ingressgateway"}
# Stays as it is whatever a Gateway selects: a Deployment's selector cannot change. No Gateway selects this key.
OWN_LABEL = {"live/gateway": GATEWAY}
SELECTED = "--selector=" + ",".join(f"{key}={value}" for key, value in OWN_LABEL.items())
IDENTITY = f"spiffe://cluster.local/ns/{GATEWAY_NAMESPACE}/sa/{GATEWAY}"


def _meta(name: str) -> Object:
    return {"name": name, "namespace": GATEWAY_NAMESPACE}


def bootstrap(labels: dict[str, str]) -> Object:
    """Envoy's start-up configuration: all else comes from istiod, which knows this Envoy by `labels`."""
    tls = {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": "istiod.istio-system.svc",
        "common_tls_context": {
            "alpn_protocols": ["h2"],
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": "/etc/istio/identity/tls.crt"},
                    "private_key": {"filename": "/etc/istio/identity/tls.key"},
                }
            ],
            "validation_context": {"trusted_ca": {"filename": "/etc/istio/identity/ca.crt"}},
        },
    }
    address = {"socket_address": {"address": NODE_ADDRESS, "port_value": ISTIOD_PORT}}
    istiod = {
        "name": "xds-grpc",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": tls},
        "load_assignment": {
            "cluster_name": "xds-grpc",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }
    ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"}
    return {
        "admin": {"address": {"socket_address": {"address": "0.0.0.0", "port_value": ENVOY_ADMIN_PORT}}},
        "node": {
            "metadata": {
                "LABELS": labels,
                "NAMESPACE": GATEWAY_NAMESPACE,
                "CLUSTER_ID": "Kubernetes",
                "ISTIO_VERSION": "1.30.0",
                "SERVICE_ACCOUNT": GATEWAY,
            }
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": True,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
        "static_resources": {"clusters": [istiod]},
    }


def deployment(selector: dict[str, str]) -> list[tuple[str, Object]]:
    """What depends on the labels that a Gateway selects: ConfigMap and Deployment, each with its API path."""
    labels = {**selector, **OWN_LABEL}
    namespace = f"namespaces/{GATEWAY_NAMESPACE}"
    config = json.dumps(bootstrap(labels))
    args = ["--config-path", "/etc/envoy/bootstrap.json", "--service-cluster", GATEWAY]
    args += [
        "--service-node",
        f"router~$(POD_IP)~$(POD_NAME).{GATEWAY_NAMESPACE}~{GATEWAY_NAMESPACE}.svc.cluster.local",
    ]
    args += ["--file-flush-interval-msec", "50", "--log-level", "warning", "--concurrency", "2"]
    container: dict[str, Any] = {
        "name": "istio-proxy",
        "image": "envoyproxy/envoy",
        "args": args,
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "ports": [{"containerPort": 80}, {"containerPort": 443}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": ENVOY_ADMIN_PORT}, "periodSeconds": 1},
        "securityContext": {"readOnlyRootFilesystem": True, "runAsNonRoot": True},
        "volumeMounts": [
            {"name": "bootstrap", "mountPath": "/etc/envoy"},
            {"name": "identity", "mountPath": "/etc/istio/identity"},
        ],
    }
    template = {
        # A changed bootstrap is a new pod.
        "metadata": {"labels": labels, "annotations": {"live/bootstrap": config}},
        "spec": {
            "serviceAccountName": GATEWAY,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [
                {"name": "bootstrap", "configMap": {"name": "envoy-bootstrap"}},
                {"name": "identity", "secret": {"secretName": "envoy-identity"}},
            ],
        },
    }
    return [
        (
            f"/api/v1/{namespace}/configmaps/envoy-bootstrap",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": _meta("envoy-bootstrap"),
                "data": {"bootstrap.json": config},
            },
        ),
        (
            f"/apis/apps/v1/{namespace}/deployments/{GATEWAY}",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": _meta(GATEWAY),
                "spec": {"replicas": 1, "selector": {"matchLabels": OWN_LABEL}, "template": template},
            },
        ),
    ]


def foundation(authority: Authority) -> list[tuple[str, Object]]:
    """What the gateway needs once: Namespace, ServiceAccount, leave to read Secrets, identity, Service."""
    namespace = f"namespaces/{GATEWAY_NAMESPACE}"
    rbac = f"/apis/rbac.authorization.k8s.io/v1/{namespace}"
    certificate, key = authority.issue(GATEWAY, [IDENTITY])
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
            f"/api/v1/{namespace}/secrets/envoy-identity",
            tls_secret("envoy-identity", GATEWAY_NAMESPACE, certificate, key, authority.certificate.read_bytes()),
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
    ca: bytes | None = None,
    labels: dict[str, str] | None = None,
) -> Object:
    """A Secret of type kubernetes.io/tls."""
    data = {"tls.crt": certificate, "tls.key": key} | ({"ca.crt": ca} if ca else {})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "data": {path: base64.b64encode(value).decode() for path, value in data.items()},
    }
