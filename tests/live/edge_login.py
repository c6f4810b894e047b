"""The login in front of Argo CD: who asks for what, and whether the login or Argo CD answers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from live.addresses import GATEWAY_ADDRESS
from live.cluster import Cluster
from live.image import Image
from tests.live import questions, table
from tests.live.browser import Browser
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import Object
from tests.live.questions import JSON, STREAM, Answer, Client, Question, Reply, curl, grpc_status, http, location
from tests.live.sso import identity, persons
from tests.live.table import GRPC, GRPC_ROUTING, NOBODY, TERMINATION, WEB, Cell
from tests.live.ways import API
from tests.render.consumer import write
from tools.build import program
from tools.versions import module, versions

PAGE = "components/edge-login/README.md"
NAME, CLIENT, CLIENT_SECRET = "argocd-edge-login", "argocd-edge", "the-secret-of-the-edge"
COOKIE = f"__Host-{NAME}"
WEBHOOK_SECRET = "the-secret-of-webhooks"
SECOND = "second.example.com"
"""A further host of Argo CD."""
HOSTS = [HOST, SECOND]
MODES = (TERMINATION, GRPC_ROUTING)
SAMPLE = f"{API}/{GRPC_ROUTING}"
CASES = (*MODES, SAMPLE)
"""Paths of modes; of the last one only the rows marked as a sample are asked."""


def images() -> dict[str, Image]:
    """The image of oauth2-proxy and that of the provider, for `Cluster.start`."""
    proxy = Image(
        user=65532,
        account="nonroot",
        home="/home/nonroot",
        entrypoint=["oauth2-proxy"],
        binds={"oauth2-proxy": program("oauth2-proxy")},
    )
    return {"oauth2-proxy": proxy, **identity.images()}


def relying_party() -> Object:
    """The login as a client of the provider."""
    return {
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "redirect_uris": [f"https://{host}/oauth2/callback" for host in HOSTS],
        "grant_types": ["authorization_code"],
    }


def documented(start: str) -> Object:
    """The YAML block of the README that begins with this key."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / PAGE).read_text(), re.M | re.S)
    [block] = [block for block in blocks if block.startswith(f"{start}:")]
    found: Object = yaml.safe_load(block)
    return found


def configure_mesh(cluster: Cluster) -> None:
    """Write the README's lines into the mesh configuration, which istiod reads again."""
    path = cluster.state / "istiod" / "mesh.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **documented("extensionProviders")}))


def point(cluster: Cluster) -> None:
    """Lead clients and pods to the gateway of the case, and to the provider's, which is always the ingress gateway."""
    cluster.set_hosts(HOSTS, {identity.ISSUER_HOST: GATEWAY_ADDRESS})


def consumer(folder: Path, components: list[str], hosts: Sequence[str] = HOSTS, **gateway: object) -> Path:
    """A consumer of the mode and the login, as the README shows it."""
    literals = [
        f"OAUTH2_PROXY_OIDC_ISSUER_URL={identity.ISSUER}",
        f"OAUTH2_PROXY_CLIENT_ID={CLIENT}",
        "OAUTH2_PROXY_EMAIL_DOMAINS=example.com",
    ]
    [generator] = documented("components")["configMapGenerator"]
    assert [one.partition("=")[0] for one in generator["literals"]] == [one.partition("=")[0] for one in literals]
    exposure = {
        "apiVersion": "argocd-istio.github.io/v1alpha1",
        "kind": "Exposure",
        "metadata": {"name": "argocd"},
        "spec": {"hosts": list(hosts), "gateway": gateway, "tls": {"secretName": "argocd-certificate"}},
    }
    kustomization = {
        "resources": ["exposure.yaml"],
        "components": components,
        "configMapGenerator": [generator | {"literals": literals}],
    }
    return write(folder, kustomization, exposure=exposure)


def secrets(cluster: Cluster) -> None:
    """Create the Secret with the README's command, and the ConfigMap of a CA of one's own."""
    [command] = [line for line in (ROOT / PAGE).read_text().splitlines() if "create secret" in line]
    env = {"KUBECONFIG": str(cluster.state / "kubeconfig"), "CLIENT_SECRET": CLIENT_SECRET}
    cluster.exec(["sh", "-ec", command], env=env, check=True)
    bundle = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{NAME}-ca", "namespace": "argocd"}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps({**bundle, "data": {"ca.crt": cluster.ca.read_text()}}))
    patch = json.dumps({"stringData": {"webhook.github.secret": WEBHOOK_SECRET}})
    cluster.kubectl("patch", "secret", "argocd-secret", "-n", "argocd", "-p", patch)
    # argocd-server reads its Secrets, and later starts to watch them: it misses what changes in between.
    cluster.kubectl("rollout", "restart", "deployment/argocd-server", "-n", "argocd")


