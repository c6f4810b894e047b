"""A finding, as a line for people and as an entry of a function's `results`."""

from __future__ import annotations

from argocd_istio.syntax.source import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ERROR, WARNING, INFO = "error", "warning", "info"


class Finding:
    """`path` is the field (`spec.hosts[0]`); `resource` is the object: apiVersion, kind, namespace, name, if present.

    `file` is "" if unknown; the line then begins with the object. `line` counts from 1 and is 0 if
    unknown. `rule` is the ID of the rule, "" if it has none. `name` is the rule's, `subject` the object in words,
    `fix` what to do, `way` the hosts concerned; "" where the message says it.
    """

    __slots__ = ("file", "fix", "line", "message", "name", "path", "resource", "rule", "severity", "subject", "way")

    def __init__(
        self,
        severity: str,
        file: str,
        line: int,
        path: str,
        message: str,
        resource: dict[str, str] | None = None,
        *,
        rule: str = "",
        name: str = "",
        subject: str = "",
        fix: str = "",
        way: str = "",
    ) -> None:
        self.severity, self.file, self.line, self.path = severity, file, line, path
        self.message, self.resource = visible(message), resource or {}
        self.rule, self.name, self.subject, self.way = rule, name, visible(subject), visible(way)
        self.fix = visible(fix)

    def __str__(self) -> str:
        """`FILE:LINE: PATH: found ..., expected ...; what to do`.

        Before PATH the severity, unless it is an error, and the rule.
        """
        place = "/".join(self.resource[key] for key in ("namespace", "name") if self.resource.get(key))
        name = self.file or " ".join(filter(None, (self.resource.get("kind", ""), place)))
        place = f"{name}:{self.line}" if self.line else name
        severity = "" if self.severity == ERROR else self.severity
        parts = [visible(place), severity, self.rule, visible(self.path), self.message]
        return ": ".join(part for part in parts if part)

    def result(self) -> dict[str, Any]:
        """The entry for `results`, as in the functions specification of kustomize."""
        entry: dict[str, Any] = {"message": self.message, "severity": self.severity}
        if self.resource:
            entry["resourceRef"] = self.resource
        if self.file:
            entry["file"] = {"path": visible(self.file)}
        if self.path:
            entry["field"] = {"path": visible(self.path)}
        if self.rule:
            entry["tags"] = {"rule": self.rule}
        return entry
