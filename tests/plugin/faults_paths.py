"""Paths below which Argo CD is served, as rows like those of `faults`: match, rewrite, rootpath and url."""

from __future__ import annotations

from typing import Any

from tests.plugin.faults import Row, address, after
from tests.plugin.faults_gateway_api import ADMITTED, REDIRECT, UI, api_gateway, api_route, gateway_api
from tests.plugin.renders import Breaking, container, routes

BLANK = "the page stays blank"
STRIPPED = {"uriRegexRewrite": {"match": "^/cd(/|$)(.*)", "rewrite": r"/\2"}}


def serving(path: str, flag: str = "rootpath") -> Breaking:
    return lambda objects: container(objects)["args"].append(f"--{flag}={path}")


def taking(rewrite: Any = None, *, beside: bool = False, **uri: str) -> Breaking:
    """One path to argocd-server, with a rewrite; beside the route for everything or instead of it."""

    def change(objects: Any) -> None:
        [rule] = routes(objects)["http"]
        own = rule | {"match": [{"uri": uri}]} | ({"rewrite": rewrite} if rewrite else {})
        routes(objects)["http"] = [own, rule] if beside else [own]

    return change


def api(path: str, **more: Any) -> Breaking:
    """The same through the Gateway API."""
    rule = UI | {"matches": [{"path": {"type": "PathPrefix", "value": path}}]} | more
    return gateway_api(api_gateway(**ADMITTED), api_route("ui", "https", rule), api_route("http", "http", REDIRECT))


def replaced(**path: str) -> dict[str, Any]:
    return {"filters": [{"type": "URLRewrite", "urlRewrite": {"path": path}}]}


PREFIX = replaced(type="ReplacePrefixMatch", replacePrefixMatch="/")
UNKNOWN = f"/cd is rewritten to /, and argocd-server does not know that path: {BLANK}"
UNSERVED = f"/cd leads to argocd-server, which serves /: {BLANK}"

PATHS: list[Row] = [
    ("G06", "a path that argocd-server does not serve", "termination", taking(prefix="/cd"), [UNSERVED]),
    ("G06", "the same by a regular expression", "termination", taking(regex="/cd(/.*)?"), [UNSERVED]),
    ("G06", "the same by the Gateway API", "termination", api("/cd"), [UNSERVED]),
    (
        "G06",
        "another path than argocd-server's",
        "termination",
        after(taking(prefix="/cd"), serving("/argocd")),
        ["/cd leads to argocd-server, which serves /argocd: it answers 404"],
    ),
    (
        "G06",
        "another path in the address",
        "termination",
        after(address("https://argocd.example.com/argocd"), serving("/cd")),
        ["url has the path /argocd, and argocd-server's is /cd: links and single sign-on lead nowhere"],
    ),
    (
        "G06",
        "no path in the address",
        "termination",
        after(address("https://argocd.example.com"), serving("/cd")),
        ["url has no path, and argocd-server's is /cd: links and single sign-on lead nowhere"],
    ),
    ("G11", "taken away by a regular expression", "termination", taking(STRIPPED, prefix="/cd"), [UNKNOWN]),
    (
        "G11",
        "every path becomes one",
        "termination",
        taking({"uri": "/"}, regex="/cd.*"),
        [f"every path becomes /: {BLANK}"],
    ),
    ("G11", "taken away by a URLRewrite", "termination", api("/cd", **PREFIX), [UNKNOWN]),
    (
        "G11",
        "every path becomes one by a URLRewrite",
        "termination",
        api("/cd", **replaced(type="ReplaceFullPath", replaceFullPath="/")),
        [f"every path becomes /: {BLANK}"],
    ),
    (
        "G11",
        "taken away, and argocd-server wants it",
        "termination",
        after(taking({"uri": "/"}, prefix="/cd"), serving("/cd")),
        ["/cd is rewritten to /, and argocd-server serves /cd: it answers 404"],
    ),
    (
        "G11",
        "one path that is taken away",
        "termination",
        taking({"uri": "/"}, exact="/cd"),
        [UNKNOWN],
    ),
    (
        "G11",
        "two alternatives",
        "termination",
        lambda objects: routes(objects)["http"][0].update(
            match=[{"uri": {"prefix": "/cd"}}, {"uri": {"exact": "/ci"}}], rewrite={"uri": "/"}
        ),
        [UNKNOWN],
    ),
    (
        "G11",
        "another base",
        "termination",
        after(taking({"uri": "/"}, prefix="/cd"), serving("/argocd", "basehref")),
        [f"/cd is rewritten to /, and argocd-server's base is /argocd: {BLANK}"],
    ),
]

PATHS_SPARED: list[tuple[str, str, Breaking, str]] = [
    ("the path of argocd-server", "termination", after(taking(prefix="/cd"), serving("/cd")), "path begins with /cd"),
    ("a path above it", "termination", after(taking(prefix="/c"), serving("cd/")), "path begins with /c"),
    (
        "the base of a path that is taken away",
        "termination",
        after(taking({"uri": "/"}, prefix="/cd/"), serving("/cd", "basehref")),
        "the path becomes /",
    ),
    (
        "the base and the address",
        "termination",
        after(
            address("https://argocd.example.com/cd"), after(taking(STRIPPED, prefix="/cd"), serving("/cd", "basehref"))
        ),
        r"the path becomes /\2 where it matches ^/cd(/|$)(.*)",
    ),
    ("a webhook alone", "termination", taking(prefix="/api/webhook"), "path begins with /api/webhook"),
    ("a webhook by another path", "termination", taking({"uri": "/api/webhook"}, exact="/hook"), "path is /hook"),
    ("a service of gRPC", "termination", taking(prefix="/session.SessionService/"), "begins with /session"),
    ("a path beside everything", "termination", taking(beside=True, prefix="/cd"), "everything else"),
    ("a path taken away beside everything", "termination", taking(STRIPPED, beside=True, prefix="/cd"), "everything"),
    (
        "a webhook by another path beside everything",
        "termination",
        taking({"uri": "/api/webhook"}, beside=True, prefix="/hook"),
        "path begins with /hook",
    ),
    ("a path that nobody knows", "termination", taking(regex="/(cd|ci).*"), "path matches"),
    (
        "a path that only everything is taken from",
        "termination",
        lambda objects: routes(objects)["http"][0].update(rewrite=STRIPPED),
        "the path becomes",
    ),
    ("the path of the Gateway API", "termination", after(api("/cd"), serving("/cd")), "path begins with /cd"),
    ("its base", "termination", after(api("/cd", **PREFIX), serving("/cd", "basehref")), "the path becomes /"),
]