def aged(cluster: Cluster, value: str, days: int) -> str:
    """The same cookie, correctly signed, as if it were older."""
    read = ("secret", NAME, "-n", "argocd", "-o", 'go-template={{index .data "cookie-secret" | base64decode}}')
    secret = cluster.kubectl("get", *read).stdout.encode()
    content, created, _ = value.split("|")
    then = str(int(created) - days * 24 * 3600)
    signature = hmac.new(secret, f"{COOKIE}{content}{then}".encode(), hashlib.sha256).digest()
    return f"{content}|{then}|{base64.urlsafe_b64encode(signature).decode()}"


@dataclass
class Visitor(Client):
    """A client with the cookie of a person's session and a token of Argo CD."""

    cookie: str = ""
    token: str = ""


def token_of(home: Path) -> str:
    """The token of the argocd command that has its configuration below `home`."""
    [user] = yaml.safe_load((home / ".config/argocd/config").read_text())["users"]
    return str(user["auth-token"])


def log_in(browser: Browser, url: str, person: str, then: str) -> None:
    """Open a page, log in at the provider, and wait until a condition is true on the page."""
    browser.open(url)
    persons.sign_in(browser, person)
    browser.wait(then, "the page after the login")


# --- the table


@dataclass(frozen=True)
class Row:
    """Who asks for what, and the cell of each mode."""

    who: str
    what: str
    question: Question
    expected: dict[str, Cell]

    def cell(self, case: str) -> Cell | None:
        """What is expected in a case; None if it is not asked there."""
        if case == SAMPLE:
            return self.expected[GRPC_ROUTING] if self.name in SAMPLED else None
        return self.expected[case]

    @property
    def name(self) -> str:
        return f"{self.who}: {self.what}"


def measure(visitor: Visitor, row: Row) -> Cell:
    """Ask, and find in the gateway's access log who answered."""
    start = time.time()
    answer = row.question(visitor)
    entries = table.log_entries(visitor.cluster, start)
    # The log names the cluster of the route also for a request that the login refused: it has no host then.
    served = [
        table.short(one["upstream_cluster"]) if one["upstream_host"] not in (None, "-") else NOBODY for one in entries
    ]
    protocol = answer.protocol or table.distinct(table.protocol(one) for one in entries)
    return Cell(answer.status, protocol, table.distinct(served))


def to_login(reply: Reply) -> str:
    """The status, and where a redirect leads, without its query."""
    return location(reply).partition("?")[0]


def web(path: str, *options: str, show: Callable[[Reply], str] = to_login, **more: Any) -> Question:
    """A request by curl, where `{cookie}` is the cookie of a session, and `{token}` a token of Argo CD."""

    def question(visitor: Client) -> Answer:
        assert isinstance(visitor, Visitor)
        own = {"cookie": f"{COOKIE}={visitor.cookie}", "token": visitor.token, "host": visitor.host}
        reply = curl(visitor, path.format_map(own), *(one.format_map(own) for one in options), **more)
        return Answer(show(reply), reply.protocol)

    return question


def with_cookie(change: Callable[[Visitor], str]) -> Question:
    """Open the page with a changed cookie."""

    def question(visitor: Client) -> Answer:
        assert isinstance(visitor, Visitor)
        reply = curl(visitor, "/", "--cookie", f"{COOKIE}={change(visitor)}")
        return Answer(to_login(reply), reply.protocol)

    return question


def cli(*arguments: str) -> Question:
    """The real argocd command; of a refusal, the code of gRPC."""

    def question(visitor: Client) -> Answer:
        assert isinstance(visitor, Visitor)
        words = [visitor.token if one == "{token}" else one for one in arguments]
        answer = questions.cli(*words)(visitor)
        code = re.search(r"code = (\w+)", answer.status)
        return Answer(f"gRPC {code[1]}" if code else answer.status)

    return question


def grpc(method: str, content_type: str, data: str = questions.EMPTY_MESSAGE) -> Question:
    """A call of gRPC by curl: over HTTP/2, and gRPC-Web over HTTP/1.1."""
    headers = ("--header", f"content-type: {content_type}", "--header", "te: trailers")
    h2 = "web" not in content_type
    return web(method, *headers, h2=h2, data=data, show=grpc_status)


