"""Change one value of a YAML or JSON text and no other character.

The text is never rewritten: spans of it are replaced, the result is parsed again, and it may differ only in the
requested value. A change that is impossible this way is refused with its line.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NoReturn

from argocd_istio.exposure.check import noun
from argocd_istio.syntax import source as src
from argocd_istio.syntax.emit import needs_quotes, styled
from argocd_istio.syntax.scalars import reading
from argocd_istio.syntax.source import Alias, Mapping, Node, Scalar, Source, SourceError

Path = tuple[str | int, ...]
Value = str | list[str] | dict[str, str]
Splice = tuple[int, int, str]
"""Start, end, and the replacement."""
Entry = tuple[Node, ...]
"""An item of a list, or key and value of a mapping."""

_BREAK = re.compile("\r\n|[\n\r]")
# A line end in YAML 1.1 and text in YAML 1.2; a byte order mark that is not the first character.
_AMBIGUOUS = re.compile("[\x85\u2028\u2029]|(?<=.)\ufeff", re.DOTALL)
_NULLS = ("nothing", "the null")
_TAGS = ("", "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_BY_HAND = "edit it by hand"


def change(source: Source, number: int, path: Path, value: Value | None) -> bytes:
    """The file with `value` at `path` of document `number` (from 0); without that field if `value` is None.

    Missing mappings on the path are created; a mapping that a removal leaves empty is removed too if it has
    the style of its parent, block or flow. Raises SourceError if the value cannot be changed alone: an alias
    shares it, it is a block scalar, or a comment would be lost.
    """
    root = source.documents[number].root
    assert root is not None
    text = source.text
    for start, end, instead in sorted(_Splicer(source, root).plan(path, value), reverse=True):
        text = text[:start] + instead + text[end:]
    data = text.encode()
    if text != source.text and not _only_difference(source, data, number, path, value):
        node = _nearest(root, path)
        raise source.error(node, "a place where the new value would be read differently", "plain layout", _BY_HAND)
    return data


def former(source: Source, number: int, path: Path) -> tuple[bool, Value | None]:
    """Whether the path exists, and its value: None for a scalar that a reader does not read as text (`on`, `12`)."""
    node: Node | None = source.documents[number].root
    for key in path:
        if node is None or _reading(node) in _NULLS:
            break
        node = node.get(key)
    if node is None:
        return False, None
    entries = _entries(node.target)
    parts = [part.target for entry in entries for part in entry] or [node.target]
    if not all(isinstance(part, Scalar) and not reading(part) for part in parts):
        return True, None
    texts = [part.value for part in parts if isinstance(part, Scalar)]
    if isinstance(node.target, Mapping):
        return True, dict(zip(texts[::2], texts[1::2], strict=True))
    return True, texts if isinstance(node.target, src.Sequence) else texts[0]


def _reading(node: Node) -> str:
    """The reading of a scalar, "" for text and for nodes that are not scalars."""
    return reading(node) if isinstance(node, Scalar) else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix(src.BOM), parse_int=str)
    except (ValueError, RecursionError):
        return False
    return True


class _Lines:
    """The starts and ends of lines; a text that ends with a line end has an empty last line."""

    def __init__(self, text: str) -> None:
        self.text = text
        breaks = [found.span() for found in _BREAK.finditer(text)]
        self.starts = [len(src.BOM) if text.startswith(src.BOM) else 0, *(end for _, end in breaks)]
        self.stops = [*(start for start, _ in breaks), len(text)]

    def number(self, offset: int) -> int:
        """The line that an offset is on, from 0."""
        return bisect.bisect_right(self.starts, offset) - 1

    def start(self, offset: int) -> int:
        """The start of the line that an offset is on."""
        return self.starts[self.number(offset)]

    def start_of(self, number: int) -> int:
        """The start of a line; the end of the text for numbers after the last line."""
        return self.starts[number] if number < len(self.starts) else len(self.text)

    def ending(self, number: int) -> str:
        """The line end of a line, "" if there is no such line."""
        return self.text[self.stops[number] : self.start_of(number + 1)] if number >= 0 else ""


class _Splicer:
    """Finds the spans of a change in one document."""

    def __init__(self, source: Source, root: Node) -> None:
        self.source, self.text, self.root = source, source.text, root
        self.is_json = _is_json(source.text)
        self.aliases = {id(node.target): node for node in _walk(root) if isinstance(node, Alias)}
        self.lines = _Lines(source.text)

    def plan(self, path: Path, value: Value | None) -> list[Splice]:
        now = self.root.find(*path)
        if now is None if value is None else now is not None and _reads_as(now, value):
            return []
        ambiguous = _AMBIGUOUS.search(self.text)
        if ambiguous:
            found = f"the character U+{ord(ambiguous[0]):04X}, which YAML parsers read differently"
            self.refuse(self.node_at(ambiguous.start()), found, "none", "remove it")
        parents: list[Node] = []
        node = self.root
        for depth, key in enumerate(path):
            self.require_own(node)
            parents.append(node)
            child = node.get(key)
            if child is None:
                if not (isinstance(node, Mapping) or self.is_null(node)):
                    self.refuse_kind(node, "a mapping")
                assert value is not None
                return self.insert(node, [str(part) for part in path[depth:]], value)
            node = child
        if value is None:
            return self.remove(parents, path)
        return self.replace(node, value)

    # ---- in place

    def replace(self, node: Node, value: Value) -> list[Splice]:
        if isinstance(value, str):
            return self.replace_text(node, value)
        self.require_own(node)
        if self.is_null(node):
            return [self.fill(node, self.flow_value(value))]
        new: list[tuple[str, ...]]
        if isinstance(value, dict):
            if not isinstance(node, Mapping):
                self.refuse_kind(node, "a mapping")
            order = list(node.keys) if node.keys.keys() == value.keys() else list(value)
            new = [(key, value[key]) for key in order]
        else:
            if not isinstance(node, src.Sequence):
                self.refuse_kind(node, "a list")
            new = [(item,) for item in value]
        if not _entries(node):
            return [self.fill(node, self.flow_value(value))]
        return self.replace_entries(node, new)

    def replace_text(self, node: Node, value: str) -> list[Splice]:
        if _reads_as(node, value):
            return []
        self.require_own(node)
        if not isinstance(node, Scalar):
            self.refuse_kind(node, "text")
        if self.is_null(node):
            return [self.fill(node, self.scalar(value, ""))]
        self.require_inline(node)
        return [(node.start, node.end, self.scalar(value, node.style, node.value))]

    def fill(self, node: Node, text: str) -> Splice:
        """Replace a null or an empty collection."""
        start = self.opening(node)
        if "#" in self.text[start : node.end]:
            self.refuse_comment(start)
        return start, node.end, text if start < node.end else " " + text

    def scalar(self, value: str, style: str, before: str | None = None) -> str:
        """The source text of a scalar, in the style of the scalar that it replaces or follows.

        Single quotes around a text that does not need them are the user's and stay. Around a text that needs
        them they may be from `set`, so they are dropped: quotes of `set` disappear when the value is set back.
        """
        if self.is_json:
            style = '"'
        elif style == "'" and before is not None and needs_quotes(before):
            style = ""
        if not style and needs_quotes(value):
            style = "'"
        return json.dumps(value, ensure_ascii=False) if self.is_json else styled(value, style)

    # ---- entries of lists and mappings

    def replace_entries(self, node: Node, new: list[tuple[str, ...]]) -> list[Splice]:
        """Change the entries in place, then add missing ones or remove extra ones.

        The common beginning and end stay; between them the n-th new entry replaces the n-th old one.
        """
        entries = _entries(node)
        old = [self.entry_text(entry) for entry in entries]
        shorter = min(len(old), len(new))
        head = tail = 0
        while head < shorter and old[head] == new[head][0]:
            head += 1
        while tail < shorter - head and old[-1 - tail] == new[-1 - tail][0]:
            tail += 1
        if {*old[head : len(old) - tail]} & {entry[0] for entry in new[head : len(new) - tail]}:
            self.refuse_comments_between(node, entries, head, len(old) - tail)
        kept = shorter - tail
        pairs = [*zip(entries[:kept], new[:kept], strict=True)]
        if tail:
            pairs += zip(entries[-tail:], new[-tail:], strict=True)
        splices = [
            splice
            for entry, texts in pairs
            for part, text in zip(entry, texts, strict=True)
            for splice in self.replace_text(part, text)
        ]
        more, less = new[kept : len(new) - tail], entries[kept : len(old) - tail]
        if more:
            like = entries[max(kept - 1, 0)]
            splices.append(self.add(node, entries, kept, [self.entry_like(like, texts) for texts in more]))
        if less:
            splices.append(self.cut(node, entries, kept, kept + len(less)))
        return splices

    def entry_text(self, entry: Entry) -> str:
        first = entry[0].target
        if not isinstance(first, Scalar):
            self.refuse_kind(entry[0], "text")
        return first.value

    def entry_like(self, entry: Entry, texts: tuple[str, ...]) -> str:
        """A new entry in the style of its neighbour."""
        pieces = []
        for number, (part, text) in enumerate(zip(entry, texts, strict=True)):
            if number:
                pieces.append(self.colon(entry))
            if not isinstance(part, Scalar) or part.tag or part.anchor:
                self.refuse(part, "a neighbour that is not plain text", "plain text, so that the new one can match it")
            self.require_inline(part)
            pieces.append(self.scalar(text, part.style, part.value))
        return "".join(pieces)

    def colon(self, entry: Entry) -> str:
        gap = self.text[entry[0].end : entry[1].start]
        return gap if re.fullmatch(r":[ \t]*", gap) else ": "

    def add(self, node: Node, entries: list[Entry], at: int, texts: list[str]) -> Splice:
        """Insert new entries after the one before `at`, or before the first."""
        if _is_flow(node):
            self.refuse_comments_in_flow(node, entries)
            separator = self.separator(node, entries, at)
            if at:
                place = entries[at - 1][-1].end
                return place, place, "".join(separator + text for text in texts)
            place = entries[0][0].start
            return place, place, "".join(text + separator for text in texts)
        start = entries[max(at - 1, 0)][0].start
        prefix = self.prefix(entries[max(at - 1, 0)])
        lines = [prefix + text for text in texts]
        if at:
            return self.lines_at(self.after(entries[at - 1]), lines)
        self.refuse_comments_above(entries[0], 0)
        return self.lines_at(self.lines.start(start), lines)

    def lines_at(self, place: int, lines: list[str]) -> Splice:
        """Insert whole lines at the start of a line, or at the end of a text, which keeps a missing last line end."""
        at = self.lines.number(place)
        ending = self.lines.ending(at - 1) or "\n"
        at_start = place == self.lines.starts[at]
        return place, place, "".join(line + ending if at_start else ending + line for line in lines)

    def cut(self, node: Node, entries: list[Entry], first: int, stop: int) -> Splice:
        """Remove entries with their lines or commas; at least one entry stays."""
        if _is_flow(node):
            self.refuse_comments_in_flow(node, entries)
            if first:
                return entries[first - 1][-1].end, entries[stop - 1][-1].end, ""
            return entries[0][0].start, entries[stop][0].start, ""
        for entry in entries[first:stop]:
            self.prefix(entry)
        self.refuse_comments_between(node, entries, first, stop)
        at, end = self.lines.number(entries[first][0].start), self.after(entries[stop - 1])
        unfinished = end == len(self.text) > self.lines.starts[-1]
        return self.lines.stops[at - 1] if unfinished else self.lines.starts[at], end, ""

    def separator(self, node: Node, entries: list[Entry], at: int) -> str:
        """The text between two entries of this flow collection."""
        if len(entries) > 1:
            left, right = entries[max(at - 2, 0)], entries[max(at - 1, 1)]
            separator = self.text[left[-1].end : right[0].start]
            if not re.fullmatch(r"\s*,\s*", separator):
                self.refuse(right[0], "an entry with a tag or an anchor", "plain entries")
            return separator
        lead = self.text[self.opening(node) + 1 : entries[0][0].start]
        return "," + lead if _BREAK.search(lead) and lead.isspace() else self.comma(node)

    def comma(self, but: Node | None = None) -> str:
        """The text between entries in single-line flow collections of the document."""
        for node in _walk(self.root):
            for left, right in pairwise(_entries(node) if _is_flow(node) and node is not but else []):
                gap = self.text[left[-1].end : right[0].start]
                if re.fullmatch(r",[ \t]*", gap):
                    return gap
        return ", "

    # ---- new and removed fields

    def insert(self, node: Node, path: list[str], value: Value) -> list[Splice]:
        """Add a key to the end of a mapping, with mappings inside it for the rest of the path."""
        if not isinstance(node, Mapping):  # null
            return [self.fill(node, "{" + self.flow_pair(path, value) + "}")]
        if "<<" in node.keys:
            self.refuse(node.keys["<<"][0], "a merge key (<<)", f"{path[0]} itself")
        entries = _entries(node)
        if not entries:
            return [self.fill(node, "{" + self.flow_pair(path, value) + "}")]
        last = entries[-1]
        if not _is_flow(node):
            indent = self.prefix(last)
            lines = self.block_lines(indent, path, value, self.style_of(last[1]))
            return [self.lines_at(self.after(last), lines)]
        self.refuse_comments_in_flow(node, entries)
        separator = self.separator(node, entries, len(entries))
        broken = [*_BREAK.finditer(separator)]
        text = self.flow_pair(path, value, last, separator[broken[-1].start() :] if broken else "")
        place = self.end_of(last[1])
        return [(place, place, separator + text)]

    def block_lines(self, indent: str, path: list[str], value: Value, style: str) -> list[str]:
        key = indent + self.scalar(path[0], "") + ":"
        if len(path) > 1:
            return [key, *self.block_lines(indent + self.indentation(), path[1:], value, style)]
        if isinstance(value, str):
            return [f"{key} {self.scalar(value, style)}"]
        if isinstance(value, dict):
            inner = indent + self.indentation()
            return [
                key,
                *(f"{inner}{self.scalar(name, '')}: {self.scalar(text, style)}" for name, text in value.items()),
            ]
        inner = indent + self.dash_indentation()
        return [key, *(f"{inner}- {self.scalar(text, style)}" for text in value)]

    def flow_pair(self, path: list[str], value: Value, like: Entry | None = None, newline: str = "") -> str:
        """`key: value` in flow style; over several lines if `newline` (a line end and an indentation) is given."""
        colon = self.colon(like) if like else ": "
        if len(path) == 1:
            inner = self.flow_value(value, like, newline)
        else:
            deeper = newline and newline + self.flow_indentation()
            inner = "{" + deeper + self.flow_pair(path[1:], value, like, deeper) + newline + "}"
        return self.scalar(path[0], "") + colon + inner

    def flow_value(self, value: Value, like: Entry | None = None, newline: str = "") -> str:
        style = self.style_of(like[1]) if like else ""
        if isinstance(value, str):
            return self.scalar(value, style)
        deeper = newline and newline + self.flow_indentation()
        comma = "," + deeper if newline else self.comma()
        if isinstance(value, dict):
            colon = self.colon(like) if like else ": "
            pairs = (self.scalar(key, "") + colon + self.scalar(text, style) for key, text in value.items())
            return "{" + deeper + comma.join(pairs) + newline + "}"
        return "[" + deeper + comma.join(self.scalar(text, style) for text in value) + newline + "]"

    def remove(self, parents: list[Node], path: Path) -> list[Splice]:
        """Remove the last key of the path, and each mapping that becomes empty, except for the outer two."""
        depth = len(path) - 1
        while (
            depth > 1
            and len(_entries(parents[depth])) == 1
            and _is_flow(parents[depth]) == _is_flow(parents[depth - 1])
        ):
            depth -= 1
        node = parents[depth]
        entries = _entries(node)
        key = path[depth]
        at = next(number for number, entry in enumerate(entries) if _key(entry) == key)
        self.require_own(entries[at][1])
        if len(entries) > 1:
            return [self.cut(node, entries, at, at + 1)]
        if not _is_flow(node):
            self.refuse(entries[0][0], "the only field of its mapping", "another one beside it")
        self.refuse_comments_in_flow(node, entries)
        return [(self.opening(node), node.end, "{}")]

    def indentation(self) -> str:
        """The indentation step of nested mappings in this document."""
        return " " * (self.step(Mapping) or 2)

    def dash_indentation(self) -> str:
        return " " * (self.step(src.Sequence) or 0)

    def step(self, kind: type[Node]) -> int | None:
        for node in _walk(self.root):
            for _, value in node.pairs if isinstance(node, Mapping) and not node.flow else []:
                if isinstance(value, kind) and not (_is_flow(value) or value.anchor or value.tag):
                    return value.column - node.column
        return None

    def flow_indentation(self) -> str:
        """The indentation step inside multi-line flow mappings in this document."""
        for node in _walk(self.root):
            if isinstance(node, Mapping) and node.flow and node.pairs:
                close, inner = self.indent_of(node.end - 1), self.indent_of(node.pairs[0][0].start)
                if close is not None and inner is not None and inner.startswith(close) and inner != close:
                    return inner[len(close) :]
        return "  "

    def indent_of(self, offset: int) -> str | None:
        """The spaces before an offset, if nothing else is before it on its line."""
        blanks = self.text[self.lines.start(offset) : offset]
        return None if blanks.strip(" \t") else blanks

    def style_of(self, node: Node) -> str:
        """The quotes of the first value in a node."""
        while _entries(node):
            node = _entries(node)[0][-1]
        return node.style if isinstance(node, Scalar) and node.style in ("'", '"') else ""

    # ---- places in the text

    def opening(self, node: Node) -> int:
        """The start of a value after its tag and anchor."""
        if isinstance(node, Scalar) or not (node.tag or node.anchor):
            return node.start
        found = re.compile(r"[^\[{]*").match(self.text, node.start, node.end)
        return found.end() if found else node.start

    def end_of(self, node: Node) -> int:
        """The end of a value, also in block style, where the node's span extends to the next token."""
        while _entries(node) and not _is_flow(node):
            node = _entries(node)[-1][-1]
        return node.end

    def after(self, entry: Entry) -> int:
        """The start of the line after a block entry and after comments that are indented deeper."""
        end = self.end_of(entry[-1])
        # The span of a block scalar includes its last line end.
        at = self.lines.number(end) + (end != self.lines.start(end))
        indent = re.compile(" *").match(self.text, self.lines.start(entry[0].start))
        comment = re.compile(rf" {{{len(indent[0]) + 1 if indent else 1},}}#")
        while comment.match(self.text, self.lines.start_of(at)):
            at += 1
        return self.lines.start_of(at)

    def prefix(self, entry: Entry) -> str:
        """The indentation and dash of a block entry on its own line."""
        start = entry[0].start
        prefix = self.text[self.lines.start(start) : start]
        if not re.fullmatch(r" *-[ \t]+" if len(entry) == 1 else " *", prefix):
            self.refuse(entry[0], "an entry that does not begin its line", "a line for each entry")
        return prefix

    def node_at(self, offset: int) -> Node:
        """A place for a message."""
        return Node((offset, offset, self.lines.number(offset) + 1, offset - self.lines.start(offset) + 1))

    # ---- what is refused

    def is_null(self, node: Node) -> bool:
        return _reading(node) in _NULLS

    def refuse(self, node: Node, found: str, expected: str, hint: str = _BY_HAND) -> NoReturn:
        raise self.source.error(node, found, expected, hint)

    def refuse_kind(self, node: Node, expected: str) -> NoReturn:
        found = node.target
        hint = f"write it as {expected}"
        if "{{" in self.text[found.start : found.end]:
            hint = "render it first: this looks like a template"
        self.refuse(node, noun(found), expected, hint)

    def refuse_comment(self, start: int) -> NoReturn:
        place = self.node_at(self.text.index("#", start))
        self.refuse(
            place, "a comment beside an added or removed entry", "none", "move the comment or delete it, then run again"
        )

    def refuse_comments_in_flow(self, node: Node, entries: list[Entry]) -> None:
        place = self.opening(node) + 1
        for entry in entries:
            if "#" in self.text[place : entry[0].start]:
                self.refuse_comment(place)
            place = self.end_of(entry[-1])
        if "#" in self.text[place : node.end]:
            self.refuse_comment(place)

    def refuse_comments_between(self, node: Node, entries: list[Entry], first: int, stop: int) -> None:
        """Refuse comments above, inside and beside these entries."""
        if _is_flow(node):
            self.refuse_comments_in_flow(node, entries)
            return
        for number in range(first, stop):
            self.refuse_comments_above(entries[number], self.after(entries[number - 1]) if number else 0)
            end = entries[number][0].start
            for inner in self.leaves(entries[number]):
                if "#" in self.text[end : inner.start]:
                    self.refuse_comment(end)
                end = inner.end
            if "#" in self.text[end : self.after(entries[number])]:
                self.refuse_comment(end)

    def leaves(self, entry: Entry) -> Iterator[Node]:
        for part in entry:
            for node in _walk(part):
                if isinstance(node, Scalar | Alias):
                    yield node

    def refuse_comments_above(self, entry: Entry, top: int) -> None:
        """Refuse comment lines right above an entry, from `top` on."""
        at = self.lines.number(entry[0].start) - 1
        while at >= 0 and self.lines.starts[at] >= top:
            line = self.text[self.lines.starts[at] : self.lines.stops[at]].strip()
            if line.startswith("#"):
                self.refuse_comment(self.lines.starts[at])
            if line:
                break
            at -= 1

    def require_inline(self, node: Scalar) -> None:
        if node.style in ("|", ">"):
            self.refuse(node, "a block scalar", "text on one line", "write the value behind the colon")

    def require_own(self, node: Node) -> None:
        """Refuse a value that is an alias or has an alias."""
        if isinstance(node, Alias):
            where = f"line {node.target.line}"
            self.refuse(node, f"the alias *{node.name}", "the value itself", f"write it here, or edit {where} by hand")
        alias = self.aliases.get(id(node))
        if alias:
            found = f"the anchor &{node.anchor}, which line {alias.line} uses too"
            self.refuse(node, found, "a value of its own", "write it out in both places, or edit it by hand")
        if node.tag not in _TAGS:
            self.refuse(node, f"the tag {node.tag}", "none")


