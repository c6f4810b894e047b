"""Apply one operation to the text of an authored file, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from difflib import SequenceMatcher
from typing import Any

import yaml
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.mergevalue import MergeValue
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

from argocd_istio.drift.compare import ABSENT, BY_NAME, item_name, walk
from tools import authored
from tools.bump.plan import Operation, Step

LONGEST_ROW = 150
PARAMS = "argocd-cmd-params-cm"


class CannotEdit(Exception):
    """The operation would change something else too; the message says what."""


def plain(text: str) -> list[Any]:
    """The documents of a file as plain values, as kustomize reads them."""
    return list(yaml.load_all(text, yaml.CSafeLoader))


def apply(text: str, place: int, operation: Operation) -> tuple[str, list[str]]:
    """The text after the operation on document number `place`, and the comments removed with deleted values.

    Raises CannotEdit if the text, read again, differs in anything else, or has lost any other comment.
    """
    documents = authored.load(text)
    _do(documents[place], operation)
    done, gone = authored.dump(documents), list[str]()
    if not any(isinstance(value, str) and "\n" in value for value in (operation.old, operation.new)):
        done, gone = _settle(text, done, operation)
    try:
        before, after = plain(text), plain(done)
    except yaml.YAMLError as error:
        raise CannotEdit("the edit would break the file") from error
    wanted = [_expected(item, operation) if number == place else item for number, item in enumerate(before)]
    others = [path for one, other in zip(wanted, after, strict=True) for path, _, _ in walk("", one, other)]
    if others:
        raise CannotEdit(f"the edit would also change {', '.join(others[:3])}, because of an anchor")
    lost = _comments(text) - _comments(done) - _comments(str(operation.old)) - Counter(gone)
    if operation.removes:
        gone += lost.elements()
    elif lost:
        raise CannotEdit(f"the edit would lose the comment {next(iter(lost))!r}")
    return done, gone


def _expected(document: Any, operation: Operation) -> Any:
    """A plain document after the operation."""
    result = _copy(document)
    *above, last = operation.steps
    holder = result
    for one in above:
        holder = holder[_key(holder, one)]
    key = _key(holder, last)
    if operation.new is ABSENT:
        del holder[key]
    elif operation.old is ABSENT and isinstance(holder, list):
        holder.insert(key if isinstance(last, int) else len(holder), operation.new)
    else:
        holder[key] = operation.new
    return result


def _copy(value: Any) -> Any:
    """A copy in which no two places share a value: aliases are the file's, not the document's."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _comments(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.splitlines() if line.lstrip().startswith("#"))


def _standing(lines: list[str]) -> list[tuple[int, str]]:
    """Each comment line by its place, with the line that it is above."""
    found, below = [], ""
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].lstrip().startswith("#"):
            found.append((place, below))
        else:
            below = lines[place]
    return found[::-1]


def _settle(text: str, done: str, operation: Operation) -> tuple[str, list[str]]:
    """Put each comment back above its line from before the edit; also return the removed comments.

    The comment of a deleted value is deleted too, except for the title of a group in an env table, which stays with
    the rest of its group.
    """
    before, after, gone = text.splitlines(), done.splitlines(), list[str]()
    last = operation.steps[-1]
    if operation.removes and isinstance(last, tuple) and last[0] == "env":
        return done, gone
    if not operation.removes and operation.old is not ABSENT:
        return done, gone  # another value in its place: the comment stays above it
    old = _standing(before)
    while True:
        new = _standing(after)
        then, now = ([lines[place] for place, _ in found] for lines, found in ((before, old), (after, new)))
        matches = SequenceMatcher(None, then, now, autojunk=False).get_matching_blocks()
        pairs = [(old[one + step], new[other + step]) for one, other, size in matches for step in range(size)]
        wrong = next(((place, wanted) for (_, wanted), (place, below) in pairs if below != wanted), None)
        if wrong is None:
            return "\n".join(after) + "\n", gone
        place, wanted = wrong
        comment = after.pop(place)
        if operation.removes:
            gone.append(comment.strip())
            old = [entry for entry in old if before[entry[0]] != comment or entry[1] != wanted]
        elif wanted in after[place:]:
            after.insert(after.index(wanted, place), comment)
        else:
            raise CannotEdit(f"the edit would lose the comment {comment.strip()!r}")


def _do(document: Any, operation: Operation) -> None:
    *above, last = operation.steps
    holder = document
    for one in above:
        holder = holder[_key(holder, one)]
    if operation.new is ABSENT:
        _delete(document, holder, _key(holder, last))
    elif operation.old is ABSENT and isinstance(holder, CommentedSeq):
        place = last if isinstance(last, int) else _place(holder, last, operation)
        holder.insert(place, styled(operation.new, flow=_flow(holder), params=_params(holder)))
    else:
        key = _key(holder, last)
        flow = isinstance(holder, CommentedMap) and holder.fa.flow_style()
        if operation.removes:
            holder.ca.items.pop(key, None)
        holder[key] = styled(operation.new, flow=flow)


