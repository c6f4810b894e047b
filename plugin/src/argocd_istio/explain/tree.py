"""Draws the ways as text trees."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field

from argocd_istio.explain import words
from argocd_istio.explain.picture import Picture
from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Listener, Pods, Way
from argocd_istio.streams import inert
from argocd_istio.syntax.source import visible


@dataclass(frozen=True)
class Charset:
    """The characters of the picture: branch, last branch, trunk, gap, mark of a problem, mark of a note."""

    branch: str
    last: str
    trunk: str
    gap: str
    mark: str
    note: str


UNICODE = Charset("├─ ", "└─ ", "│  ", "   ", "✗ ", "· ")
ASCII = Charset("|- ", "`- ", "|  ", "   ", "!! ", "-- ")

_COLOURS = {"host": "1", "place": "2", "tls": "32", "clear": "33", "problem": "1;31", "note": "", "": ""}


@dataclass
class _Node:
    """`parts` are (text, kind of text)."""

    parts: list[tuple[str, str]]
    children: list[_Node] = field(default_factory=list)


def draw(picture: Picture, *, width: int = 80, charset: Charset = UNICODE, colour: bool = False) -> str:
    """The whole picture, one tree for each way; lines are broken at `width` where words allow."""
    trees = [_way(way, picture) for way in picture.facts.ways]
    lines: list[str] = []
    for number, tree in enumerate(trees):
        lines += [""] if number else []
        _lines(tree, "", "", lines, width, charset, colour)
    if picture.rest:
        lines += [""] if lines else []
        for problem in _problems(picture.rest):
            _lines(problem, "", "", lines, width, charset, colour)
    return "".join(inert(line.rstrip(), " ") + "\n" for line in lines)


def _problems(findings: Iterable[Finding]) -> list[_Node]:
    return [_Node([(str(each), "note" if each.severity == "info" else "problem")]) for each in findings]


def _way(way: Way, picture: Picture) -> _Node:
    children = [_listener(listener, picture) for listener in way.listeners]
    return _Node([(", ".join(words.hosts(way)), "host")], [*children, *_problems(picture.at(way))])


def _listener(listener: Listener, picture: Picture) -> _Node:
    node = _Node([(words.port(listener), ""), (f"({words.gateway(listener)})", "place")])
    if not words.port(listener):
        node.parts = [(words.gateway(listener), "")]
    if words.tls(listener):
        node.children.append(_Node([(words.tls(listener), "tls")]))
    if listener.redirect:
        node.children.append(_Node([(f"{listener.redirect} to https", "")]))
    node.children += _problems(picture.at(listener))
    for index, route in enumerate(picture.routes(listener)):
        conditions = " or ".join(words.conditions(route, index == 0))
        child = _Node([(conditions, ""), (f"({words.rule(route)})", "place")])
        if route.answer:
            child.children.append(_Node([(visible(route.answer), "")]))
        child.children += [_Node([(extra, "")]) for extra in words.extras(route)]
        child.children += _problems(picture.at(route))
        for destination in route.destinations:
            kind = "tls" if words.hidden(destination) else "clear"
            service = _Node([(words.service(destination) + ":", ""), (words.sent(destination), kind)])
            service.children += _problems(picture.at(destination))
            shown, more = picture.pods(destination)
            service.children += [_pods(pods, picture) for pods in shown]
            service.children += [_Node([(words.more(more), "")])] if more else []
            child.children.append(service)
        node.children.append(child)
    return node


def _pods(pods: Pods, picture: Picture) -> _Node:
    node = _Node([(words.pods(pods), "")])
    if words.listens(pods):
        kind = {"TLS": "tls", "plain HTTP": "clear"}.get(words.listens(pods), "")
        node.parts = [(words.pods(pods) + ":", ""), (words.listens(pods), kind), (f"({words.because(pods)})", "place")]
    if words.shown_certificate(pods):
        node.children.append(_Node([(words.shown_certificate(pods), "tls")]))
    node.children += _problems(picture.at(pods))
    return node


def _lines(node: _Node, first: str, rest: str, lines: list[str], width: int, charset: Charset, colour: bool) -> None:
    """Append the lines of a node; `first` is the prefix of its first line, `rest` that of the others."""
    below = rest + (charset.trunk if node.children else charset.gap)
    for index, line in enumerate(_broken(node.parts, width - len(first), charset, colour)):
        lines.append((first if index == 0 else below) + line)
    for child in node.children:
        last = child is node.children[-1]
        _lines(
            child,
            rest + (charset.last if last else charset.branch),
            rest + (charset.gap if last else charset.trunk),
            lines,
            width,
            charset,
            colour,
        )


def _broken(parts: list[tuple[str, str]], width: int, charset: Charset, colour: bool) -> list[str]:
    """The parts as lines: a part that does not fit goes to the next line, and is broken between words."""
    lines = [""]
    used = 0
    for text, kind in parts:
        text = {"problem": charset.mark, "note": charset.note}.get(kind, "") + text
        room = width - len(charset.gap)
        if used and used + 1 + len(text) <= width:
            pieces, joined = [text], True
        else:
            most = room if used or len(text) > width else width
            pieces = textwrap.wrap(text, most, break_long_words=False, break_on_hyphens=False) or [""]
            joined = not used
        code = _COLOURS[kind] if colour else ""
        for piece in pieces:
            shown = f"\x1b[{code}m{piece}\x1b[0m" if code else piece
            if joined:
                lines[-1] += (" " if used else "") + shown
                used += len(piece) + (1 if used else 0)
                joined = False
            else:
                lines.append(shown)
                used = len(piece)
    return lines
