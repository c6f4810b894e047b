"""The path below which Argo CD is served: match, rewrite, rootpath, basehref and url have to agree.

With rootpath, argocd-server answers only below it, and its pages request everything below it. With basehref alone, the
pages request below it too, but the gateway must strip it: `withRootPath` in `server/server.go` of Argo CD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from argocd_istio.lint.rule import Fault, Rule, named_few
from argocd_istio.render.model import ArgocdServer, Behind, Facts, Moved, Route

# Paths that argocd-server answers below its root, besides the files of its page and gRPC services.
_OWN = {
    *("api", "applications", "assets", "auth", "download", "extensions", "healthz", "help", "login", "metrics"),
    *("pkce", "settings", "swagger-ui", "terminal", "user-info"),
}


class _Base(NamedTuple):
    """The path that argocd-server answers below, and the path that its pages request below; without slashes."""

    root: str
    pages: str

    def answers(self, path: str) -> bool:
        return not self.root or path == self.root or path.startswith(f"{self.root}/")

    def shows(self, moved: Moved) -> bool:
        """Whether requests of the pages arrive at a path that argocd-server serves."""
        asked, given = moved.asked.strip("/"), moved.given.strip("/")
        if asked == given:
            return self.pages.startswith(asked) and self.pages == self.root and not moved.whole
        return asked == self.pages and given == self.root and not moved.whole


def _base(argocd: ArgocdServer | None) -> _Base | None:
    """None if these files do not say it."""
    if argocd is None or argocd.rootpath is None or argocd.basehref is None:
        return None
    root = argocd.rootpath.strip("/")
    return _Base(root, root or argocd.basehref.strip("/"))


def _misled(facts: Facts) -> Iterator[tuple[Route, Moved, _Base]]:
    """Listeners whose routes do not show Argo CD's pages: each route to argocd-server, and its paths."""

    @cache
    def base(behind: Behind) -> _Base | None:
        return next((_base(pods.argocd_server) for pods in behind.argocd_servers), None)

    ways: dict[int, list[tuple[Route, _Base]]] = {}
    for listener, route, destination in facts.argocd_servers():
        found = base(destination.pods)
        # The paths of gRPC are its services, whatever the root is.
        if found and route.grpc != "only" and route.kind in ("VirtualService", "HTTPRoute"):
            ways.setdefault(id(listener), []).append((route, found))
    for routes in ways.values():
        if not any(found.shows(moved) for route, found in routes for moved in route.moved):
            yield from ((route, moved, found) for route, found in routes for moved in route.moved)


def _own(path: str) -> bool:
    first = path.partition("/")[0]
    return first in _OWN or "." in first


def _shown(path: str) -> str:
    return path if path == "/" else path.rstrip("/")


def _unserved(facts: Facts) -> Iterator[Fault]:
    for route, moved, base in _misled(facts):
        path = moved.asked.strip("/")
        if path != moved.given.strip("/") or not path or "." in path.partition("/")[0] or path == "healthz":
            continue
        end = "it answers 404" if base.root else "the page stays blank"
        if not (base.answers(path) or base.root.startswith(path)) or (not base.root and not _own(path)):
            message = f"/{path} leads to argocd-server, which serves /{base.root}: {end}"
            fix = f"take /{base.root} in the match" if base.root else f"set server.rootpath: /{path}"
            yield Fault(route, route.place, message, fix)
    yield from _address(facts, True)


def _rewritten(facts: Facts) -> Iterator[Fault]:
    for route, moved, base in _misled(facts):
        asked, given = moved.asked.strip("/"), moved.given.strip("/")
        if asked == given or _own(given.removeprefix(base.root).strip("/")):
            continue
        every = moved.whole and not moved.one
        what = f"every path becomes {moved.given}" if every else f"{moved.asked} is rewritten to {moved.given}"
        if not base.answers(given):
            message = f"{what}, and argocd-server serves /{base.root}: it answers 404"
            yield Fault(route, route.place, message, "remove the rewrite")
        elif given == base.root and (asked or moved.whole):
            fix = f"set server.rootpath: {_shown(moved.asked)} and remove the rewrite"
            known = f"argocd-server's base is /{base.pages}" if base.pages else "argocd-server does not know that path"
            message = f"{what}: the page stays blank" if every else f"{what}, and {known}: the page stays blank"
            yield Fault(route, route.place, message, fix)


