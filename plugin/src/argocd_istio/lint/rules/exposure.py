"""What of Argo CD is open besides its login: other doors, anonymous access, weak settings."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import suppress

from argocd_istio.lint.rule import Fault, Rule, Severity
from argocd_istio.render.model import Facts
from argocd_istio.render.parts import Keys

_INNER = ("repo-server", "redis", "redis-ha", "redis-ha-haproxy", "dex-server", "application-controller", "metrics")
_READ_ONLY = ("", "role:readonly")
_ADMIN = "role:admin"
_INITIAL = "delete Secret argocd-initial-admin-secret"


def _doors(facts: Facts, ingress: bool) -> Iterator[Fault]:
    exposed = any(facts.argocd_servers())
    for door in facts.beside.doors:
        if door.ingress is not ingress or (ingress and not exposed):
            continue
        if ingress:
            yield Fault(None, door.place, f"{door.how}, past the gateway's rules", "remove it")
        else:
            message = f"{door.how}: clients reach argocd-server past the gateway"
            yield Fault(None, door.place, message, "set type: ClusterIP", None if exposed else "warning")


def _inner(facts: Facts) -> Iterator[Fault]:
    for _, route, destination in facts.destinations():
        namespace, _, name = destination.name.partition("/")
        part = next((each for each in _INNER if name == each or name.endswith(f"-{each}")), "")
        ours = namespace in facts.homes or name.startswith("argocd")
        inside = all(pods.argocd_server is None or pods.port != pods.argocd_server.listens for pods in destination.pods)
        if part and ours and inside:
            message = f"{route.kind} {route.owner} leads to {name}, which has no login of its own"
            yield Fault(destination, destination.place, message, "remove the route: only argocd-server serves users")


def _guards(facts: Facts, *names: str) -> Iterator[Fault]:
    for guard in facts.beside.guards:
        if guard.name in names:
            yield Fault(None, guard.place, *_GUARDS[guard.name](guard.setting))


_GUARDS: dict[str, Callable[[str], tuple[str, str]]] = {
    "authentication": lambda setting: (
        f"nobody needs to log in ({setting}): everybody who reaches the host is admin",
        "remove the setting",
    ),
    "X-Frame-Options": lambda setting: (f"{setting}: other sites can show Argo CD in a frame", "remove the flag"),
    "Content-Security-Policy": lambda setting: (
        f"{setting}: other sites can show Argo CD in a frame",
        "remove the flag",
    ),
    "content types": lambda setting: (
        f"{setting}: other sites can send requests with the user's cookie",
        "remove it; the default is application/json",
    ),
    "logins": lambda setting: (
        f"no limit for simultaneous logins ({setting}): guessing passwords is easier",
        "remove it",
    ),
}


def _every_origin(facts: Facts) -> Iterator[Fault]:
    for _, route in facts.routes():
        if route.any_origin and any(each.to_argocd_server for each in route.destinations):
            message = "corsPolicy admits every origin: other sites can read Argo CD's answers"
            yield Fault(route, route.place.at("corsPolicy"), message, "remove corsPolicy, or name the sites")


def _request_guards(facts: Facts) -> Iterator[Fault]:
    yield from _guards(facts, "X-Frame-Options", "Content-Security-Policy", "content types")
    yield from _every_origin(facts)


def _default(keys: Keys) -> str:
    """The role of users without another one."""
    return keys.values.get("policy.default", "").strip()


def _rows(policy: str) -> Iterator[list[str]]:
    """The rows of a policy in CSV, those before the first that is none."""
    with suppress(csv.Error):
        yield from csv.reader(policy.splitlines(), skipinitialspace=True)


def _everything(keys: Keys, role: str) -> bool:
    """Whether a role may do everything: the built-in admin, or one with a rule for `*, *, *`."""
    above: dict[str, set[str]] = {}
    strong = {_ADMIN}
    for name, policy in keys.values.items():
        if name != "policy.csv" and not (name.startswith("policy.") and name.endswith(".csv")):
            continue
        for row in _rows(policy):
            words = [each.strip() for each in row]
            if words[:1] == ["p"] and len(words) > 4 and words[2:4] == ["*", "*"] and words[4] in ("*", "*/*"):
                if words[5:6] in ([], ["allow"]):
                    strong.add(words[1])
            elif words[:1] == ["g"] and len(words) > 2:
                above.setdefault(words[1], set()).add(words[2])
    seen, ask = set(), [role]
    while ask:
        one = ask.pop()
        if one in strong:
            return True
        if one not in seen:
            seen.add(one)
            ask += above.get(one, ())
    return False


def _anonymous(facts: Facts) -> Iterator[Fault]:
    roles = {each.namespace: _default(each) for each in facts.beside.named("argocd-rbac-cm")}
    for keys in facts.beside.named("argocd-cm"):
        if keys.values.get("users.anonymous.enabled") == "true":
            role = roles.get(keys.namespace, "")
            does = f"has {role}" if role else "has no role by default, but reads the settings"
            message = f"everybody who reaches the host {does} without a login (users.anonymous.enabled)"
            severity: Severity | None = None if role not in _READ_ONLY else "warning"
            yield Fault(None, keys.at("users.anonymous.enabled"), message, "remove users.anonymous.enabled", severity)


def _strong_default(facts: Facts) -> Iterator[Fault]:
    for keys in facts.beside.named("argocd-rbac-cm"):
        role = _default(keys)
        if role and _everything(keys, role):
            message = f"policy.default is {role}, which may do everything: so may everybody who can log in"
            yield Fault(None, keys.at("policy.default"), message, "leave it empty or write role:readonly")


def _sso(keys: Keys) -> bool:
    return any(keys.values.get(key, "").strip() for key in ("dex.config", "oidc.config"))


def _admin(keys: Keys) -> bool:
    return keys.values.get("admin.enabled", "true") != "false"


def _admin_beside_sso(facts: Facts) -> Iterator[Fault]:
    for keys in facts.beside.named("argocd-cm"):
        if _sso(keys) and _admin(keys):
            message = "the user admin can still log in by password beside single sign-on"
            fix = f'set admin.enabled: "false" in argocd-cm, and {_INITIAL}'
            yield Fault(None, keys.at("admin.enabled"), message, fix)


def _admin_alone(facts: Facts) -> Iterator[Fault]:
    if not any(facts.argocd_servers()):
        return
    for keys in facts.beside.named("argocd-cm"):
        accounts = any(key.startswith("accounts.") for key in keys.values)
        if keys.namespace in facts.homes and not _sso(keys) and _admin(keys) and not accounts:
            message = "admin is the only user who can log in at a public host"
            yield Fault(None, keys.place, message, f"change the password and {_INITIAL}, or set up single sign-on")


def _terminal(facts: Facts) -> Iterator[Fault]:
    for keys in facts.beside.named("argocd-cm"):
        if keys.values.get("exec.enabled") == "true":
            message = "the web terminal is on: a stolen session opens shells in pods"
            yield Fault(None, keys.at("exec.enabled"), message, "remove exec.enabled unless users need it")


def _webhook(facts: Facts) -> Iterator[Fault]:
    if not any(facts.argocd_servers()):
        return
    for keys in facts.beside.named("argocd-secret"):
        # A Secret without any content is filled in the cluster.
        if keys.values and not any(key.startswith("webhook.") for key in keys.values):
            message = f"no webhook secret in {keys.place.object}: everybody can make Argo CD refresh by /api/webhook"
            yield Fault(
                None, keys.place, message, "set the webhook's secret of your Git provider, as webhook.github.secret"
            )


def _open_project(facts: Facts) -> Iterator[Fault]:
    for project in facts.beside.projects:
        if project.everything and project.title.endswith("/default"):
            message = "AppProject default admits every source and destination: so does an Application without a project"
            yield Fault(None, project.place, message, "restrict sourceRepos and destinations, and use other projects")


_CM = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}
            data: """