def _entries(node: Node) -> list[Entry]:
    if isinstance(node, src.Sequence):
        return [(item,) for item in node.items]
    return list(node.pairs) if isinstance(node, Mapping) else []


def _is_flow(node: Node) -> bool:
    return isinstance(node, Mapping | src.Sequence) and node.flow


def _key(entry: Entry) -> str | None:
    key = entry[0].target
    return key.value if isinstance(key, Scalar) else None


def _walk(node: Node) -> Iterator[Node]:
    """The node and everything in it, in the file's order, not through aliases."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        todo += [part for entry in reversed(_entries(node)) for part in reversed(entry)]


def _nearest(root: Node, path: Path) -> Node:
    """The node at the path, or the last existing one before it."""
    node = root
    for key in path:
        node = node.get(key) or node
    return node


# ---- reading again


def _only_difference(source: Source, data: bytes, number: int, path: Path, value: Value | None) -> bool:
    """Whether the new file equals the old one except for the value."""
    try:
        new = src.parse(data, source.file)
    except SourceError:
        return False
    if len(new.documents) != len(source.documents) or _is_json(source.text) != _is_json(new.text):
        return False
    for at, (before, after) in enumerate(zip(source.documents, new.documents, strict=True)):
        same = _as_asked(before.root, after.root, path, value) if at == number else _same(before.root, after.root)
        if not same:
            return False
    return True


def _as_asked(old: Node | None, new: Node | None, path: Path, value: Value | None) -> bool:
    """Whether `new` has the value at the path and equals `old` everywhere else."""
    if new is None:
        if value is not None or not path:
            return value is None
        alone = old is not None and len(_entries(old)) == 1
        return old is None or (alone and _as_asked(old.get(path[0]), None, path[1:], value))
    if not path:
        return value is not None and _reads_as(new, value)
    others_old, others_new = (
        [entry for at, entry in enumerate(_entries(node) if node else []) if path[0] not in (at, _key(entry))]
        for node in (old, new)
    )
    return (
        isinstance(new, Mapping | src.Sequence)
        and (old is None or type(old) is type(new) or (isinstance(old, Scalar) and isinstance(new, Mapping)))
        and len(others_old) == len(others_new)
        and all(_same_entry(*pair) for pair in zip(others_old, others_new, strict=True))
        and _as_asked(old.get(path[0]) if old else None, new.get(path[0]), path[1:], value)
    )


def _reads_as(node: Node, value: Value) -> bool:
    node = node.target
    if node.tag not in _TAGS:
        return False
    if isinstance(value, str):
        return isinstance(node, Scalar) and not reading(node) and node.value == value
    if isinstance(value, dict):
        return (
            isinstance(node, Mapping)
            and len(node.pairs) == len(value)
            and node.keys.keys() == value.keys()
            and all(
                _reads_as(part, text)
                for name in value
                for part, text in zip(node.keys[name], (name, value[name]), strict=True)
            )
        )
    return (
        isinstance(node, src.Sequence)
        and len(node.items) == len(value)
        and all(_reads_as(*pair) for pair in zip(node.items, value, strict=True))
    )


def _same_entry(old: Entry, new: Entry) -> bool:
    return all(_same(*pair) for pair in zip(old, new, strict=True))


def _same(old: Node | None, new: Node | None) -> bool:
    if old is None or new is None:
        return old is new
    if type(old) is not type(new) or (old.tag, old.anchor) != (new.tag, new.anchor):
        return False
    if isinstance(old, Scalar) and isinstance(new, Scalar):
        return (old.value, old.style) == (new.value, new.style)
    if isinstance(old, Alias) and isinstance(new, Alias):
        return old.name == new.name
    before, after = _entries(old), _entries(new)
    return len(before) == len(after) and all(_same_entry(*pair) for pair in zip(before, after, strict=True))
