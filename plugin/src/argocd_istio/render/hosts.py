"""How Istio compares host names, and an index of things under host names, wildcards among them.

Source: `pkg/config/host/name.go` and `MostSpecificHostMatch` in `pilot/pkg/model/config.go` of Istio.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar


def covers(wider: str, host: str) -> bool:
    """Whether `wider` matches `host`, which may be a wildcard too."""
    if not wider.startswith("*"):
        return host == wider
    if host.startswith("*"):
        return len(host) >= len(wider) and host[1:].endswith(wider[1:])
    return host.endswith(wider[1:])


LONGEST = 255
"""The longest host that Istio accepts."""
Thing = TypeVar("Thing")


class Hosts(Generic[Thing]):
    """An index by host name. The time of a lookup depends on its results, not on the number of hosts."""

    def __init__(self) -> None:
        self._things: dict[str, list[Thing]] = {}
        self._below: dict[str, list[str]] = {}
        """For each suffix that begins with a dot: the hosts with it, in order."""
        self._lengths: list[int] = []
        """The lengths of the wildcards' suffixes, longest first."""

    def add(self, host: str, thing: Thing) -> None:
        if host in self._things:
            self._things[host].append(thing)
            return
        self._things[host] = [thing]
        end = host if len(host) <= LONGEST else ""
        while "." in end:
            at = end.index(".")
            self._below.setdefault(end[at:], []).append(host)
            end = end[at + 1 :]
        if host.startswith("*") and len(host) - 1 not in self._lengths:
            self._lengths = sorted([*self._lengths, len(host) - 1], reverse=True)

    def __iter__(self) -> Iterator[str]:
        return iter(self._things)

    def __len__(self) -> int:
        return len(self._things)

    def __contains__(self, host: str) -> bool:
        return host in self._things

    def at(self, host: str) -> list[Thing]:
        """The entries under exactly this name."""
        return self._things.get(host, [])

    def wider(self, host: str) -> list[str]:
        """The names that match all of a host, including itself, narrowest first."""
        end = host[1:] if host.startswith("*") else host
        found = [host] if host in self._things else []
        for length in self._lengths:
            wild = f"*{end[len(end) - length :]}" if length else "*"
            if length <= len(end) and wild != host and wild in self._things:
                found.append(wild)
        return found

    def narrower(self, host: str) -> list[str]:
        """The names that a wildcard matches, without itself, in order."""
        if not host.startswith("*"):
            return []
        named = self._below.get(host[1:]) if host[1:2] == "." else None
        pool = self._things if named is None and host[1:2] != "." else named or []
        return [each for each in pool if each != host and covers(host, each)]

    def common(self, host: str) -> list[tuple[str, str]]:
        """The names that overlap with a host: (the narrower of both, the name)."""
        return [(host, name) for name in self.wider(host)] + [(name, name) for name in self.narrower(host)]

    def narrowest(self, host: str) -> list[Thing]:
        """The entries under exactly this name, else under the longest wildcard for it."""
        names = self.wider(host)
        return self._things[names[0]] if names else []