def _address(facts: Facts, base: bool) -> Iterator[Fault]:
    """A url with another path than argocd-server's, for servers with a path (`base`) or without."""
    bases: dict[str, _Base | None] = {}
    for _, pods in facts.pods(lambda *_: None):
        if pods.argocd_server:
            bases[pods.name.partition("/")[0]] = _base(pods.argocd_server)
    for config in facts.install.configs:
        try:
            path = urlsplit(config.url).path.strip("/")
        except ValueError:
            continue
        found = bases.get(config.namespace)
        if not config.url or found is None or path == found.pages or bool(found.pages) is not base:
            continue
        message = f"url has the path /{path}, and argocd-server serves /: links and single sign-on lead nowhere"
        fix = f"set server.rootpath: /{path}, or drop the path"
        if base:
            written = f"the path /{path}" if path else "no path"
            message = f"url has {written}, and argocd-server's is /{found.pages}: links and single sign-on lead nowhere"
            fix = "give both the same path"
        yield Fault(None, config.place.at("data", "url"), message, fix)


def _once(check: Callable[[Facts], Iterator[Fault]]) -> Callable[[Facts], Iterator[Fault]]:
    """Only the first of several alternatives of a route reports it."""

    def first(facts: Facts) -> Iterator[Fault]:
        found: dict[tuple[int, int], Fault] = {}
        for fault in check(facts):
            found.setdefault((id(fault.fact), id(fault.place and fault.place.node)), fault)
        yield from found.values()

    return first


def _no_boundary(facts: Facts) -> Iterator[Fault]:
    """Only Istio's prefix is one of letters; that of the Gateway API is one of whole parts."""
    for listener, route, _ in facts.argocd_servers():
        if route.kind != "VirtualService" or not listener.here:
            continue
        for moved in route.moved:
            open_end = moved.asked in route.paths or f"path matches {moved.asked}.*" in route.match
            if not moved.one and len(moved.asked) > 1 and not moved.asked.endswith("/") and open_end:
                message = f"the prefix {moved.asked} also takes {moved.asked}-other"
                fix = f"match exactly {moved.asked}, and the prefix {moved.asked}/"
                yield Fault(route, route.place, message, fix)


# What a browser and the CLI ask for besides the page.
_NEEDED = ("/api/v1/session", "/assets/favicon/favicon.ico", "/auth/login", "/applications", "/settings")


def _left_out(facts: Facts) -> Iterator[Fault]:
    """Only for listeners that show the page: others may be meant for a webhook alone."""
    ways: dict[int, list[tuple[Route, str]]] = {}
    whole: set[int] = set()
    for listener, route, destination in facts.argocd_servers():
        base = _base(next(pods.argocd_server for pods in destination.pods.argocd_servers))
        if base is None or route.grpc == "only" or not route.reached:
            continue
        # Of the Gateway API only the conditions are known as words.
        paths = route.paths if route.kind == "VirtualService" else route.match
        if not (route.match and route.by_path and paths and len(route.moved) == len(paths)):
            if not (route.match and route.by_path):
                whole.add(id(listener))
            continue
        ways.setdefault(id(listener), []).append((route, base.pages))
    for key, routes in ways.items():
        if key in whole:
            continue
        root = f"/{routes[0][1]}" if routes[0][1] else ""
        moved = [each for route, _ in routes for each in route.moved]

        def takes(path: str, moved: list[Moved] = moved) -> bool:
            return any(path == each.asked if each.one else path.startswith(each.asked) for each in moved)

        lost = [path for path in _NEEDED if not takes(root + path)]
        if lost and any(map(takes, (f"{root}/", f"{root}/login", f"{root}/applications"))):
            message = f"no route takes {named_few([root + path for path in lost])}: the page stays blank or login fails"
            yield Fault(routes[0][0], routes[0][0].place, message, f"route {root or '/'} as a whole")


