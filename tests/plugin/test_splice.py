"""Byte safety on real files: every YAML file of Argo CD's own manifests, of which nothing is committed here."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

from argocd_istio.syntax import source
from argocd_istio.syntax.scalars import reading
from argocd_istio.syntax.source import Mapping, Scalar, Sequence, Source, SourceError
from argocd_istio.syntax.splice import Path as Place
from argocd_istio.syntax.splice import change
from tools.build import argocd_module

Texts = list[tuple[int, Place, Scalar]]
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./")
NEW = "cd.acme.io"


@pytest.fixture(scope="module")
def manifests() -> list[Path]:
    return sorted(argocd_module().glob("manifests/**/*.yaml"))


def scalars(read: Source) -> Iterator[tuple[int, Place, Scalar]]:
    """Document, path and node of every scalar that is a value."""
    for number, document in enumerate(read.documents):
        todo: list[tuple[source.Node | None, Place]] = [(document.root, ())]
        while todo:
            node, path = todo.pop()
            if isinstance(node, Mapping):
                todo += [(value, (*path, key.value)) for key, value in node.pairs if isinstance(key, Scalar)]
            elif isinstance(node, Sequence):
                todo += [(item, (*path, at)) for at, item in enumerate(node.items)]
            elif isinstance(node, Scalar):
                yield number, path, node


def test_editing_a_real_file_changes_one_span(
    manifests: list[Path], report: Callable[[str, dict[str, int]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # `change` reads its result, which is read here too; a tree is never changed.
    monkeypatch.setattr(source, "parse", lru_cache(maxsize=4)(source.parse))
    chance = random.Random(1)
    counts = {"files": 0, "bytes": 0, "edits": 0, "set back": 0, "refused": 0}
    for file in manifests:
        data = file.read_bytes()
        read = source.parse(data, file.name)
        every = list(scalars(read))
        # On one line, and text whether quoted or not: these come back.
        texts = [
            one for one in every if not reading(one[2]) and (one[2].style in ("'", '"') or {*one[2].value} <= SAFE)
        ]
        texts = [one for one in texts if "\\" not in (span := read.text_of(one[2])) and "\n" not in span]
        many = 1 if len(data) > 300_000 else 4
        assert texts
        for number, path, node in chance.sample(texts, min(many, len(texts))):
            new = change(read, number, path, NEW)
            before, after = (part.encode() for part in (read.text[: node.start], read.text[node.end :]))
            assert new in [before + quote + NEW.encode() + quote + after for quote in (b"", b"'", b'"')]
            assert change(source.parse(new, file.name), number, path, node.value) == data
            counts["edits"] += 1
            counts["set back"] += 1
        # Of any kind: numbers, booleans, nulls, block scalars, texts over several lines.
        others = [one for one in every if one not in texts] if many > 1 else []
        for number, path, node in chance.sample(others, min(many, len(others))):
            try:
                new = change(read, number, path, NEW)
            except SourceError as error:
                assert node.style in ("|", ">") and f":{node.line}:{node.column}: found a block scalar" in str(error)
                counts["refused"] += 1
                continue
            before, after = (part.encode() for part in (read.text[: node.start], read.text[node.end :]))
            assert (
                new.startswith(before)
                and new.endswith(after)
                and NEW.encode() in new[len(before) : len(new) - len(after)]
            )
            counts["edits"] += 1
        counts["files"] += 1
        counts["bytes"] += len(data)
    assert counts["files"] > 100 and counts["refused"]
    report("set, real files", counts)