def webhook(secret: str) -> Question:
    """GitHub's ping, signed."""
    signed = [(name, hmac.new(secret.encode(), BODY.encode(), name).hexdigest()) for name in ("sha1", "sha256")]
    headers = [f"x-hub-signature: sha1={signed[0][1]}", f"x-hub-signature-256: sha256={signed[1][1]}"]
    options = [part for one in ("x-github-event: ping", *headers) for part in ("--header", one)]
    return http("/api/webhook", *JSON, *options, data=BODY)


def signed_out(reply: Reply) -> str:
    """The status, the location, and the cookies that the browser must forget."""
    gone = [value.partition("; ")[0] for key, value in reply.headers if key == "set-cookie"]
    return " ".join([location(reply), *(f"{one} no longer" for one in gone if one.endswith("="))])


API_PATH = "/api/v1/applications"
HTML, XHR, EVENTS = (("--header", f"accept: {kind}") for kind in ("text/html", "application/json", "text/event-stream"))
SESSION, TOKEN = ("--cookie", "{cookie}"), ("--header", "authorization: Bearer {token}")
LOGGED_IN = ("--cookie", "{cookie}; argocd.token={token}")
AS_IS = (*HTML, "--path-as-is")
BODY = '{"zen": "Simple is better."}'
PROVIDER = f"302 {identity.ISSUER}/auth"
LIST, VERSION = "/application.ApplicationService/List", "/version.VersionService/Version"
GRPC_TYPE, WEB_TYPE = "application/grpc", "application/grpc-web+proto"
NOT_NATIVE = Cell("404", "h2", WEB)
STRANGER, PERSON, PROGRAM, COMMAND = "browser without a session", "browser with a session", "API token", "argocd"
FORGE, TRICK, OTHERS = "webhook", "somebody with tricks", "others"


def both(status: str, by: str = NOBODY, protocol: str = "h1") -> dict[str, Cell]:
    return dict.fromkeys(MODES, Cell(status, protocol, by))


def native(termination: Cell, grpc_routing: str) -> dict[str, Cell]:
    return {TERMINATION: termination, GRPC_ROUTING: Cell(grpc_routing, "h2 application/grpc", GRPC)}


FALLBACK = "h2 application/grpc, h1 application/grpc-web+proto"

