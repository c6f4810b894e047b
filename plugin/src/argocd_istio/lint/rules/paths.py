"""The path below which Argo CD is served: match, rewrite, rootpath, basehref and url have to agree.

With rootpath, argocd-server answers only below it, and its pages request everything below it. With basehref alone, the
pages request below it too, but the gateway must strip it: `withRootPath` in `server/server.go` of Argo CD.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple
from urllib.parse import urlsplit

from argocd_istio.lint.rule import Fault, Rule
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


RULES = (
    Rule("G06", "another-path", "error", _once(_unserved)),
    Rule("G10", "path-without-rootpath", "error", lambda facts: _address(facts, False)),
    Rule("G11", "rewrite-without-rootpath", "error", _once(_rewritten)),
)
