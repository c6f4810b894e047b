"""An OpenID provider in the cluster, behind the gateway on a host of its own.

It is npm's oidc-provider, a certified implementation whose clients, groups and logout are configuration. The examples
of Go's libraries have fixed accounts without groups.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from live.addresses import GATEWAY_NAMESPACE
from live.cluster import Cluster
from live.gateway import tls_secret
from live.image import Image
from tests.live.conftest import HOST
from tests.live.lifecycle import Object, get, until
from tests.live.questions import Client, curl
from tests.live.table import GRPC_ROUTING, PASSTHROUGH
from tests.live.ways import API, API_EXISTING, BALANCER, EXISTING, GROUP, OWN, Case, apply
from tools import build

HERE = Path(__file__).resolve().parent
NAMESPACE = "identity"
ISSUER_HOST = "id.example.com"
ISSUER = f"https://{ISSUER_HOST}"
CLIENT, CLI, SECRET = "argocd", "argocd-cli", "the-secret-of-argocd"
CLI_CALLBACK = "http://localhost:8085/auth/callback"
LOGOUT = f"{ISSUER}/session/end?id_token_hint={{{{token}}}}&post_logout_redirect_uri={{{{logoutRedirectURL}}}}"
FURTHER = "cd.example.com"
"""The second host of Argo CD."""
HOSTS = (HOST, FURTHER)
NAME = "Example"
"""What the login page calls the provider."""


def _account(name: str, domain: str, groups: list[str]) -> Object:
    return {"password": f"{name}-2026", "claims": {"email": f"{name}@{domain}", "groups": groups}}


MANY_GROUPS = [f"team-{number:03}-of-a-department-with-a-long-name" for number in range(200)]

ACCOUNTS = {
    "alice": _account("alice", "example.com", ["platform"]),
    "bob": _account("bob", "example.com", ["developers"]),
    "carol": _account("carol", "example.net", []),
    "dave": _account("dave", "example.com", [*MANY_GROUPS, "developers"]),
}

MAIN = Case(OWN, GRPC_ROUTING)


def images() -> dict[str, Image]:
    """The image of the provider, for `Cluster.start`."""
    return {
        "identity-provider": Image(
            user=1000,
            account="node",
            home="/home/node",
            entrypoint=["node", "/srv/provider.mjs", "/etc/provider/provider.json"],
            binds={"node": build.node() / "bin" / "node"},
            shared={"/srv/node_modules": build.packages("oidc-provider"), "/srv/provider.mjs": HERE / "provider.mjs"},
        )
    }


def configuration(hosts: Sequence[str], clients: Sequence[Object] = ()) -> Object:
    """What the provider reads: its clients are Argo CD on `hosts`, Argo CD's CLI, and `clients`."""
    after_logout = [f"https://{host}" for host in hosts]
    return {
        "issuer": ISSUER,
        "accounts": ACCOUNTS,
        "claims": {"openid": ["sub", "jti"], "email": ["email"], "profile": [], "groups": ["groups"]},
        # Argo CD reads the groups from the ID token.
        "conformIdTokenClaims": False,
        "scopes": ["openid", "offline_access"],
        "features": {
            "devInteractions": {"enabled": False},
            "revocation": {"enabled": True},
        },
        "clients": [
            {
                "client_id": CLIENT,
                "client_secret": SECRET,
                "redirect_uris": [f"https://{host}/auth/callback" for host in hosts],
                "post_logout_redirect_uris": after_logout,
                "grant_types": ["authorization_code", "refresh_token"],
            },
            {
                "client_id": CLI,
                "token_endpoint_auth_method": "none",
                "application_type": "native",
                "redirect_uris": [CLI_CALLBACK],
                # `argocd logout` sends the token to Argo CD, which redirects to the logout of the provider.
                "post_logout_redirect_uris": after_logout,
                "grant_types": ["authorization_code", "refresh_token"],
            },
            *clients,
        ],
    }


def install(cluster: Cluster, hosts: Sequence[str], clients: Sequence[Object] = (), case: Case = MAIN) -> None:
    """Run the provider, and expose it at the gateway of the case. `clients` are further clients of it."""
    objects = list(yaml.safe_load_all((HERE / "identity.yaml").read_text()))
    kinds = {one["kind"]: one for one in objects}
    text = json.dumps(configuration(hosts, clients))
    kinds["ConfigMap"]["data"] = {"provider.json": text}
    # The provider reads its configuration when it starts.
    digest = {"configuration": hashlib.sha256(text.encode()).hexdigest()}
    kinds["Deployment"]["spec"]["template"]["metadata"]["annotations"] = digest
    apply(cluster, objects)
    _expose(cluster, case)
    lead(cluster, hosts, case)
    cluster.kubectl("rollout", "status", "-n", NAMESPACE, "deployment/identity-provider", "--timeout=90s")
    visitor = Client(cluster, ISSUER_HOST)
    until(lambda: curl(visitor, "/.well-known/openid-configuration").code == 200, 60, "the provider serves")