ROWS = [
    Row(STRANGER, "GET /", web("/", *HTML), both(PROVIDER)),
    Row(STRANGER, "GET / over HTTP/2", web("/", *HTML, h2=True), both(PROVIDER, protocol="h2")),
    Row(STRANGER, "GET a deep link", web("/applications/argocd/shop?view=tree", *HTML), both(PROVIDER)),
    Row(STRANGER, "GET / at port 80", web("http://{host}/a?b=c", *HTML, show=location), both(f"301 https://{HOST}/a?b=c")),
    Row(STRANGER, "call of the UI", web(API_PATH, *XHR), both("401")),
    Row(STRANGER, "call of the UI, any accept", web("/api/v1/settings"), both("401")),
    Row(STRANGER, "event stream", web(STREAM, *EVENTS), both("401")),
    Row(STRANGER, "POST /api/v1/session, Argo CD's login", web("/api/v1/session", *JSON, data="{{}}"), both("401")),
    Row(STRANGER, "with Argo CD's cookie alone", web(API_PATH, "--cookie", "argocd.token={token}"), both("401")),
    Row(STRANGER, "GET /api/badge", web("/api/badge?name=shop", "--header", "accept: image/*"), both("401")),
    Row(STRANGER, "GET /ping", web("/ping"), both(PROVIDER)),
    Row(STRANGER, "GET /ready", web("/ready"), both(PROVIDER)),
    Row(STRANGER, "GET /robots.txt", web("/robots.txt"), both("404", WEB)),
    Row(STRANGER, "GET /oauth2/callback without a login", web("/oauth2/callback?code=a&state=b:c"), both("403")),
    Row(STRANGER, "changed cookie", with_cookie(lambda one: one.cookie[:-4] + "AAA="), both(PROVIDER)),
    Row(STRANGER, "expired cookie", with_cookie(lambda one: aged(one.cluster, one.cookie, 14)), both(PROVIDER)),
    Row(PERSON, "GET /", web("/", *SESSION), both("200", WEB)),
    Row(PERSON, "a day later", with_cookie(lambda one: aged(one.cluster, one.cookie, 1)), both("200", WEB)),
    Row(PERSON, "call of the UI, not logged in to Argo CD", web(API_PATH, *XHR, *SESSION), both("401", WEB)),
    Row(PERSON, "call of the UI, logged in", web(API_PATH, *XHR, *LOGGED_IN), both("200", WEB)),
    Row(PERSON, "event stream", web(
        STREAM, *EVENTS, *LOGGED_IN, "--no-buffer", "--max-time", "2", show=questions.event_stream
    ), both("200 text/event-stream, event", WEB)),
    Row(PERSON, "GET /oauth2/sign_out", web("/oauth2/sign_out", *HTML, *SESSION, show=signed_out), both(
        f"302 / {COOKIE}= no longer"
    )),
    Row(PROGRAM, "GET /api/v1/applications", web(API_PATH, *TOKEN), both("200", WEB)),
    Row(PROGRAM, "wrong token", web(API_PATH, "--header", "authorization: Bearer wrong"), both("401", WEB)),
    Row(PROGRAM, "scheme in lower case", web(API_PATH, "--header", "authorization: bearer {token}"), both("401")),
    Row(PROGRAM, "GET /, a page", web("/", *HTML, *TOKEN), both(PROVIDER)),
    Row(COMMAND, "login", cli("login", "{host}", "--username", "admin", "--password", "{password}"), {
        TERMINATION: Cell("ok, warns to use --grpc-web", FALLBACK, WEB),
        GRPC_ROUTING: Cell("ok", "h2 application/grpc", GRPC),
    }),
    Row(COMMAND, "login --grpc-web", cli(
        "login", "{host}", "--username", "admin", "--password", "{password}", "--grpc-web"
    ), both("ok", WEB, f"h1 {WEB_TYPE}")),
    Row(COMMAND, "app list", cli("app", "list", "--server", "{host}", "--auth-token", "{token}"), {
        TERMINATION: Cell("ok, warns to use --grpc-web", FALLBACK, WEB),
        GRPC_ROUTING: Cell("ok", "h2 application/grpc", GRPC),
    }),
    Row(COMMAND, "app list --grpc-web", cli(
        "app", "list", "--server", "{host}", "--auth-token", "{token}", "--grpc-web"
    ), both("ok", WEB, f"h1 {WEB_TYPE}")),
    Row(COMMAND, "app list, wrong token", cli("app", "list", "--server", "{host}", "--auth-token", "wrong"), {
        TERMINATION: Cell("gRPC Unauthenticated", FALLBACK, WEB),
        GRPC_ROUTING: Cell("gRPC Unauthenticated", "h2 application/grpc", GRPC),
    }),
    Row(COMMAND, "gRPC without a token", grpc(LIST, GRPC_TYPE), {
        TERMINATION: NOT_NATIVE, GRPC_ROUTING: Cell("200 grpc-status 16", "h2", GRPC)
    }),
    Row(COMMAND, "gRPC-Web without a token", grpc(LIST, WEB_TYPE), both("200 grpc-status 16", WEB)),
    Row(COMMAND, "the version, without a token", grpc(VERSION, GRPC_TYPE), {
        TERMINATION: NOT_NATIVE, GRPC_ROUTING: Cell("200 grpc-status 0", "h2", GRPC)
    }),
    # argocd-server answers so if it has no dex.
    Row(COMMAND, "login --sso, dex exchanges a code", web("/api/dex/token", "--data", "code=a"), both("415", WEB)),
    Row(FORGE, "right signature", webhook(WEBHOOK_SECRET), both("200", WEB)),
    Row(FORGE, "wrong signature", webhook("wrong"), both("400", WEB)),
    Row(TRICK, "gRPC content type, /", grpc("/", GRPC_TYPE, ""), both("200 grpc-status 2", protocol="h2")),
    Row(TRICK, "gRPC content type, /api/v1/applications", grpc("/api/v1/applications", GRPC_TYPE, ""), both(
        "200 grpc-status 16", protocol="h2"
    )),
    Row(TRICK, "gRPC-Web content type, /", grpc("/", WEB_TYPE, ""), both("302")),
    Row(TRICK, "gRPC reflection", grpc(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", GRPC_TYPE, ""
    ), both("200 grpc-status 2", protocol="h2")),
    Row(TRICK, "//", web("//", *AS_IS), both("301 /")),
    Row(TRICK, "//api/webhook", web("//api/webhook", *AS_IS), both("301 /api/webhook")),
    Row(TRICK, "/api/webhook/", web("/api/webhook/", *AS_IS), both(PROVIDER)),
    Row(TRICK, "/API/WEBHOOK", web("/API/WEBHOOK", *AS_IS), both(PROVIDER)),
    Row(TRICK, "/api/webhook;a", web("/api/webhook;a", *AS_IS), both(PROVIDER)),
    Row(TRICK, "/api/webhook/../v1/applications", web("/api/webhook/../v1/applications", *AS_IS), both("401")),
    Row(TRICK, "/healthz/%2e%2e/", web("/healthz/%2e%2e/", *AS_IS), both(PROVIDER)),
    Row(TRICK, f"{VERSION}/%2E%2E/%2e%2e/", web(f"{VERSION}/%2E%2E/%2e%2e/", *AS_IS), both(PROVIDER)),
    Row(TRICK, "/version.VersionService/..%2fapi%2fv1%2fapplications", web(
        "/version.VersionService/..%2fapi%2fv1%2fapplications", "--path-as-is"
    ), both("404", WEB)),
    Row(TRICK, "/oauth2/static/../../settings", web("/oauth2/static/../../settings", *AS_IS), both(PROVIDER)),
    Row(TRICK, "/oauth2/static/..%2f..%2fapi%2fv1%2fapplications", web(
        "/oauth2/static/..%2f..%2fapi%2fv1%2fapplications", *AS_IS
    ), both("404")),
    Row(TRICK, "x-forwarded-uri", web("/", *HTML, "--header", "x-forwarded-uri: /robots.txt"), both(PROVIDER)),
    Row(TRICK, "x-forwarded-proto: http", web("/", *HTML, "--header", "x-forwarded-proto: http"), both(PROVIDER)),
    Row(TRICK, "Host with a port", web("/", *HTML, "--header", "host: {host}:443"), both(PROVIDER)),
    Row(TRICK, "Host in upper case", web("/", *HTML, "--header", f"host: {HOST.upper()}"), both(PROVIDER)),
    Row(TRICK, "Host with a dot at the end", web("/", *HTML, "--header", "host: {host}."), both("404")),
    Row(OTHERS, "GET /healthz", web("/healthz"), both("200", WEB)),
    Row(OTHERS, "a host of somebody else at the same gateway", web(
        f"{identity.ISSUER}/.well-known/openid-configuration"
    ), both("200", "identity-provider.identity:80")),
]  # fmt: skip