_PATHS = """
    kind: VirtualService
    metadata: {{name: argocd}}
    spec:
      http:
      - match: [{0}]
        route: [{{destination: {{host: argocd-server.argocd.svc.cluster.local, port: {{number: 80}}}}}}]
"""
_ROOTPATH = """
    ---
    kind: ConfigMap
    metadata: {name: argocd-cmd-params-cm}
    data: {server.rootpath: /argocd}
"""

RULES = (
    Rule(
        "G06",
        "another-path",
        "error",
        _once(_unserved),
        effect="argocd-server answers 404, or the page stays blank.",
        decided="The path that the routes take, server.rootpath and the path of url are not the same. basehref "
        "alone may differ: rootpath wins.",
        source="withRootPath in server/server.go of Argo CD",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{uri: {prefix: /argocd}}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{uri: {prefix: /argocd}}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
            ---
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.rootpath: "/argocd"}
        """,
    ),
    Rule(
        "G07",
        "prefix-without-boundary",
        "warning",
        _no_boundary,
        advice=True,
        effect="Requests for another application, such as /argocd-image-updater, reach Argo CD.",
        decided="A VirtualService matches a prefix that ends within a name. A prefix of the Gateway API ends at a "
        "slash.",
        source="https://istio.io/latest/docs/reference/config/networking/virtual-service/#StringMatch",
        wrong=_PATHS.format("{uri: {prefix: /argocd}}") + _ROOTPATH,
        right=_PATHS.format("{uri: {exact: /argocd}}, {uri: {prefix: /argocd/}}") + _ROOTPATH,
    ),
    Rule(
        "G08",
        "paths-left-out",
        "error",
        _left_out,
        effect="The page stays blank, or login, logs and settings answer 404.",
        decided="Every route to argocd-server is for certain paths, the page is among them, and one that it needs "
        "is not. Paths for a webhook alone are fine.",
        source="The paths that argocd-server 3.6 serves: server/server.go of Argo CD",
        wrong=_PATHS.format("{uri: {exact: /}}, {uri: {prefix: /api/}}, {uri: {prefix: /assets/}}"),
        right=_PATHS.format("{uri: {prefix: /}}"),
    ),
    Rule(
        "G10",
        "path-without-rootpath",
        "error",
        lambda facts: _address(facts, False),
        effect="Links and single sign-on lead to 404.",
        decided="url in argocd-cm has a path, and argocd-server serves at /.",
        source="util/settings/settings.go of Argo CD",
        wrong="""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}
            data: {url: https://argocd.example.com/cd}
        """,
        right="""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: argocd-cm, labels: {app.kubernetes.io/part-of: argocd}}
            data: {url: https://argocd.example.com}
        """,
    ),
    Rule(
        "G11",
        "rewrite-without-rootpath",
        "error",
        _once(_rewritten),
        effect="The page stays blank: it asks for its files at a path that no route takes.",
        decided="A route rewrites the prefix, and argocd-server's rootpath or basehref does not fit it.",
        source="withRootPath in server/server.go of Argo CD",
        wrong="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{uri: {prefix: /argocd}}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
                rewrite: {uri: /}
        """,
        right="""
            kind: VirtualService
            metadata: {name: argocd}
            spec:
              hosts: [argocd.example.com]
              http:
              - match: [{uri: {prefix: /argocd}}]
                route: [{destination: {host: argocd-server.argocd.svc.cluster.local, port: {number: 80}}}]
            ---
            kind: ConfigMap
            metadata: {name: argocd-cmd-params-cm}
            data: {server.rootpath: "/argocd"}
        """,
    ),
)