def _expose(cluster: Cluster, case: Case) -> None:
    """Expose the provider where Argo CD's clients enter, as far as the owner of that Gateway lets it.

    Behind a wildcard certificate it is on the same server, or listener, as Argo CD.
    """
    wildcard = behind_wildcard(case)
    _secret(cluster, (NAMESPACE if case.way == API else "edge") if case.api else GATEWAY_NAMESPACE)
    if case.api:
        gateway, route = yaml.safe_load_all((HERE / "by-gateway-api.yaml").read_text())
        if case.way == API:
            apply(cluster, [gateway, route])
            return
        place = f"gateways.{GROUP}"
        [listener] = gateway["spec"]["listeners"]
        shared = get(cluster, place, "shared", "edge")
        listeners = {one["name"]: one for one in shared["spec"]["listeners"]}
        ours = listeners["https"] if wildcard else listeners.setdefault(listener["name"], listener)
        ours["allowedRoutes"] = {"namespaces": {"from": "Selector", "selector": {"matchExpressions": [_NAMESPACES]}}}
        change = {"spec": {"listeners": list(listeners.values())}}
        cluster.kubectl("patch", place, "shared", "-n", "edge", "--type=merge", "-p", json.dumps(change))
        route["spec"]["parentRefs"] = [{"name": "shared", "namespace": "edge", "sectionName": ours["name"]}]
        apply(cluster, [route])
        return
    gateway, route = yaml.safe_load_all((HERE / "by-istio.yaml").read_text())
    if wildcard:
        place = "gateways.networking.istio.io"
        servers = get(cluster, place, "shared", "edge")["spec"]["servers"]
        [https] = [one for one in servers if one["name"] == "https"]
        https["hosts"].append(f"{NAMESPACE}/{ISSUER_HOST}")
        change = {"spec": {"servers": servers}}
        cluster.kubectl("patch", place, "shared", "-n", "edge", "--type=merge", "-p", json.dumps(change))
        cluster.kubectl("delete", place, "identity", "-n", NAMESPACE, "--ignore-not-found")
        route["spec"]["gateways"] = ["edge/shared"]
        apply(cluster, [route])
    else:
        apply(cluster, [gateway, route])


def behind_wildcard(case: Case) -> bool:
    """Whether the gateway shows a certificate for Argo CD that is valid for the provider's host too.

    A browser uses its HTTP/2 connection to Argo CD for every host in the certificate at the same address.
    """
    return case.way in (EXISTING, API_EXISTING) and case.mode != PASSTHROUGH


_NAMESPACES = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["argocd", NAMESPACE]}


def _secret(cluster: Cluster, namespace: str) -> None:
    apply(cluster, [tls_secret("identity", namespace, *cluster.issue([ISSUER_HOST], "identity"))])


def lead(cluster: Cluster, hosts: Sequence[str], case: Case = MAIN) -> None:
    """Lead clients and pods to Argo CD and to the provider."""
    if case.way == BALANCER:
        cluster.set_hosts([ISSUER_HOST], dict.fromkeys(hosts, "127.0.0.1"))
    elif case.way == API:
        cluster.set_hosts(list(hosts), {ISSUER_HOST: _address(cluster)})
    else:
        cluster.set_hosts([*hosts, ISSUER_HOST])


def _address(cluster: Cluster) -> str:
    """The address of the provider's own Gateway."""
    cluster.kubectl(
        "wait", "-n", NAMESPACE, f"gateways.{GROUP}/identity", "--for=condition=Programmed", "--timeout=90s"
    )
    address: str = get(cluster, f"gateways.{GROUP}", "identity", NAMESPACE)["status"]["addresses"][0]["value"]
    return address


def oidc_config(cluster: Cluster, **other: Any) -> str:
    """`oidc.config` of `argocd-cm`, with other values; a field that is None is left out."""
    fields = {
        "name": NAME,
        "issuer": ISSUER,
        "clientID": CLIENT,
        "cliClientID": CLI,
        "clientSecret": "$oidc.clientSecret",
        "requestedScopes": ["openid", "email", "groups"],
        "rootCA": cluster.ca.read_text(),
        "logoutURL": LOGOUT,
        **other,
    }
    return yaml.safe_dump({name: value for name, value in fields.items() if value is not None}, sort_keys=False)


def sign_on(cluster: Cluster, hosts: Sequence[str]) -> None:
    """Make Argo CD use the provider: members of platform are admins, and developers read."""
    before = get(cluster, "configmap", "argocd-cm")["data"].get("oidc.config")
    data = {"oidc.config": oidc_config(cluster), "additionalUrls": json.dumps([f"https://{one}" for one in hosts[1:]])}
    cluster.kubectl("patch", "configmap/argocd-cm", "-n", "argocd", "-p", json.dumps({"data": data}))
    policy = {"policy.csv": "g, platform, role:admin\ng, developers, role:readonly\n", "scopes": "[groups]"}
    cluster.kubectl("patch", "configmap/argocd-rbac-cm", "-n", "argocd", "-p", json.dumps({"data": policy}))
    secret = {"stringData": {"oidc.clientSecret": SECRET}}
    cluster.kubectl("patch", "secret/argocd-secret", "-n", "argocd", "-p", json.dumps(secret))
    if before != data["oidc.config"]:
        # It reads issuer and rootCA for each login, and for tokens only when it starts.
        cluster.kubectl("rollout", "restart", "deployment/argocd-server", "-n", "argocd")
        cluster.kubectl("rollout", "status", "deployment/argocd-server", "-n", "argocd", "--timeout=90s")
    right = [f"https://{host}/auth/callback" for host in hosts]
    # argocd-server restarts inside its pod when these settings change.
    until(lambda: [sent_to(cluster, host) for host in hosts] == right, 90, "each host uses the provider")


def sent_to(cluster: Cluster, host: str, page: str = "/applications") -> str:
    """The address to which the provider is asked to return, of a login for a page of `host`; else the answer."""
    link = f"?return_url=https%3A%2F%2F{host}{page}" if page else ""
    reply = curl(Client(cluster, host), f"/auth/login{link}")
    query = parse_qs(urlsplit(reply.header("location")).query)
    return query.get("redirect_uri", [f"{reply.code} {reply.body.decode(errors='replace').strip()}"])[0]
