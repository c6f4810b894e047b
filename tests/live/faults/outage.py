"""What users, a writer and the Redis themselves see while something is broken, and for how long."""

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
"""Seconds between two looks at a Redis."""


class Lines:
    """A client below tests/live/clients, and the lines it prints."""

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
            if line.endswith("\n"):  # the last one may be cut short
                self.lines.append(line.strip())

    def stop(self) -> list[str]:
        """End it; everything it said."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        return self.lines


class Group:
    """The three Redis and their Sentinels."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        password = base64.b64decode(get(cluster, "secret", "argocd-redis")["data"]["auth"]).decode()
        self.env = {"REDISCLI_AUTH": password, "PYTHONPATH": str(ROOT)}
        # Each pod's Service: the address that stays.
        self.addresses = {pod: str(get(cluster, "service", pod)["spec"]["clusterIP"]) for pod in PODS}

    def ask(self, pod: str, *words: str, port: int = 6379) -> list[str]:
        """A Redis's answer; nothing where none comes within a second."""
        line = ["timeout", "1", "redis-cli", "-h", self.addresses[pod], "-p", str(port), *words]
        return self.cluster.exec(line, env=self.env).stdout.splitlines()

    @property
    def version(self) -> str:
        """The version of the Redis that runs, as it says."""
        [found] = [line for line in self.ask(PODS[0], "info", "server") if line.startswith("redis_version:")]
        return found.partition(":")[2]

    def masters(self) -> list[str]:
        """The pods whose Redis is master by its own word."""
        return [pod for pod in PODS if self.ask(pod, "role")[:1] == ["master"]]

    def master(self) -> str:
        """The pod of the one master. Raises AssertionError where there is none or more for ten seconds."""
        found: list[str] = []

        def one() -> bool:
            found[:] = self.masters()
            return len(found) == 1

        until(one, 10, "one master")
        return found[0]

    def whole(self) -> bool:
        """Whether a master may be lost: there is one, and each pod sees its successors."""
        try:
            for pod in PODS:
                pod_exec(self.cluster, pod, "sentinel", ["sh", "-c", ". /scripts/lib.sh; whole"])
        except (LiveError, subprocess.TimeoutExpired):
            return False
        return len(self.masters()) == 1

    def wait_whole(self, seconds: float = 60) -> None:
        until(self.whole, seconds, "one master with two replicas, and three Sentinels that know it")

    def make_master(self, pod: str) -> None:
        """Have Sentinel make this one master, where it is not."""
        if self.master() == pod:
            return
        self.ask(pod, "config", "set", "replica-priority", "1")

        def known() -> bool:
            first = {"ip": self.addresses[pod], "slave-priority": "1"}
            return any(first.items() <= found.items() for found in self._replicas(pod))

        until(known, 20, f"{pod} first in line")
        self.ask(pod, "sentinel", "failover", MASTER, port=26379)
        until(lambda: self.masters() == [pod], 20, f"{pod} as master")
        self.ask(pod, "config", "set", "replica-priority", "100")
        self.wait_whole()

    def _replicas(self, pod: str) -> list[dict[str, str]]:
        """What that pod's Sentinel knows of each replica."""
        words = self.ask(pod, "sentinel", "replicas", MASTER, port=26379)
        starts = [*(number for number, word in enumerate(words) if word == "name"), len(words)]
        return [
            dict(zip(words[one:two:2], words[one + 1 : two : 2], strict=True))
            for one, two in itertools.pairwise(starts)
        ]

    def write(self, prefix: str) -> Lines:
        """A writer that follows Sentinel: `<time> <key>` for each write that was acknowledged."""
        return self._client("write", prefix, MASTER, *self.addresses.values())

    def take(self, pattern: str) -> set[str]:
        """Delete the master's keys of that pattern, in Redis's terms; which they were."""
        command = [*PYTHON, REDIS_CLIENT, "take", pattern, MASTER, *self.addresses.values()]
        return set(self.cluster.exec(command, env=self.env, check=True).stdout.split())

    def sample(self, pod: str, *, outside: bool = False) -> Lines:
        """`<time> <answer>` to an attempt to write every 20 ms, in the pod's network or from `outside`."""
        network, address = (
            ("client", self.addresses[pod]) if outside else (doors(self.cluster, pod)[0].network, "127.0.0.1")
        )
        return Lines(self.cluster, REDIS_CLIENT, "sample", address, env=self.env, network=network)

    def _client(self, *arguments: str) -> Lines:
        return Lines(self.cluster, REDIS_CLIENT, *arguments, env=self.env)


