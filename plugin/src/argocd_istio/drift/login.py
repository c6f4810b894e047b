"""What this library adds for the login in front of Argo CD: the objects of `components/edge-login`."""

from __future__ import annotations

import re
from typing import Any

from argocd_istio.drift.compare import ABSENT, Matching, Object, Own
from argocd_istio.drift.own import Objects, expected
from argocd_istio.exposure.hosts import host_problem
from argocd_istio.exposure.wired import POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argocd_istio.drift.install import Install

_NAME = POLICY
_LABELS = {"app.kubernetes.io/name": _NAME}
_POLICY = "AuthorizationPolicy.security.istio.io/"
_ARGUMENTS = """\
http-address=0.0.0.0:4180 upstream=static://200 provider=oidc code-challenge-method=S256 skip-provider-button=true
api-route=^/api/(v1/|version|badge) cookie-name=__Host-argocd-edge-login cookie-secure=true cookie-httponly=true
cookie-samesite=lax session-cookie-minimal=true ping-path=/ping ping-user-agent=argocd-edge-login ready-path=
silence-ping-logging=true"""
# Paths that pass without a session.
_PAGES = """\
/api/* /account.AccountService/* /application.ApplicationService/* /applicationset.ApplicationSetService/*
/certificate.CertificateService/* /cluster.ClusterService/* /cluster.SettingsService/* /gpgkey.GPGKeyService/*
/grpc.health.v1.Health/* /notification.NotificationService/* /project.ProjectService/* /repocreds.RepoCredsService/*
/repository.RepositoryService/* /session.SessionService/* /version.VersionService/* /auth/logout /healthz"""
_API = "/api/webhook /api/dex/.well-known/openid-configuration /api/dex/keys /api/dex/token"


def _are_hosts(value: Any, port: str) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, str) and one.endswith(port) for one in value)
        and all(host_problem(one.removesuffix(port)) is None for one in value)
    )


_HOSTS = Matching("the hosts", lambda value: _are_hosts(value, ""))
_WITH_PORT = Matching("the hosts with any port", lambda value: _are_hosts(value, ":*"))
_REDIRECTED = Matching("the ports that only redirect", lambda value: value == ["80", "8080"])
_TEXT = Matching("a name", lambda value: isinstance(value, str) and bool(value))
_IMAGE = Matching(
    "oauth2-proxy with a tag",
    lambda value: isinstance(value, str) and value.startswith("quay.io/oauth2-proxy/oauth2-proxy:"),
)
_SETTINGS = Matching(
    f"the generated ConfigMap {_NAME}", lambda value: isinstance(value, str) and value.startswith(_NAME)
)
_MAPPING = Matching("a mapping", lambda value: isinstance(value, dict) and bool(value))


def login(ours: Objects, render: Install) -> tuple[Own, ...]:
    """The objects of the login, if a render has its Deployment or its policy."""
    # components/instance puts the name of the instance at the end.
    name = re.compile(rf"{re.escape(_POLICY)}(?:.*/)?({_NAME}(?:-.+)?)")
    policy, title = next(((one, match[1]) for one in ours if (match := name.fullmatch(one))), ("", _NAME))
    if not policy and f"Deployment/{_NAME}" not in ours:
        return ()
    account = expected(render, "v1", "ServiceAccount", _NAME, {}, automountServiceAccountToken=False)
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}
    service = expected(render, "v1", "Service", _NAME, _LABELS, spec={"selector": _LABELS, "ports": [port]})
    deployment = expected(render, "apps/v1", "Deployment", _NAME, _LABELS, spec=_deployment())
    found = ours.get(policy, {}).get("spec")
    rules = expected(render, "security.istio.io/v1", "AuthorizationPolicy", title, {}, spec=_policy(title, found))
    rules["metadata"]["namespace"] = Matching("the namespace of the gateway", lambda value: isinstance(value, str))
    # The name ends in a hash of the content.
    settings = next((one for one in ours if re.fullmatch(rf"ConfigMap/{_NAME}(-[a-z0-9]{{10}})?", one)), "")
    chosen = expected(render, "v1", "ConfigMap", settings.removeprefix("ConfigMap/"), {}, data=_MAPPING)
    reason = "a login in front of Argo CD"
    return (
        Own((f"ServiceAccount/{_NAME}",), "", ABSENT, account, reason),
        Own((f"Service/{_NAME}",), "", ABSENT, service, reason),
        Own((f"Deployment/{_NAME}",), "", ABSENT, deployment, reason),
        Own((settings,), "", ABSENT, chosen, "the settings of the login", required=False),
        Own((policy or f"{_POLICY}{_NAME}",), "", ABSENT, rules, "what must have a session of the login"),
    )


def _deployment() -> Object:
    secret = [
        {
            "name": f"OAUTH2_PROXY_{key.upper().replace('-', '_')}",
            "valueFrom": {"secretKeyRef": {"name": _NAME, "key": key}},
        }
        for key in ("client-secret", "cookie-secret")
    ]
    ping = {"path": "/ping", "port": "http", "httpHeaders": [{"name": "User-Agent", "value": _NAME}]}
    place = "/etc/argocd-edge-login/ca"
    container = {
        "name": "oauth2-proxy",
        "image": _IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--{one}" for one in _ARGUMENTS.split()],
        "envFrom": [{"configMapRef": {"name": _SETTINGS}}],
        "env": [*secret, {"name": "SSL_CERT_DIR", "value": place}],
        "ports": [{"name": "http", "containerPort": 4180, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": ping},
        "livenessProbe": {"httpGet": ping},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "ca", "mountPath": place, "readOnly": True}],
    }
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": _LABELS}}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    pod = {
        "serviceAccountName": _NAME,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}},
        "containers": [container],
        "volumes": [{"name": "ca", "configMap": {"name": f"{_NAME}-ca", "optional": True}}],
    }
    template = {"metadata": {"labels": _LABELS}, "spec": pod}
    return {"replicas": 2, "selector": {"matchLabels": _LABELS}, "template": template}


def _policy(name: str, found: Any) -> Object:
    """The policy in the form that it has here: for the gateway's pods or for a Gateway, with or without a redirect."""
    spec: Object = {"action": "CUSTOM", "provider": {"name": name}}
    if isinstance(found, dict) and "targetRefs" in found:
        spec["targetRefs"] = [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": _TEXT}]
    else:
        spec["selector"] = {"matchLabels": _MAPPING}
    redirected = {"notPorts": _REDIRECTED} if "notPorts" in str(found) else {}
    pages = {"notPaths": _PAGES.split(), **redirected}
    api = {"paths": ["/api/*"], "notPaths": _API.split(), **redirected}
    spec["rules"] = [
        {"to": [{"operation": {"hosts": hosts, **pages}} for hosts in (_HOSTS, _WITH_PORT)]},
        {
            "to": [{"operation": {"hosts": hosts, **api}} for hosts in (_HOSTS, _WITH_PORT)],
            "when": [{"key": "request.headers[authorization]", "notValues": ["Bearer *"]}],
        },
    ]
    if redirected:
        https = {
            "to": [{"operation": {"hosts": hosts, "ports": _REDIRECTED}} for hosts in (_HOSTS, _WITH_PORT)],
            "when": [{"key": "request.headers[x-forwarded-proto]", "notValues": ["http"]}],
        }
        spec["rules"].append(https)
    return spec
