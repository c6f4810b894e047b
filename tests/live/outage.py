"""What users, a writer and the Redis themselves see while something is broken, and for how long."""

from __future__ import annotations

import base64
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from live.cluster import Cluster
from live.errors import LiveError
from live.faults import doors, pod_exec
from tests.live.conftest import HOST, ROOT
from tests.live.lifecycle import get

PYTHON = [sys.executable, "-m"]
REDIS_CLIENT = "tests.live.clients.redis_client"
GROUP = "argocd-redis-sentinel"
PODS = tuple(f"{GROUP}-{number}" for number in range(3))
MASTER = "argocd"

SAMPLE = 0.02
"""Seconds between two looks at a Redis."""


def until(met: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until `met` says so. Raises AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"{what}: not so after {seconds:.0f} s"
        time.sleep(0.1)


def addresses(cluster: Cluster, component: str) -> list[str]:
    """The addresses of the running pods of a component of Argo CD."""
    return [
        pod["status"]["podIP"]
        for pod in cluster.pods()
        if pod["metadata"].get("labels", {}).get("app.kubernetes.io/name") == component
        and "deletionTimestamp" not in pod["metadata"]
    ]


class Lines:
    """A client below tests/live/clients, and the lines it prints."""

    def __init__(
        self, cluster: Cluster, module: str, *arguments: str, env: dict[str, str], network: str = "client"
    ) -> None:
        command = [*PYTHON, module, *arguments]
        self._process = cluster.popen(command, env=env, network=network, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
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
        self.env = {"REDISCLI_AUTH": password}
        # Each pod's Service: the address that stays.
        self.addresses = {pod: str(get(cluster, "service", pod)["spec"]["clusterIP"]) for pod in PODS}

    def ask(self, pod: str, *words: str, port: int = 6379) -> list[str]:
        """A Redis's answer; nothing where none comes within a second."""
        line = ["timeout", "1", "redis-cli", "-h", self.addresses[pod], "-p", str(port), *words]
        return self.cluster.exec(line, env=self.env).stdout.splitlines()

    def masters(self) -> list[str]:
        """The pods whose Redis is master by its own word."""
        return [pod for pod in PODS if self.ask(pod, "role")[:1] == ["master"]]

    def master(self) -> str:
        """The pod of the one master. Raises AssertionError where there is none or more."""
        [found] = self.masters()
        return found

    def whole(self) -> bool:
        """Whether a master may be lost: there is one, and each pod's readiness probe passes."""
        try:
            for pod in PODS:
                pod_exec(self.cluster, pod, "sentinel", ["sh", "/scripts/ready.sh"])
        except (LiveError, subprocess.TimeoutExpired):
            return False
        return len(self.masters()) == 1

    def wait_whole(self, seconds: float = 60) -> None:
        until(self.whole, seconds, "one master with two replicas, and three Sentinels that know it")

    def write(self, prefix: str) -> Lines:
        """A writer that follows Sentinel: `<time> <key>` for each write that was acknowledged."""
        return self._client("write", prefix, MASTER, *self.addresses.values())

    def keys(self, prefix: str) -> set[str]:
        """Those of a writer's keys that the master has."""
        command = [*PYTHON, REDIS_CLIENT, "keys", prefix, MASTER, *self.addresses.values()]
        return set(self.cluster.exec(command, env={**self.env, "PYTHONPATH": str(ROOT)}, check=True).stdout.split())

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


KINDS = ("login", "logout", "tree", "refresh")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a user: when it began and ended (seconds of the epoch), and `ok` or what went wrong."""

    began: float
    ended: float
    kind: str
    result: str


class Watch:
    """Users, a writer and a look at each Redis, from before a fault until everything is well again."""

    def __init__(self, group: Group, application: str, *, deleted: bool = False) -> None:
        """`application` is what the users look at. Where a pod will be `deleted`, Redis is looked at from outside."""
        self.group, self._cluster = group, group.cluster
        self._prefix = f"written:{time.time():.0f}"
        servers = ",".join(addresses(self._cluster, "argocd-server"))
        about = (HOST, str(self._cluster.ca), application, servers, MASTER, *group.addresses.values())
        env = {"ARGOCD_PASSWORD": self._cluster.admin_password(), **group.env}
        self._users = Lines(self._cluster, "tests.live.clients.visitor", *about, env=env)
        self._writer = group.write(self._prefix)
        self._samples = {pod: group.sample(pod, outside=deleted) for pod in PODS}
        self._clients = [self._users, self._writer, *self._samples.values()]
        self.began = time.time()

    def __enter__(self) -> Watch:
        until(lambda: all(self._well(kind) for kind in KINDS), 30, "users before the fault")
        self.began = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        for client in self._clients:
            client.stop()

    def attempts(self, kind: str) -> list[Attempt]:
        """All attempts of that kind so far."""
        return [one for one in (Attempt(*json.loads(line)) for line in list(self._users.lines)) if one.kind == kind]

    def _well(self, kind: str) -> bool:
        last = self.attempts(kind)[-2:]
        return len(last) == 2 and all(one.result == "ok" and one.began > self.began for one in last)

    def wait_well(self, seconds: float = 90) -> None:
        """Until three Redis are whole and everything works for the users."""
        self.group.wait_whole(seconds)
        self.began, fault = time.time(), self.began
        try:
            until(lambda: all(self._well(kind) for kind in KINDS), 60, "users after the fault")
        finally:
            self.began = fault

    def longest(self, kind: str) -> float:
        """The longest time without a success from the fault on, in seconds."""
        good = [one.ended for one in self.attempts(kind) if one.result == "ok" and one.began >= self.began]
        return max(after - before for before, after in itertools.pairwise([self.began, *good]))

    def wrong(self, kind: str) -> list[str]:
        """What went wrong, from the fault on."""
        return [one.result for one in self.attempts(kind) if one.result != "ok" and one.ended >= self.began]

    def spans(self) -> dict[str, list[tuple[float, float]]]:
        """When each pod's Redis accepted writes."""
        return {pod: accepting(list(samples.lines)) for pod, samples in self._samples.items()}

    def lost(self) -> tuple[int, int]:
        """How many writes were acknowledged, and how many of these the master has no longer. Ends the writer."""
        acknowledged = {line.split()[1] for line in self._writer.stop()[:-1]}
        return len(acknowledged), len(acknowledged - self.group.keys(self._prefix))