SAMPLED = {
    *(f"{STRANGER}: {what}" for what in ("GET /", "GET / at port 80", "call of the UI", "event stream")),
    *(f"{PERSON}: {what}" for what in ("GET /", "call of the UI, logged in")),
    *(f"{PROGRAM}: {what}" for what in ("GET /api/v1/applications", "wrong token")),
    *(f"{COMMAND}: {what}" for what in ("app list", "gRPC without a token", "gRPC-Web without a token")),
    f"{FORGE}: right signature",
    f"{TRICK}: gRPC content type, /",
    f"{TRICK}: Host with a port",
    f"{OTHERS}: GET /healthz",
}
"""The rows of SAMPLE, with the answers of grpc-routing."""


class Results:
    """Collects the measured cells, for a table with a date."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], Cell] = {}

    def add(self, row: Row, mode: str, cell: Cell) -> None:
        self._cells[row.name, mode] = cell

    def write(self, folder: Path) -> None:
        """Write `edge-login.md` to the folder, if every row was asked; marks cells that are not as expected."""
        if len(self._cells) == sum(row.cell(case) is not None for row in ROWS for case in CASES):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "edge-login.md").write_text(self._markdown())

    def _markdown(self) -> str:
        def show(row: Row, mode: str) -> str:
            found, expected = self._cells.get((row.name, mode)), row.cell(mode)
            if found is None:
                return ""
            return str(found) if found == expected else f"**{found}** (expected {expected})"

        proxy = f"oauth2-proxy {versions()['oauth2-proxy']}, Argo CD {module()}, Istio {versions()['istio']}"
        lines = [
            "# Who passes the login",
            "",
            f"{datetime.now(UTC):%-d %B %Y}, by `tests/live/test_edge_login.py`: {proxy}, Envoy {versions()['envoy']}.",
            "",
            "A cell: the client's answer · protocol · service:port that served it. With - nothing reached Argo CD.",
            "",
            f"| Who | What | {' | '.join(CASES)} |",
            "|---|---|---|---|---|",
            *(f"| {row.who} | {row.what} | {' | '.join(show(row, mode) for mode in CASES)} |" for row in ROWS),
        ]
        return "\n".join(lines) + "\n"
