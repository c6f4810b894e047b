"""Draws the ways as a self-contained SVG that follows the reader's dark mode."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from xml.sax.saxutils import escape

from argocd_istio.explain import words
from argocd_istio.explain.picture import Picture
from argocd_istio.lint.rule import Finding
from argocd_istio.render.model import Listener, Pods, Route, Way
from argocd_istio.syntax.source import visible

_WIDTH = 1060
_MARGIN, _TOP, _GAP, _PAD = 16, 44, 14, 10
_LINE = {"head": 19, "": 19, "note": 16}
# Pixels per character in the widest common sans-serif fonts; lines are broken to fit them.
_CHAR = {"head": 9.2, "": 7.8, "note": 6.7}


@dataclass(frozen=True)
class _Column:
    """The column for boxes of one kind; arrows run between the columns."""

    title: str
    left: int
    width: int

    @property
    def right(self) -> int:
        return self.left + self.width


_HOST = _Column("host", 32, 184)
_GATEWAY = _Column("Istio gateway", 258, 196)
_SERVICE = _Column("Service", 620, 190)
_BELOW = _Column("", 0, _SERVICE.left - _GATEWAY.right + 24)
_PODS = _Column("pods", 862, 166)

_STYLE = """
    .ground { fill: #ffffff }
    .lane { fill: #f4f6fa }
    .box { fill: #ffffff; stroke: #8a94a6; stroke-width: 1.5 }
    .key { fill: #fff3d6; stroke: #c28a00; stroke-width: 1.5 }
    .broken { fill: #ffe9e9; stroke: #c62828; stroke-width: 2 }
    text { fill: #1c2430 }
    .head { font-weight: 600 }
    .note { font-size: 12px; fill: #566072 }
    .problem { fill: #c62828 }
    .dot { fill: #c62828 }
    .digit { fill: #ffffff; font-size: 12px; font-weight: 600 }
    .tls { stroke: #1a7f4b; stroke-width: 4; fill: none }
    .clear { stroke: #c2410c; stroke-width: 2.5; stroke-dasharray: 7 5; fill: none }
    .tlshead { fill: #1a7f4b }
    .clearhead { fill: #c2410c }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117 }
      .lane { fill: #161c26 }
      .box { fill: #0d1117; stroke: #7d8798 }
      .key { fill: #3a2f10; stroke: #d9a520 }
      .broken { fill: #3d1518; stroke: #ff7b72 }
      text { fill: #e6e9ee }
      .note { fill: #a3adbd }
      .problem { fill: #ff7b72 }
      .dot { fill: #ff7b72 }
      .digit { fill: #0d1117 }
      .tls { stroke: #3fb97a }
      .clear { stroke: #fb8a4c }
      .tlshead { fill: #3fb97a }
      .clearhead { fill: #fb8a4c }
    }
"""


_Line = tuple[str, str]
"""A text and its class."""


@dataclass
class _Box:
    """A box and the arrow that leads to it. `marks` are the numbers of its problems."""

    column: _Column
    lines: list[_Line]
    kind: str = "box"
    encrypted: bool = False
    above: list[_Line] = field(default_factory=list)
    below: list[_Line] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)
    children: list[_Box] = field(default_factory=list)
    middle: int = 0

    @property
    def height(self) -> int:
        return _height(self.lines) + 2 * _PAD

    def place(self, top: int) -> int:
        """Place the box and all boxes to its right from `top` down; return the y below them."""
        # Leave room for the arrow's texts at the box's middle.
        own = max(self.height, 2 * _height(self.above) + 8, 2 * _height(self.below) + 8)
        y = top
        for child in self.children:
            y = child.place(y) + _GAP
        bottom = max(y - _GAP, top + own)
        if y - _GAP < bottom and self.children:
            self.children_down((bottom - (y - _GAP)) // 2)
        self.middle = (top + bottom) // 2
        return bottom

    def children_down(self, by: int) -> None:
        for child in self.children:
            child.middle += by
            child.children_down(by)

    def each(self) -> Iterator[tuple[_Box, _Box]]:
        """Every (box, box to its right)."""
        for child in self.children:
            yield self, child
            yield from child.each()


def draw(picture: Picture) -> str:
    """The whole picture: one lane for each way, problems as numbered lines below."""
    problems = _Problems(picture)
    parts: list[str] = []
    y = _TOP
    for way in picture.facts.ways:
        box = _way(way, problems)
        bottom = box.place(y + _GAP) + _GAP
        parts.append(
            f'<rect class="lane" x="{_MARGIN}" y="{y}" width="{_WIDTH - 2 * _MARGIN}" height="{bottom - y}" rx="8"/>'
        )
        parts += _drawn(box)
        y = bottom + 12
    problems.number(picture.rest)
    for problem, number in problems.found.items():
        for index, line in enumerate(_broken(problem, "", _WIDTH - 100)):
            y += _LINE[""] + (0 if index else 5)
            parts.append("" if index else _dot(44, y - 5, number))
            parts.append(f'<text class="problem" x="62" y="{y}">{escape(line)}</text>')
    y += 26 if problems.found else 14
    parts += [
        f'<path class="tls" d="M32 {y - 4}H82"/>',
        f'<text class="note" x="92" y="{y}">TLS</text>',
        f'<path class="clear" d="M142 {y - 4}H192"/>',
        f'<text class="note" x="202" y="{y}">clear text</text>',
    ]
    columns = (_HOST, _GATEWAY, _SERVICE, _PODS)
    heads = [_text(column.left + column.width // 2, 28, column.title, "head") for column in columns]
    named = ", ".join(each for way in picture.facts.ways for each in words.hosts(way)) or "no host"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y + 18}" role="img" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"14\">\n"
        f"  <title>How a request reaches {escape(named)}</title>\n"
        f"  <style>{_STYLE}  </style>\n"
        f"  <defs>{_marker('tls')}{_marker('clear')}</defs>\n"
        f'  <rect class="ground" width="{_WIDTH}" height="{y + 18}" rx="12"/>\n'
        + "".join(f"  {part}\n" for part in [*heads, *parts] if part)
        + "</svg>\n"
    )


class _Problems:
    """Numbers findings in order of occurrence; an equal finding keeps its number."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.found: dict[str, int] = {}

    def number(self, findings: Iterable[Finding]) -> list[int]:
        return [self.found.setdefault(str(finding), len(self.found) + 1) for finding in findings]

    def at(self, fact: object) -> list[int]:
        """The numbers of the findings about a fact."""
        return self.number(self.picture.at(fact))


def _way(way: Way, problems: _Problems) -> _Box:
    box = _Box(_HOST, _lines(words.hosts(way), "head", _HOST), marks=problems.at(way))
    box.children = [_listener(listener, problems) for listener in way.listeners]
    return box


def _listener(listener: Listener, problems: _Problems) -> _Box:
    head = words.port(listener) or words.gateway(listener)
    notes = [
        words.gateway(listener) if words.port(listener) else "",
        f"answers {listener.redirect} to https" if listener.redirect else "",
        words.tls(listener),
    ]
    lines = [*_lines([head], "head", _GATEWAY), *_lines(notes, "note", _GATEWAY)]
    box = _Box(_GATEWAY, lines, "key" if listener.certificate else "box")
    box.encrypted = words.encrypted(listener)
    box.marks = problems.at(listener)
    for index, route in enumerate(problems.picture.routes(listener)):
        box.children += _route(route, index == 0, words.encrypted(listener), problems)
    return box


def _route(route: Route, first: bool, encrypted: bool, problems: _Problems) -> list[_Box]:
    room = _SERVICE.left - _GATEWAY.right - 30
    above = [(piece, "note") for each in words.conditions(route, first) for piece in _broken(each, "note", room)]
    marks = problems.at(route)
    boxes = []
    for destination in route.destinations:
        lines = _lines(words.service(destination).split(", "), "", _SERVICE)
        box = _Box(_SERVICE, lines, encrypted=words.hidden(destination), above=above)
        box.below = _lines([words.sent(destination), *words.extras(route)], "note", _BELOW)
        box.marks = [*marks, *problems.at(destination)]
        shown, more = problems.picture.pods(destination)
        box.children = [_pods(each, box.encrypted, problems) for each in shown]
        if more:
            box.children.append(_Box(_PODS, _lines([words.more(more)], "note", _PODS), encrypted=box.encrypted))
        boxes.append(box)
        above, marks = [], []
    if boxes:
        return boxes
    lines = _lines([visible(route.answer) or "nothing"], "", _SERVICE)
    return [_Box(_SERVICE, lines, encrypted=encrypted, above=above, marks=marks)]


def _pods(pods: Pods, encrypted: bool, problems: _Problems) -> _Box:
    notes = [words.listens(pods), words.because(pods), words.shown_certificate(pods)]
    lines = [*_lines(words.pods(pods).split(", "), "", _PODS), *_lines(notes, "note", _PODS)]
    box = _Box(_PODS, lines, "key" if pods.certificate else "box", encrypted)
    box.marks = problems.at(pods)
    return box


def _merge(listener: _Box) -> None:
    """Neighbours that lead to the same pods share one box."""
    for _, group in groupby(listener.children, key=lambda box: [(pods.lines, pods.encrypted) for pods in box.children]):
        services = list(group)
        for twins in zip(*(box.children for box in services), strict=True):
            one = twins[0]
            one.marks = list(dict.fromkeys(mark for twin in twins for mark in twin.marks))
            one.middle = (twins[0].middle + twins[-1].middle) // 2
            for box, twin in zip(services, twins, strict=True):
                box.children[box.children.index(twin)] = one


def _drawn(root: _Box) -> Iterator[str]:
    """The arrows, then the boxes, which are drawn over them."""
    for listener in root.children:
        _merge(listener)
    pairs = list(root.each())
    for start, end in pairs:
        yield from _arrow(start, end)
    for box in {id(box): box for box in [root, *(end for _, end in pairs)]}.values():
        yield from _box(box)


def _arrow(start: _Box, end: _Box) -> Iterator[str]:
    kind = "tls" if end.encrypted else "clear"
    left, right = start.column.right, end.column.left - 3
    bend = left + 22
    yield (
        f'<path class="{kind}" d="M{left} {start.middle}C{bend} {start.middle} {left + 4} {end.middle} '
        f'{bend + 4} {end.middle}H{right}" marker-end="url(#{kind})"/>'
    )
    middle = (bend + right) // 2
    y = end.middle - 8 - _height(end.above)
    for line, name in end.above:
        y += _LINE[name]
        yield _text(middle, y, line, name)
    y = end.middle + 4
    for line, name in end.below:
        y += _LINE[name]
        yield _text(middle, y, line, name)


def _box(box: _Box) -> Iterator[str]:
    top = box.middle - box.height // 2
    kind = "broken" if box.marks else box.kind
    yield (
        f'<rect class="{kind}" x="{box.column.left}" y="{top}" width="{box.column.width}" '
        f'height="{box.height}" rx="6"/>'
    )
    y = top + _PAD - 4
    for line, name in box.lines:
        y += _LINE[name]
        yield _text(box.column.left + box.column.width // 2, y, line, name)
    for index, mark in enumerate(box.marks):
        yield _dot(box.column.right - 4 - 22 * index, top, mark)


def _text(x: int, y: int, line: str, name: str) -> str:
    kind = f' class="{name}"' if name else ""
    return f'<text{kind} x="{x}" y="{y}" text-anchor="middle">{escape(line)}</text>'


def _dot(x: int, y: int, number: int) -> str:
    return (
        f'<circle class="dot" cx="{x}" cy="{y}" r="10"/>'
        f'<text class="digit" x="{x}" y="{y + 4}" text-anchor="middle">{number}</text>'
    )


def _marker(kind: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="13" markerHeight="13" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="{kind}head" d="M0 0 10 5 0 10z"/></marker>'
    )


def _lines(notes: Iterable[str], name: str, column: _Column) -> list[_Line]:
    """The texts of a box, each on a new line."""
    return [(line, name) for each in notes if each for line in _broken(each, name, column.width)]


def _height(lines: list[_Line]) -> int:
    return sum(_LINE[name] for _, name in lines)


def _broken(text: str, name: str, width: int) -> list[str]:
    """A text in lines of at most `width` pixels, broken between words, else after punctuation, else anywhere."""
    most = (width - 2 * 8) / _CHAR[name]
    lines = [""]
    for word in _pieces(text, most, (" ", "/", ".-=,_")):
        if _size(lines[-1] + word) > most:
            lines.append("")
        lines[-1] += word if lines[-1] else word.lstrip()
    return [line.rstrip() for line in lines]


def _pieces(text: str, most: float, signs: tuple[str, ...]) -> list[str]:
    """Pieces of at most `most` characters, cut after one of `signs`, in order of preference."""
    if _size(text) <= most and signs[:1] != (" ",):
        return [text]
    if not signs:
        step = max(1, int(most / 2))
        return [text[at : at + step] for at in range(0, len(text), step)]
    sign = re.escape(signs[0])
    cut = re.findall(rf"[^{sign}]*[{sign}]|[^{sign}]+$", text)
    return [piece for part in cut for piece in _pieces(part, most, signs[1:])]


def _size(text: str) -> float:
    """The width of a text in average characters: capitals are wider, other scripts up to twice as wide."""
    return sum(1.3 if char.isupper() else 1 if char.isascii() else 2 for char in text.rstrip())
