"""Reads YAML as trees of nodes that know their source text, within limits.

Nothing is resolved and nothing is constructed: a scalar keeps its source text, because Kubernetes,
kustomize and Python interpret `on`, `0755` or `2001-01-01` differently.
Every problem of the input is a SourceError.
"""

from __future__ import annotations

import re

import yaml

# As typing.TYPE_CHECKING, without the time that its import takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MIB = 1 << 20


class Limits:
    """The largest accepted input: sizes in bytes (scalars in characters), the rest are counts.

    A block scalar may be as long as the input: ConfigMaps contain whole files.
    """

    __slots__ = ("aliases", "bytes", "depth", "documents", "nodes", "scalar")

    def __init__(
        self,
        bytes: int = 64 * MIB,
        depth: int = 100,
        aliases: int = 10_000,
        nodes: int = 1_000_000,
        documents: int = 50_000,
        scalar: int = MIB,
    ) -> None:
        self.bytes, self.depth, self.aliases = bytes, depth, aliases
        self.nodes, self.documents, self.scalar = nodes, documents, scalar


LIMITS = Limits()


def visible(text: str) -> str:
    """`text` with control characters and line breaks as escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


LONGEST = 300
"""The most characters of a found value in a message."""


class SourceError(Exception):
    """Input that cannot be used; the message is one line.

    `line` and `column` count from 1 and are 0 if unknown. `found` and `expected` are noun phrases,
    `hint` says what to do.
    """

    def __init__(self, file: str, line: int, column: int, found: str, expected: str, hint: str) -> None:
        super().__init__(file, line, column, found, expected, hint)
        self.file, self.line, self.column = file, line, column
        self.found, self.expected, self.hint = found, expected, hint

    @property
    def message(self) -> str:
        """The text without the place."""
        found, hint = (text if len(text) <= LONGEST else f"{text[:LONGEST]}..." for text in (self.found, self.hint))
        return visible(f"found {found}, expected {self.expected}; {hint}")

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{visible(place)}: {self.message}"


Span = tuple[int, int, int, int]
"""Start, end, line, column."""


class Node:
    """A value of the file. `start` and `end` are offsets into `Source.text`; `line` and `column` count from 1.

    The span of a scalar or alias is its exact source text, without tag and anchor. That of a
    collection in block style extends to the next token.
    `tag` is the tag as resolved (`tag:yaml.org,2002:str`, `!Ref`), "" if none was written.
    `size` is its number of nodes and `height` its levels of collections, with aliases expanded.
    """

    __slots__ = ("anchor", "column", "end", "height", "line", "size", "start", "tag")

    def __init__(self, span: Span, tag: str = "", anchor: str = "") -> None:
        self.start, self.end, self.line, self.column = span
        self.tag, self.anchor, self.size, self.height = tag, anchor, 1, 1

    @property
    def target(self) -> Node:
        """The anchored node for an alias, else the node itself."""
        return self

    def get(self, key: str | int) -> Node | None:
        """The value at a key of a mapping or an index of a list, through an alias; else None."""
        return None

    def find(self, *path: str | int) -> Node | None:
        """The node at a path such as `("spec", "hosts", 0)`, None if it ends early."""
        node: Node | None = self
        for key in path:
            node = node.get(key) if node else None
        return node


class Scalar(Node):
    """`value` is the text without quotes and escapes, `style` one of "" (plain), "'", '"', "|", ">"."""

    __slots__ = ("style", "value")

    def __init__(self, value: str, style: str, span: Span, tag: str = "", anchor: str = "") -> None:
        super().__init__(span, tag, anchor)
        self.value, self.style, self.height = value, style, 0


class Mapping(Node):
    """`pairs` in the file's order; `keys` has those with a scalar key, by its text; `flow` is style `{}`."""

    __slots__ = ("flow", "keys", "pairs")

    def __init__(self, flow: bool, span: Span, tag: str = "", anchor: str = "") -> None:
        super().__init__(span, tag, anchor)
        self.flow = flow
        self.pairs: list[tuple[Node, Node]] = []
        self.keys: dict[str, tuple[Node, Node]] = {}

    def get(self, key: str | int) -> Node | None:
        pair = self.keys.get(key) if isinstance(key, str) else None
        return pair[1] if pair else None