_RBAC = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-rbac-cm}
            data: """
_PARAMETERS = """
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: """
_SERVICE = """
            apiVersion: v1
            kind: Service
            metadata: {name: argocd-server}
            spec: """
_ROUTE = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              http:
              - route:
                - destination: {host: """
_PORT = ".argocd.svc.cluster.local, port: {number: "
_INGRESS = """
            apiVersion: networking.k8s.io/v1
            kind: Ingress
            metadata: {name: argocd}
            spec: {defaultBackend: {service: {name: """
_PROJECT = """
            apiVersion: argoproj.io/v1alpha1
            kind: AppProject
            metadata: {name: default}
            spec:
              destinations: [{server: '*', namespace: '*'}]
              sourceRepos: """
_SECRET = """
            apiVersion: v1
            kind: Secret
            metadata: {name: argocd-secret, labels: {app.kubernetes.io/part-of: argocd}}
            stringData: """
_LOGINS = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: argocd-server}
            spec:
              template:
                spec:
                  containers:
                  - name: argocd-server
                    args: [/usr/local/bin/argocd-server]
                    ports: [{containerPort: 8080}]
                    securityContext:
                      allowPrivilegeEscalation: false
                      capabilities: {drop: [ALL]}
                      runAsNonRoot: true
                      seccompProfile: {type: RuntimeDefault}
                    env:
                    - name: ARGOCD_SERVER_INSECURE
                      valueFrom: {configMapKeyRef: {name: argocd-cmd-params-cm, key: server.insecure}}
                    - {name: ARGOCD_MAX_CONCURRENT_LOGIN_REQUESTS_COUNT, value: """
_SETTINGS = "util/settings/settings.go of Argo CD"
_SERVER = "cmd/argocd-server/commands/argocd_server.go of Argo CD"

RULES = (
    Rule(
        "F06",
        "service-open-to-the-outside",
        "error",
        lambda facts: _doors(facts, False),
        effect="Clients reach argocd-server past the gateway: without TLS, where it ends at the gateway.",
        decided="A Service that selects argocd-server's pods has type LoadBalancer or NodePort, or externalIPs. A "
        "warning if no way through a gateway is in the files.",
        wrong=f"{_SERVICE}{{type: LoadBalancer}}",
        right=f"{_SERVICE}{{type: ClusterIP}}",
        source="ServiceSpec in k8s.io/api/core/v1",
    ),
    Rule(
        "F07",
        "ingress-beside-the-gateway",
        "warning",
        lambda facts: _doors(facts, True),
        effect="Clients reach argocd-server past the gateway.",
        decided="An Ingress has a Service of argocd-server's pods as backend, and a way through a gateway is in the "
        "files.",
        wrong=f"{_INGRESS}argocd-server, port: {{number: 80}}}}}}}}",
        right=f"{_INGRESS}web, port: {{number: 80}}}}}}}}",
        source="IngressSpec in k8s.io/api/networking/v1",
        advice=True,
    ),
    Rule(
        "F08",
        "route-to-inner-component",
        "error",
        _inner,
        effect="Everybody reaches a component without a login: repo-server, Redis, Dex or metrics.",
        decided="The name of a destination ends with that of such a component, and begins with argocd or is in the "
        "namespace of an argocd-server in the files.",
        wrong=f"{_ROUTE}argocd-repo-server{_PORT}8081}}}}",
        right=f"{_ROUTE}argocd-server{_PORT}80}}}}",
        source="docs/operator-manual/architecture.md of Argo CD",
    ),
    Rule(
        "F14",
        "no-login",
        "error",
        lambda facts: _guards(facts, "authentication"),
        effect="Everybody who reaches the host is admin.",
        decided="--disable-auth, ARGOCD_SERVER_DISABLE_AUTH or server.disable.auth, in this order.",
        wrong=f'{_PARAMETERS}{{server.disable.auth: "true"}}',
        right=f'{_PARAMETERS}{{server.disable.auth: "false"}}',
        source=_SERVER,
    ),
    Rule(
        "F15",
        "anonymous-users",
        "error",
        _anonymous,
        effect="Everybody who reaches the host has the default role without a login.",
        decided='users.anonymous.enabled is "true". A warning while policy.default is empty or role:readonly.',
        wrong=f'{_CM}{{users.anonymous.enabled: "true"}}',
        right=f'{_CM}{{users.anonymous.enabled: "false"}}',
        source=f"anonymousUserEnabledKey in {_SETTINGS}",
    ),
    Rule(
        "F16",
        "default-role-of-admin",
        "error",
        _strong_default,
        effect="Everybody who can log in may do everything.",
        decided="policy.default is role:admin, or a role that gets it or has a rule for *, *, * in policy.csv.",
        wrong=f"{_RBAC}{{policy.default: role:admin}}",
        right=f"{_RBAC}{{policy.default: role:readonly}}",
        source="util/rbac/rbac.go of Argo CD",
    ),
    Rule(
        "F17",
        "admin-beside-single-sign-on",
        "warning",
        _admin_beside_sso,
        effect="The password of admin opens Argo CD past the identity provider.",
        decided='dex.config or oidc.config is set, and admin.enabled is not "false".',
        wrong=f"{_CM}{{url: https://argocd.example.com, oidc.config: 'name: SSO'}}",
        right=f"{_CM}{{url: https://argocd.example.com, oidc.config: 'name: SSO', admin.enabled: \"false\"}}",
        source=_SETTINGS,
        advice=True,
    ),
    Rule(
        "F18",
        "admin-alone",
        "info",
        _admin_alone,
        effect="One shared password protects a public host.",
        decided="argocd-cm has no single sign-on and no accounts, and a way leads to argocd-server.",
        wrong=f"{_CM}{{url: https://argocd.example.com}}",
        right=f"{_CM}{{accounts.alice: login}}",
        source=_SETTINGS,
        advice=True,
    ),
    Rule(
        "F19",
        "web-terminal",
        "warning",
        _terminal,
        effect="A stolen session opens shells in pods.",
        decided='exec.enabled is "true".',
        wrong=f'{_CM}{{exec.enabled: "true"}}',
        right=f'{_CM}{{exec.enabled: "false"}}',
        source="docs/operator-manual/web_based_terminal.md of Argo CD",
        advice=True,
    ),
    Rule(
        "F20",
        "browser-guards-off",
        "error",
        _request_guards,
        effect="Other sites show Argo CD in a frame, or send requests as the user.",
        decided="server.api.content.types is empty; --x-frame-options, --content-security-policy or "
        "--api-content-types is empty; corsPolicy admits every origin. Empty headers in the ConfigMap change nothing.",
        wrong=f'{_PARAMETERS}{{server.api.content.types: ""}}',
        right=f'{_PARAMETERS}{{server.x.frame.options: ""}}',
        source=f"{_SERVER}; StringFromEnv in util/env/env.go",
    ),
    Rule(
        "F21",
        "no-limit-for-logins",
        "warning",
        lambda facts: _guards(facts, "logins"),
        effect="Guessing passwords is easier and needs more of argocd-server's memory.",
        decided="ARGOCD_MAX_CONCURRENT_LOGIN_REQUESTS_COUNT is 0; the default is 50.",
        wrong=f'{_LOGINS}"0"}}',
        right=f'{_LOGINS}"20"}}',
        source="server/server.go of Argo CD",
        advice=True,
    ),
    Rule(
        "F22",
        "webhook-without-secret",
        "info",
        _webhook,
        effect="Everybody can make Argo CD refresh its Applications.",
        decided="argocd-secret in the files has keys, but none that begins with webhook. An empty one is filled in the "
        "cluster and not judged.",
        wrong=f"{_SECRET}{{admin.password: a}}",
        right=f"{_SECRET}{{webhook.github.secret: a}}",
        source="docs/operator-manual/webhook.md of Argo CD",
        advice=True,
    ),
    Rule(
        "F23",
        "open-default-project",
        "info",
        _open_project,
        effect="An Application without a project may deploy everything everywhere.",
        decided="AppProject default in the files has * in sourceRepos and destinations.",
        wrong=f"{_PROJECT}['*']",
        right=f"{_PROJECT}['https://git.example.com/*']",
        source="docs/user-guide/projects.md of Argo CD",
        advice=True,
    ),
)