def accepting(lines: Iterable[str]) -> list[tuple[float, float]]:
    """The spans (seconds of the epoch) in which a Redis said OK to every sampled write."""
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
    """The longest time, in seconds, during which two said OK."""
    found = [0.0]
    for one, first in enumerate(spans):
        for second in spans[one + 1 :]:
            found += [min(a[1], b[1]) - max(a[0], b[0]) for a in first for b in second]
    return max(found)


LIMITED = ("request", "login", "logout", "tree")
"""What users do; tests.live.clients.visitor says how."""

KINDS = (*LIMITED, "refresh")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a user: when it began and ended (seconds of the epoch), and `ok` or what went wrong."""

    began: float
    ended: float
    kind: str
    result: str


@dataclass(frozen=True)
class Outage:
    """What a fault did, in seconds.

    longest: by kind, the longest time from the fault on without a success.
    everywhere: the longest time that an argocd-server did not know of a logout; None where that was not looked at.
    lone: how long a lost master went on to accept writes; None where none was lost.
    together: the longest time in which two accepted writes.
    lost: how many writes of those acknowledged the master has no longer.
    at_risk: most writes acknowledged in any time for which a lost master may accept them alone.
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
    """Users, a writer and a look at each Redis, from before a fault until everything is well again."""

    def __init__(self, group: Group, application: str, *, deleted: bool = False, broken: bool = False) -> None:
        """`application` is what the users look at.

        Where a pod will be `deleted`, Redis is looked at from outside. What is `broken` is so from the beginning.
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
        """The moment of the fault, in seconds of the epoch."""

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
        """All attempts of that kind so far."""
        return [one for one in (Attempt(*json.loads(line)) for line in list(self._users.lines)) if one.kind == kind]

    def good(self, kind: str) -> list[Attempt]:
        """The successes of that kind from the fault on."""
        return [one for one in self.attempts(kind) if one.result == "ok" and one.began >= self.began]

    def wrong(self, kind: str) -> list[str]:
        """What went wrong, from the fault on."""
        return [one.result for one in self.attempts(kind) if one.result != "ok" and one.ended >= self.began]

    def _wait_users(self, since: float) -> None:
        def well(kind: str) -> bool:
            last = self.attempts(kind)[-2:]
            return len(last) == 2 and all(one.result == "ok" and one.began > since for one in last)

        until(lambda: all(well(kind) for kind in KINDS), 90, "users whose every attempt goes well")

    def wait_well(self) -> None:
        """Until three Redis are whole and everything works for the users."""
        self.group.wait_whole(90)
        self._wait_users(time.time())

    def everywhere(self) -> float:
        """The longest time so far from a logout after the fault until every argocd-server knew of it, or until now."""
        found = [one for one in self.attempts("everywhere") if one.began >= self.began]
        known = {one.began: one.ended - one.began for one in found if one.result == "ok"}
        return max((known.get(one.began, time.time() - one.began) for one in found), default=0.0)

    def longest(self, kind: str) -> float:
        """The longest time without a success from the fault on."""
        times = [self.began, *(one.ended for one in self.good(kind))]
        return max(after - before for before, after in itertools.pairwise(times))

    @cached_property
    def writes(self) -> list[tuple[float, bool]]:
        """The time of each write that was acknowledged, and whether the master had it still. Ends the writer."""
        lines = [line.split() for line in self._writer.stop()]
        kept = self.group.take(f"{self._prefix}:*")
        return sorted((float(moment), key in kept) for moment, key in lines)

    def outage(self, fault: str, master: str, alone: float) -> Outage:
        """What the fault did; `master` was it then, and may accept writes for `alone` seconds. Ends the writer."""
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
    """How many of the times, in order, are at most within `seconds`."""
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
    """The table of faults, for people and for programs, and the version of Redis that it is of."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._found: list[Outage] = []
        self.rounds: list[dict[str, float]] = []

    def add(self, outage: Outage) -> None:
        """Keep a measured outage."""
        self._found.append(outage)

    def write(self, folder: Path) -> None:
        """Write `faults.md` and `faults.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        found = {"redis": self._version, "faults": [asdict(one) for one in self._found], "rounds": self.rounds}
        (folder / "faults.json").write_text(json.dumps(found, indent=1) + "\n")
        table = [["fault", *HEADINGS.values()], ["---"] * (len(HEADINGS) + 1), *map(self._line, self._found)]
        legend = "Seconds: the longest time without a success (first five), then as it says. Writes are counted."
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