class Sequence(Node):
    """`items` in the file's order; `flow` is style `[]`."""

    __slots__ = ("flow", "items")

    def __init__(self, flow: bool, span: Span, tag: str = "", anchor: str = "") -> None:
        super().__init__(span, tag, anchor)
        self.flow = flow
        self.items: list[Node] = []

    def get(self, key: str | int) -> Node | None:
        return self.items[key] if isinstance(key, int) and 0 <= key < len(self.items) else None


class Alias(Node):
    """A reference `*name` to an anchored node."""

    __slots__ = ("_target", "name")

    def __init__(self, name: str, target: Node, span: Span) -> None:
        super().__init__(span)
        self.name, self._target = name, target
        self.size, self.height = target.size, target.height

    @property
    def target(self) -> Node:
        return self._target

    def get(self, key: str | int) -> Node | None:
        return self._target.get(key)


class Document:
    """One document, from its `---` if present; `root` is None if it is empty."""

    __slots__ = ("end", "line", "root", "start")

    def __init__(self, start: int, line: int) -> None:
        self.start, self.end, self.line = start, start, line
        self.root: Node | None = None


class Source:
    """A parsed file: `text` is its content, including a byte order mark.

    `odd` are the nodes that no Kubernetes object has: nodes with a custom tag, and keys that are null or not scalars.
    """

    __slots__ = ("documents", "file", "odd", "text")

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text
        self.documents: list[Document] = []
        self.odd: list[Node] = []

    def text_of(self, node: Node) -> str:
        """The source text of a node's span."""
        return self.text[node.start : node.end]

    def error(self, node: Node, found: str, expected: str, hint: str) -> SourceError:
        """A SourceError at a node."""
        return SourceError(self.file, node.line, node.column, found, expected, hint)


