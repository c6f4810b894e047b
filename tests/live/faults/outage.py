"""Measures a fault: what users, a writer and each Redis see during it, and for how long."""

from __future__ import annotations

import base64
import bisect
import itertools
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from live.cluster import Cluster
from live.errors import LiveError
from live.faults import doors, pod_exec
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import addresses, get, until

PYTHON = [sys.executable, "-m"]
REDIS_CLIENT = "tests.live.clients.redis_client"
GROUP = "argocd-redis-sentinel"
PODS = tuple(f"{GROUP}-{number}" for number in range(3))
MASTER = "argocd"

SAMPLE = 0.02
"""Seconds between two samples of a Redis."""


class Lines:
    """A running client of tests/live/clients, and the lines that it prints."""

    def __init__(
        self, cluster: Cluster, module: str, *arguments: str, env: dict[str, str], network: str = "client"
    ) -> None:
        command = [*PYTHON, module, *arguments]
        self._process = cluster.popen(command, env=env, network=network, stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.endswith("\n"):  # the last line may be incomplete
                self.lines.append(line.strip())

    def stop(self) -> list[str]:
        """End the client; returns all lines that it printed."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        return self.lines


class Group:
    """The three Redis servers and their Sentinels."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        password = base64.b64decode(get(cluster, "secret", "argocd-redis")["data"]["auth"]).decode()
        self.env = {"REDISCLI_AUTH": password, "PYTHONPATH": str(ROOT)}
        # The address of each pod's Service, which does not change.
        self.addresses = {pod: str(get(cluster, "service", pod)["spec"]["clusterIP"]) for pod in PODS}

    def ask(self, pod: str, *words: str, port: int = 6379) -> list[str]:
        """The lines of a Redis or Sentinel's answer; empty if there is none within a second."""
        line = ["timeout", "1", "redis-cli", "-h", self.addresses[pod], "-p", str(port), *words]
        return self.cluster.exec(line, env=self.env).stdout.splitlines()

    @property
    def version(self) -> str:
        """The version that the running Redis reports."""
        [found] = [line for line in self.ask(PODS[0], "info", "server") if line.startswith("redis_version:")]
        return found.partition(":")[2]

    def masters(self) -> list[str]:
        """The pods whose Redis reports that it is master."""
        return [pod for pod in PODS if self.ask(pod, "role")[:1] == ["master"]]

    def master(self) -> str:
        """The pod of the master. Raises AssertionError if there is not exactly one within ten seconds."""
        found: list[str] = []

        def one() -> bool:
            found[:] = self.masters()
            return len(found) == 1

        until(one, 10, "there is exactly one master")
        return found[0]

    def whole(self) -> bool:
        """Whether the master may fail: there is exactly one, and each pod knows replicas that can replace it."""
        try:
            for pod in PODS:
                pod_exec(self.cluster, pod, "sentinel", ["sh", "-c", ". /scripts/lib.sh; whole"])
        except (LiveError, subprocess.TimeoutExpired):
            return False
        return len(self.masters()) == 1

    def wait_whole(self, seconds: float = 60) -> None:
        until(self.whole, seconds, "there is one master with two replicas, and three Sentinels know it")

    def make_master(self, pod: str) -> None:
        """Let Sentinel make this pod the master, if it is not."""
        if self.master() == pod:
            return
        self.ask(pod, "config", "set", "replica-priority", "1")

        def known() -> bool:
            first = {"ip": self.addresses[pod], "slave-priority": "1"}
            return any(first.items() <= found.items() for found in self._replicas(pod))

        until(known, 20, f"Sentinel prefers {pod}")
        self.ask(pod, "sentinel", "failover", MASTER, port=26379)
        until(lambda: self.masters() == [pod], 20, f"{pod} is the master")
        self.ask(pod, "config", "set", "replica-priority", "100")
        self.wait_whole()

    def _replicas(self, pod: str) -> list[dict[str, str]]:
        """The fields of each replica, as that pod's Sentinel reports them."""
        words = self.ask(pod, "sentinel", "replicas", MASTER, port=26379)
        starts = [*(number for number, word in enumerate(words) if word == "name"), len(words)]
        return [
            dict(zip(words[one:two:2], words[one + 1 : two : 2], strict=True))
            for one, two in itertools.pairwise(starts)
        ]

    def write(self, prefix: str) -> Lines:
        """Start a writer to the master that Sentinel names. Prints `<time> <key>` for each acknowledged write."""
        return self._client("write", prefix, MASTER, *self.addresses.values())

    def take(self, pattern: str) -> set[str]:
        """Delete the master's keys that match a Redis glob pattern; returns the keys."""
        command = [*PYTHON, REDIS_CLIENT, "take", pattern, MASTER, *self.addresses.values()]
        return set(self.cluster.exec(command, env=self.env, check=True).stdout.split())

    def sample(self, pod: str, *, outside: bool = False) -> Lines:
        """Try a write every 20 ms, in the pod's network or from `outside`. Prints `<time> <answer>` for each."""
        network, address = (
            ("client", self.addresses[pod]) if outside else (doors(self.cluster, pod)[0].network, "127.0.0.1")
        )
        return Lines(self.cluster, REDIS_CLIENT, "sample", address, env=self.env, network=network)

    def _client(self, *arguments: str) -> Lines:
        return Lines(self.cluster, REDIS_CLIENT, *arguments, env=self.env)


def accepting(lines: Iterable[str]) -> list[tuple[float, float]]:
    """The spans, in seconds since the epoch, in which a Redis accepted every sampled write."""
    spans: list[tuple[float, float]] = []
    begun: float | None = None
    for line in lines:
        text, verdict = line.split()
        if verdict == "OK":
            begun = begun or float(text)
            last = float(text)
        elif begun:
            spans.append((begun, last + SAMPLE))
            begun = None
    return [*spans, (begun, last + SAMPLE)] if begun else spans


def together(spans: Sequence[list[tuple[float, float]]]) -> float:
    """The longest time, in seconds, in which two Redis servers accepted writes."""
    found = [0.0]
    for one, first in enumerate(spans):
        for second in spans[one + 1 :]:
            found += [min(a[1], b[1]) - max(a[0], b[0]) for a in first for b in second]
    return max(found)


LIMITED = ("request", "login", "logout", "tree")
"""The kinds of attempts that have a time limit; see tests.live.clients.visitor."""

KINDS = (*LIMITED, "refresh")


@dataclass(frozen=True)
class Attempt:
    """An attempt of a user: when it began and ended (seconds since the epoch), and `ok` or the error."""

    began: float
    ended: float
    kind: str
    result: str


@dataclass(frozen=True)
class Outage:
    """The effects of a fault; times are in seconds.

    longest: by kind of attempt, the longest time without a success after the fault.
    everywhere: the longest time until every argocd-server knew of a logout; None if it was not measured.
    lone: how long a lost master continued to accept writes; None if no master was lost.
    together: the longest time in which two masters accepted writes.
    acknowledged, lost: the number of acknowledged writes, and how many of them the master no longer has.
    at_risk: the most writes acknowledged in any span as long as a lost master may accept writes alone.
    """

    fault: str
    longest: dict[str, float]
    everywhere: float | None
    lone: float | None
    together: float
    acknowledged: int
    lost: int
    at_risk: int


class Watch:
    """Runs users, a writer and samples of each Redis, from before a fault until everything works again."""

    def __init__(self, group: Group, application: str, *, deleted: bool = False, broken: bool = False) -> None:
        """`application` is the name of the Application that the users read.

        deleted: the fault deletes a pod, so sample Redis from outside. broken: do not wait until everything works.
        """
        self.group, self._broken = group, broken
        cluster = group.cluster
        self._prefix = f"written:{time.time():.0f}"
        servers = ",".join(addresses(cluster, "argocd-server").values())
        about = (HOST, str(cluster.ca), application, servers, MASTER, *group.addresses.values())
        env = {"ARGOCD_PASSWORD": cluster.admin_password(), **group.env}
        self._users = Lines(cluster, "tests.live.clients.visitor", *about, env=env)
        self._writer = group.write(self._prefix)
        self._samples = {pod: group.sample(pod, outside=deleted) for pod in PODS}
        self._clients = [self._users, self._writer, *self._samples.values()]
        self.began = time.time()
        """The time of the fault, in seconds since the epoch."""

    def __enter__(self) -> Watch:
        if self._broken:
            return self
        try:
            self._wait_users(self.began)
        except BaseException:
            self.__exit__()
            raise
        self.began = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.stop()

    def attempts(self, kind: str) -> list[Attempt]:
        """All attempts of a kind so far."""
        return [one for one in (Attempt(*json.loads(line)) for line in list(self._users.lines)) if one.kind == kind]

    def good(self, kind: str) -> list[Attempt]:
        """The successful attempts of a kind since the fault."""
        return [one for one in self.attempts(kind) if one.result == "ok" and one.began >= self.began]

    def wrong(self, kind: str) -> list[str]:
        """The errors of a kind of attempt since the fault."""
        return [one.result for one in self.attempts(kind) if one.result != "ok" and one.ended >= self.began]

    def _wait_users(self, since: float) -> None:
        def well(kind: str) -> bool:
            last = self.attempts(kind)[-2:]
            return len(last) == 2 and all(one.result == "ok" and one.began > since for one in last)

        until(lambda: all(well(kind) for kind in KINDS), 90, "every attempt of the users succeeds")

    def wait_well(self) -> None:
        """Wait until the three Redis servers are complete, and everything works for the users."""
        self.group.wait_whole(90)
        self._wait_users(time.time())

    def everywhere(self) -> float:
        """The longest time, after the fault, from a logout until every argocd-server knew of it, or until now."""
        found = [one for one in self.attempts("everywhere") if one.began >= self.began]
        known = {one.began: one.ended - one.began for one in found if one.result == "ok"}
        return max((known.get(one.began, time.time() - one.began) for one in found), default=0.0)

    def longest(self, kind: str) -> float:
        """The longest time without a success since the fault."""
        times = [self.began, *(one.ended for one in self.good(kind))]
        return max(after - before for before, after in itertools.pairwise(times))

    @cached_property
    def writes(self) -> list[tuple[float, bool]]:
        """The time of each acknowledged write, and whether the master still has it. Ends the writer."""
        lines = [line.split() for line in self._writer.stop()]
        kept = self.group.take(f"{self._prefix}:*")
        return sorted((float(moment), key in kept) for moment, key in lines)

    def outage(self, fault: str, master: str, alone: float) -> Outage:
        """The fault's effects; `master` was the master, and may accept writes for `alone` seconds. Ends the writer."""
        spans = {pod: accepting(list(samples.lines)) for pod, samples in self._samples.items()}
        for pod, found in spans.items():
            times = ", ".join(f"{begin - self.began:.2f} to {end - self.began:.2f} s" for begin, end in found)
            print(f"{fault}: {pod} accepts writes {times or 'never'}")
        first = max((end for begin, end in spans[master] if begin < self.began), default=self.began)
        lone = None if first > time.time() - 1 else round(max(0.0, first - self.began), 2)
        return Outage(
            fault,
            {kind: round(self.longest(kind), 1) for kind in KINDS},
            round(self.everywhere(), 1),
            lone,
            round(together(list(spans.values())), 2),
            len(self.writes),
            sum(not kept for _, kept in self.writes),
            most([moment for moment, _ in self.writes], alone),
        )


def most(times: Sequence[float], seconds: float) -> int:
    """The largest number of the sorted `times` within any span of `seconds`."""
    return max((number - bisect.bisect_left(times, time - seconds) + 1 for number, time in enumerate(times)), default=0)


HEADINGS = {
    "request": "any request",
    "login": "login",
    "logout": "logout",
    "tree": "resource tree",
    "refresh": "refresh",
    "everywhere": "logout known everywhere",
    "lone": "old master goes on",
    "together": "two masters accept",
    "acknowledged": "writes",
    "lost": "of these lost",
    "at_risk": "at most",
}


class Outages:
    """Collects the measured outages, for a table in Markdown and for JSON; `version` is that of Redis."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._found: list[Outage] = []
        self.rounds: list[dict[str, float]] = []

    def add(self, outage: Outage) -> None:
        """Add a measured outage."""
        self._found.append(outage)

    def as_json(self) -> dict[str, Any]:
        """Everything as {redis: version, faults: [Outage], rounds: [{kind: seconds}]}."""
        return {"redis": self._version, "faults": [asdict(one) for one in self._found], "rounds": self.rounds}

    def take(self, found: dict[str, Any]) -> None:
        """Add what another process measured, from its `as_json`."""
        self._found += [Outage(**one) for one in found["faults"]]
        self.rounds += found["rounds"]

    def write(self, folder: Path) -> None:
        """Write `faults.md` and `faults.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        self._found.sort(key=lambda one: one.fault)
        (folder / "faults.json").write_text(json.dumps(self.as_json(), indent=1) + "\n")
        table = [["fault", *HEADINGS.values()], ["---"] * (len(HEADINGS) + 1), *map(self._line, self._found)]
        legend = "Times in seconds; the first five are the longest time without a success. Writes are counted."
        parts = [f"# Faults, Redis {self._version}", legend, _markdown(table)]
        if self.rounds:
            rows = [[kind, *map(str, spread([found[kind] for found in self.rounds]))] for kind in self.rounds[0]]
            head = [["in a round", "least", "median", "most"], ["---"] * 4]
            parts += [f"# {len(self.rounds)} rounds of killing the master", _markdown([*head, *rows])]
        (folder / "faults.md").write_text("\n\n".join(parts) + "\n")

    def _line(self, one: Outage) -> list[str]:
        cells = {**one.longest, **asdict(one)}
        return [one.fault, *("-" if cells[key] is None else str(cells[key]) for key in HEADINGS)]


def spread(numbers: Sequence[float]) -> tuple[float, float, float]:
    """The least, the median and the greatest."""
    return min(numbers), round(statistics.median(numbers), 1), max(numbers)


def _markdown(table: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in table)
