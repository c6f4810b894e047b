"""Repeats two questions, and measures how long they fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from argocd_istio.probe.ask import Asking, Target
from argocd_istio.probe.known import explain
from argocd_istio.probe.observations import Meter
from argocd_istio.probe.report import ruled


@dataclass
class Watch:
    """Counts outages. An outage lasts from the first question that failed to the first that did not."""

    say: Callable[[str], None]
    form: str = "text"
    outages: list[float] = field(default_factory=list)
    rounds: int = 0
    _began: float | None = None
    _up: bool | None = None
    _named: list[tuple[str, ...]] = field(default_factory=list)
    _first: float | None = None
    _last: float = 0.0

    def add(self, asked: float, error: str) -> None:
        """A round that was asked at `asked`, with its error; empty if there was none."""
        self.rounds, self._last = self.rounds + 1, asked
        self._first = asked if self._first is None else self._first
        if error:
            known = explain(error)
            rules = known.rules if known else ()
            # The first error of an outage is often not its lasting one.
            if self._up is not False or rules not in self._named:
                self._event("down", None, error, rules)
            self._named.append(rules)
            self._began, self._up = asked if self._began is None else self._began, False
        elif not error and self._up is not True:
            length = asked - self._began if self._began is not None else None
            if length is not None:
                self.outages.append(length)
            self._began, self._up = None, True
            self._named.clear()
            self._event("up", length)

    def end(self) -> bool:
        """Say what happened; returns whether nothing failed."""
        if self._began is not None:
            self.outages.append(self._last - self._began)
        whole = self._last - self._first if self._first is not None else 0.0
        count, longest = len(self.outages), max(self.outages, default=0.0)
        if self.form == "json":
            figures = {
                "rounds": self.rounds,
                "seconds": round(whole, 3),
                "outages": [round(one, 3) for one in self.outages],
            }
            self.say(json.dumps(figures) + "\n")
        else:
            lasting = f", {sum(self.outages):.1f} s in all, the longest {longest:.1f} s" if count else ""
            self.say(f"{self.rounds} rounds in {whole:.1f} s: {count} outage{'' if count == 1 else 's'}{lasting}\n")
        return not count

    def _event(self, state: str, length: float | None, error: str = "", rules: tuple[str, ...] = ()) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self.form == "json":
            lasted = None if length is None else round(length, 3)
            self.say(
                json.dumps({"at": now, "state": state, "outage": lasted, "error": error or None, "rules": rules}) + "\n"
            )
        else:
            after = "" if length is None else f" again after {length:.1f} s"
            self.say(
                " ".join(filter(None, (f"{now} {state}{after}" + (f": {error}" if error else ""), ruled(rules)))) + "\n"
            )


async def _errors(target: Target, grpc: bool) -> str:
    """What fails now: the API, and native gRPC if it worked before."""
    asking = Asking(target, Meter())
    names = ("api", "call") if grpc else ("api",)
    answers = await asyncio.gather(*map(asking.question, names))
    bad = [
        f"{name}: {one.words or 'no answer'}"
        for name, one in zip(("API", "native gRPC"), answers, strict=False)
        if not one.well
    ]
    return "; ".join(bad)


def watch(target: Target, grpc: bool, interval: float, rounds: int, seen: Watch) -> None:
    """Ask every `interval` seconds, for so many rounds; 0 is without end."""

    async def repeat() -> None:
        while True:
            asked = time.monotonic()
            seen.add(asked, await _errors(target, grpc))
            if rounds and seen.rounds >= rounds:
                return
            await asyncio.sleep(max(0.0, asked + interval - time.monotonic()))

    asyncio.run(repeat())