BOM = "\ufeff"
# Characters that YAML does not allow in a file.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
# A tag or an anchor before a value, with what separates it from the value.
_PROPERTY = re.compile(r"[&!]\S*(?:[ \t]*(?:(?<=[ \t])#[^\r\n]*)?(?:\r\n|[\r\n]))*[ \t]*")
_TAGS = {"!", *(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge"))}
_SURROGATE = re.compile("[\ud800-\udfff]")

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def decode(data: bytes, file: str, limits: Limits = LIMITS) -> str:
    """The text of a file. Raises SourceError if it is too large, not UTF-8, or has a character YAML forbids."""
    if len(data) > limits.bytes:
        raise SourceError(file, 0, 0, f"{len(data)} bytes", f"at most {limits.bytes}", "split the file")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SourceError(file, 0, 0, "UTF-16", "UTF-8", "save the file as UTF-8")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, column = _place(before, len(before))
        found = f"a byte that is not UTF-8 at byte {error.start} (0x{data[error.start]:02x})"
        raise SourceError(file, line, column, found, "UTF-8", "save the file as UTF-8") from None
    bad = _FORBIDDEN.search(text)
    if bad:
        line, column = _place(text, bad.start())
        found = f"the control character U+{ord(bad[0]):04X}"
        raise SourceError(file, line, column, found, "printable text", 'remove it, or write it as "\\x.." in quotes')
    return text


def _place(text: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of an offset."""
    line, start = 1, 0
    for found in _BREAK.finditer(text, 0, index):
        line, start = line + 1, found.end()
    return line, index - start + 1


def parse(data: bytes, file: str, limits: Limits = LIMITS) -> Source:
    """Read every document of a file.

    Raises SourceError for invalid YAML, for input over a limit, for a repeated key in a mapping, and for an
    alias inside its own anchor. Tags of any kind and keys that are not scalars are kept: see `Source.odd`.
    """
    source = Source(file, decode(data, file, limits))
    shift = len(BOM) if source.text.startswith(BOM) else 0
    try:
        _Reader(source, shift, limits).read()
    except yaml.MarkedYAMLError as error:
        raise _syntax(source, error, shift) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        found = f"text that the YAML parser rejects ({type(error).__name__}: {error})"
        raise SourceError(file, 0, 0, found, "YAML", "simplify the file") from None
    return source


class _Reader:
    """Builds the trees of a source from the parser's events, without recursion."""

    def __init__(self, source: Source, shift: int, limits: Limits) -> None:
        self.source, self.shift, self.limits = source, shift, limits
        self.open: list[Mapping | Sequence] = []
        self.waiting: list[Node | None] = []
        """For each open mapping the key whose value comes next."""
        self.anchors: dict[str, Node] = {}
        self.aliases = self.expanded = 0

    def read(self) -> None:
        documents = self.source.documents
        event: Any
        for event in yaml.parse(self.source.text[self.shift :], Loader=_LOADER):
            kind = type(event)
            if kind is yaml.ScalarEvent:
                self._add(self._scalar(event))
            elif kind is yaml.MappingStartEvent:
                self._enter(Mapping, event)
            elif kind is yaml.SequenceStartEvent:
                self._enter(Sequence, event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                closed = self.open.pop()
                self.waiting.pop()
                closed.end = event.end_mark.index + self.shift
                self._add(closed)
            elif kind is yaml.AliasEvent:
                self._add(self._alias(event))
            elif kind is yaml.DocumentStartEvent:
                if len(documents) >= self.limits.documents:
                    raise self._error(event, f"more than {self.limits.documents} documents", "fewer", "split the file")
                self.anchors = {}
                documents.append(Document(event.start_mark.index + self.shift, event.start_mark.line + 1))
            elif kind is yaml.DocumentEndEvent:
                document = documents[-1]
                document.end = event.end_mark.index + self.shift
                if isinstance(document.root, Scalar) and self.source.text_of(document.root) == "":
                    document.root = None

    def _error(self, event: Any, found: str, expected: str, hint: str) -> SourceError:
        mark = event.start_mark
        return SourceError(self.source.file, mark.line + 1, mark.column + 1, found, expected, hint)

    def _span(self, event: Any) -> Span:
        mark, shift = event.start_mark, self.shift
        return mark.index + shift, event.end_mark.index + shift, mark.line + 1, mark.column + 1

    def _scalar(self, event: Any) -> Scalar:
        value, style, limit = event.value, event.style or "", self.limits.scalar
        if len(value) > limit and style not in ("|", ">"):
            raise self._error(event, f"a value of {len(value)} characters", f"at most {limit}", "shorten it")
        if _SURROGATE.search(value):
            raise self._error(event, "half a surrogate pair", "a whole character", "write the character itself")
        span = self._span(event)
        if not event.anchor and not event.tag:
            return Scalar(value, style, span)
        start, end, line, column = span
        while found := _PROPERTY.match(self.source.text, start, end):
            start = found.end()
            lines, offset = _place(found[0], len(found[0]))
            line, column = line + lines - 1, offset if lines > 1 else column + offset - 1
        node = Scalar(value, style, (start, end, line, column), tag=event.tag or "", anchor=event.anchor or "")
        self._note(node)
        return node

    def _note(self, node: Node) -> None:
        if node.anchor:
            self.anchors[node.anchor] = node
        if node.tag and node.tag not in _TAGS:
            self.source.odd.append(node)

    def _alias(self, event: Any) -> Alias:
        name, limits = event.anchor, self.limits
        target = self.anchors.get(name)
        if target is None:
            raise self._error(event, f"the alias *{name} without an anchor before it", "text", f'quote it: "*{name}"')
        if target in self.open:
            raise self._error(event, f"the alias *{name} inside its own anchor", "a value that ends", "write it out")
        self.aliases += 1
        self.expanded += target.size
        if self.aliases > limits.aliases or self.expanded > limits.nodes:
            found = f"alias number {self.aliases}, for {self.expanded} values"
            expected = f"at most {limits.aliases}, for {limits.nodes} values"
            raise self._error(event, found, expected, "write them out")
        self._deep(event, target.height)
        return Alias(name, target, self._span(event))

    def _deep(self, event: Any, levels: int) -> None:
        limit = self.limits.depth
        if len(self.open) + levels > limit:
            raise self._error(event, f"nesting > {limit}", f"at most {limit} levels", "flatten it")

    def _enter(self, kind: type[Mapping] | type[Sequence], event: Any) -> None:
        self._deep(event, 1)
        node = kind(bool(event.flow_style), self._span(event), tag=event.tag or "", anchor=event.anchor or "")
        self._note(node)
        self.open.append(node)
        self.waiting.append(None)

    def _add(self, node: Node) -> None:
        """Add a finished node to its parent."""
        if not self.open:
            self.source.documents[-1].root = node
            return
        parent = self.open[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return
        key = self.waiting[-1]
        if key is None:
            self.waiting[-1] = node
            return
        self.waiting[-1] = None
        parent.pairs.append((key, node))
        text = key.target
        if not isinstance(text, Scalar) or (not text.value and not text.style):
            self.source.odd.append(key)
            return
        before = parent.keys.setdefault(text.value, (key, node))
        if before[0] is not key and text.value != "<<":
            found = f"the key {text.value!r} a second time; it is on line {before[0].line} too"
            raise self.source.error(key, found, "each key once", "remove one")


_HINTS = (
    # (what the parser says, the text at the place, what to do)
    ("while scanning an alias", "", "quote a value that begins with *"),
    ("while scanning an anchor", "", "quote a value that begins with &"),
    ("found character that cannot start any token", "\t", "indent with spaces, not with tabs"),
    ("found character that cannot start any token", "", "quote the value"),
    ("mapping values are not allowed", "", "quote a value that contains ': ', or put it on a line of its own"),
    ("found duplicate", "", "keep one"),
)


# Conflict markers of git, and characters that look like a space.
_CONFLICT = re.compile(r"^(?:<{7} |\|{7} |={7}\r?$|>{7} )", re.M)
_BLANK = re.compile(r"^[ \t]*(?:-[ \t]+)*(?:-|[\w.-]{1,100}:)?([\xa0\u2000-\u200a\u202f\u3000])", re.M)


def _syntax(source: Source, error: yaml.MarkedYAMLError, shift: int) -> SourceError:
    mark = error.problem_mark or error.context_mark
    index, line, column = (mark.index + shift, mark.line + 1, mark.column + 1) if mark else (0, 0, 0)
    problem = error.problem or ""
    if error.context and error.context_mark:
        problem = f"{error.context} on line {error.context_mark.line + 1} {problem}"
    marker, blank = _CONFLICT.search(source.text), _BLANK.search(source.text)
    if marker:
        found = f"the conflict marker {marker[0].strip()}"
        return SourceError(source.file, *_place(source.text, marker.start()), found, "YAML", "resolve the merge first")
    if blank:
        found = f"the character U+{ord(blank[1]):04X} in place of a space"
        return SourceError(source.file, *_place(source.text, blank.start(1)), found, "a blank", "write a space instead")
    first = source.text[index : index + 1]
    hint = "correct the line"
    for words, char, advice in _HINTS:
        if words in problem and first.startswith(char):
            hint = advice
            break
    if "{{" in source.text:
        hint = "render it first: this looks like a template"
    return SourceError(source.file, line, column, f"invalid YAML ({problem})", "YAML", hint)