def _flow(holder: CommentedSeq) -> bool | None:
    """Whether a new item goes on one line: yes in a single-line list; None lets its length decide."""
    if holder.fa.flow_style():
        return True
    blocks = [isinstance(item, CommentedMap) and not item.fa.flow_style() for item in holder]
    return False if blocks and all(blocks) else None


def _key(holder: Any, one: Step) -> Any:
    if not isinstance(one, tuple):
        return one
    kind, name = one
    return next((place for place, item in enumerate(holder) if item_name(item, BY_NAME[kind]) == name), None)


def _delete(document: Any, holder: Any, key: Any) -> None:
    gone = holder[key]
    if isinstance(holder, CommentedSeq):
        _pass_anchors_on(gone, holder[key + 1 :])
        comment = holder.ca.items.get(key)
        del holder[key]
        # The comment of a group is before its first item, and stays with the group.
        if comment and key < len(holder) and key not in holder.ca.items:
            holder.ca.items[key] = comment
    else:
        del holder[key]


def _pass_anchors_on(gone: Any, rest: Iterable[Any]) -> None:
    """If other rows merge the ConfigMap reference of a deleted row, the next of them defines it."""
    reference = _reference(gone)
    if reference is None or not reference.anchor.value:
        return
    for row in rest:
        other = _reference(row)
        if other is not None and other.merge and other.merge[0] is reference:
            reference["key"] = other["key"]
            row["valueFrom"]["configMapKeyRef"] = reference
            return


def _reference(row: Any) -> Any:
    """The `configMapKeyRef` of a row of an env table, None for anything else."""
    source = row.get("valueFrom") if isinstance(row, dict) else None
    return source.get("configMapKeyRef") if isinstance(source, dict) else None


def _params(rows: Any) -> Any:
    """The reference to the ConfigMap of settings that the rows of an env table merge, None if there is none."""
    found = [reference for row in rows if (reference := _reference(row)) is not None and reference.anchor.value]
    return next((reference for reference in found if reference["name"] == PARAMS), None)


def _place(rows: Any, last: Step, operation: Operation) -> int:
    """The index for a new item: a setting goes to those with the most similar names, anything else to the end."""
    assert isinstance(last, tuple)
    setting = _setting(operation.new)
    if last[0] != "env" or not setting:
        return len(rows)
    keys = [_setting(row) for row in rows]
    # The first word names the component, and is ignored if most of the table has it.
    [(usual, _)] = Counter(key.split(".")[0] for key in keys if key).most_common(1) or [("", 0)]
    scores = [_alike(key, setting, usual) for key in keys]
    best = max(scores, default=0)
    if best:
        return max(place for place, score in enumerate(scores) if score == best) + 1
    names = [row["name"] for row in rows]
    before = next((name for name in operation.after if name in names), None)
    return names.index(before) + 1 if before else len(rows)


def _setting(row: Any) -> str:
    reference = _reference(row)
    return str(reference["key"]) if reference and reference.get("name") == PARAMS else ""


def _alike(key: str, setting: str, usual: str) -> int:
    """The number of first words that two settings share, without the common one."""
    count = 0
    for one, other in zip(re.split(r"[.]", key), re.split(r"[.]", setting), strict=False):
        if one != other:
            break
        count += one != usual
    return count


def _order(item: tuple[str, Any]) -> tuple[bool, bool, bool]:
    """The sort order of keys: a name first, nested values last."""
    key, value = item
    return key != "name", not key.endswith("Name"), isinstance(value, dict | list)


def styled(value: Any, *, flow: bool | None = None, params: Any = None) -> Any:
    """A plain value in the form of the authored files: on one line if it is short, settings by the shared anchor."""
    if isinstance(value, str):
        return _scalar(value)
    if not isinstance(value, dict | list):
        return value
    row = isinstance(value, dict) and "name" in value and ("valueFrom" in value or "value" in value)
    short = _length(value) <= LONGEST_ROW and not _has_block(value)
    inline = flow or row or (flow is None and short)
    if isinstance(value, list):
        items = CommentedSeq(styled(item, flow=inline or None) for item in value)
        (items.fa.set_flow_style if inline else items.fa.set_block_style)()
        return items
    result = CommentedMap()
    if params is not None and value.get("name") == PARAMS and set(value) == {"name", "optional", "key"}:
        merge = MergeValue()
        merge.merge_pos = 0
        merge.append(params)
        result.add_yaml_merge(merge)
        value = {"key": value["key"]}
    for key, item in sorted(value.items(), key=_order):
        result[key] = styled(item, flow=inline or None, params=params)
    (result.fa.set_flow_style if inline else result.fa.set_block_style)()
    return result


def _length(value: Any) -> int:
    return len(json.dumps(value))


def _has_block(value: Any) -> bool:
    """Whether a value contains a multi-line text."""
    if isinstance(value, dict | list):
        return any(map(_has_block, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and "\n" in value


def _scalar(text: str) -> str:
    if "\n" in text:
        block: str = LiteralScalarString(text)
        return block
    bare = yaml.safe_load(text) if re.fullmatch(r"[\w.+-]*", text) else text
    quoted: str = DoubleQuotedScalarString(text)
    return text if isinstance(bare, str) and text else quoted
