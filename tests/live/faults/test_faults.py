"""Faults in Redis and Argo CD while users work: how long users notice them, and which writes are lost."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from live.cluster import Cluster
from live.faults import cut_off, doors, frozen, kill
from tests.conftest import Figures
from tests.live.conftest import HOST
from tests.live.faults.conftest import APPLICATION
from tests.live.faults.outage import GROUP, KINDS, LIMITED, PODS, Group, Outages, Watch, spread
from tests.live.lifecycle import Argocd, addresses, config_map, get, until

LIMIT = 15.0
"""Seconds within which users must be able to log in, log out and see an Application after the loss of one Redis."""

LATE = 75.0
"""Seconds within which each argocd-server must know of a logout: without a connection it retries after a minute."""

REFRESH = 45.0
"""Seconds within which an Application must be refreshed: the controller may wait for a dead connection to time out."""

ROUNDS = 20

OVERLAP = 2
"""Seconds in which a lost master and its successor both run: time enough for both to accept a write."""

LOSS = 60
"""Seconds for which a network stays cut: longer than every timeout of Redis, Sentinel and Argo CD's clients."""

ABSENCE = 20
"""Seconds for which a pod stays frozen or not ready: longer than Sentinel and the readiness probe need to notice."""

MISSED = 1.5
"""Seconds of writes that replicas miss: less than the lag after which the master refuses writes."""

SETTLED = 5
"""Seconds in which the gateway notices a killed pod and clients retry: failed requests come in this time."""

BLINK = 0.1
"""Seconds in which a master that returns may still accept writes.

It reads old messages of its replicas, and counts them as new until it notices that the replicas are gone.
"""


def bound(settings: dict[str, int]) -> float:
    """Seconds after which a master without replicas refuses writes.

    Redis checks the lag once per second, in whole seconds.
    """
    return settings["min-replicas-max-lag"] + 2


def noticed(settings: dict[str, int]) -> float:
    """Seconds before which no Sentinel considers a master down: the last answer may be a second old."""
    return settings["down_after"] / 1000 - 1


def test_a_lone_master_stops_before_its_successor_starts(settings: dict[str, int]) -> None:
    assert settings["min-replicas-to-write"] == 1
    assert bound(settings) <= noticed(settings)


# --- faults in Redis


def killed(group: Group, master: str) -> None:
    kill(group.cluster, master)


def drained(group: Group, master: str) -> None:
    group.cluster.kubectl("delete", "pod", "-n", "argocd", master)


def rolled(group: Group, master: str) -> None:
    """Replace each pod in turn, as after a change of a script or an image. Twice; the first time each starts slowly."""
    name = ("statefulset/argocd-redis-sentinel", "-n", "argocd")
    containers = get(group.cluster, *name[0].split("/"))["spec"]["template"]["spec"]["initContainers"]
    # Longer than it takes until a pod counts as not ready, like the pull of an image.
    slow = containers[0] | {"name": "slow", "command": ["sleep", "25"], "volumeMounts": []}
    for value in ([slow, *containers], containers):
        patch = [{"op": "replace", "path": "/spec/template/spec/initContainers", "value": value}]
        group.cluster.kubectl("patch", *name, "--type=json", "-p", json.dumps(patch))
        group.cluster.kubectl("rollout", "status", *name, "--timeout=240s", timeout=250)


def standing(group: Group, master: str) -> None:
    with frozen(group.cluster, master):
        successor(group, master)
        time.sleep(OVERLAP)


def cut(group: Group, master: str) -> None:
    with cut_off(group.cluster, master):
        time.sleep(LOSS)


def all_killed(group: Group, master: str) -> None:
    kill(group.cluster, *PODS)


def behind_and_all_killed(group: Group, master: str) -> None:
    """One replica misses the last 20 seconds of writes, and could become master by chance."""
    with frozen(group.cluster, next(pod for pod in PODS if pod != master)):
        time.sleep(ABSENCE)
        kill(group.cluster, *PODS)


def replaced(group: Group, *pods: str) -> None:
    """Delete the pods with their data at the same time, and wait for new ones."""
    old = {pod: addresses(group.cluster, GROUP)[pod] for pod in pods}
    group.cluster.kubectl("delete", "pod", "-n", "argocd", *pods, "--grace-period=0", "--force")

    def new() -> bool:
        found = addresses(group.cluster, GROUP)
        return all(found.get(pod, address) != address for pod, address in old.items())

    until(new, 30, "there are new pods")


def two_replaced(group: Group, master: str) -> None:
    replaced(group, master, next(pod for pod in PODS if pod != master))


def replicas_replaced_and_killed(group: Group, master: str) -> None:
    """The new replicas have no data yet when the master, which has the data, restarts."""
    replaced(group, *(pod for pod in PODS if pod != master))
    kill(group.cluster, master)


def replicas_replaced_and_standing(group: Group, master: str) -> None:
    """Two Sentinels do not know the master, and the third, which does, does not answer."""
    with frozen(group.cluster, master):
        replaced(group, *(pod for pod in PODS if pod != master))
        time.sleep(ABSENCE)


def killed_and_successor(group: Group, master: str) -> None:
    kill(group.cluster, master)
    kill(group.cluster, successor(group, master))


def unlucky(group: Group, master: str) -> None:
    """The replicas do not get the master's writes of the last 1.5 seconds, which are lost with the master."""
    with contextlib.ExitStack() as both:
        for pod in PODS:
            if pod != master:
                both.enter_context(cut_off(group.cluster, pod))
        time.sleep(MISSED)
        network = doors(group.cluster, master)[0].network
        group.cluster.kubectl("delete", "pod", "-n", "argocd", master, "--grace-period=0", "--force")
        until(lambda: network not in group.cluster.node_exec(["ip", "netns", "list"]).stdout, 5, "the pod has ended")


def successor(group: Group, master: str) -> str:
    """Wait for the next master; returns its pod."""
    found: list[str] = []

    def made() -> bool:
        found[:] = [pod for pod in group.masters() if pod != master]
        return bool(found)

    until(made, 60, f"{master} has a successor")
    return found[0]


def sentinel_of_a_server(cluster: Cluster) -> str:
    """The pod whose Sentinel an argocd-server is connected to."""
    [door] = doors(cluster, next(iter(addresses(cluster, "argocd-server"))))
    enter = ["nsenter", f"--net=/run/netns/{door.network}", "--"]
    found = cluster.node_exec([*enter, "ss", "-tnH", "state", "established", "dport = :26379"]).stdout
    pods = {address: pod for pod, address in addresses(cluster, GROUP).items()}
    return next(pods[address] for address in re.findall(r"(\S+):26379", found) if address in pods)


@dataclass(frozen=True)
class Fault:
    """A fault of the master.

    limit: seconds within which users must succeed again; None for no limit.
    deleted: pods are deleted. lossless: no write may be lost. master: the pod that must be the master; None for any.
    """

    name: str
    cause: Callable[[Group, str], None]
    limit: float | None = LIMIT
    deleted: bool = False
    lossless: bool = False
    master: Callable[[Cluster], str] | None = None


FAULTS = [
    # The worst case: an argocd-server asks the Sentinel of the lost pod for the new master.
    Fault("master cut off for a minute", cut, master=sentinel_of_a_server),
    Fault("master stands still until 2 s after its successor", standing),
    Fault("master killed", killed),
    # Shorter than after a loss: the master hands over before it ends.
    Fault("pod of the master drained", drained, limit=5.0, deleted=True, lossless=True),
    Fault("all three replaced in turn", rolled, deleted=True, lossless=True),
    Fault("master killed, and its successor at once", killed_and_successor, limit=None),
    Fault("all three killed at once", all_killed, limit=None),
    Fault("all three killed, one 20 s behind", behind_and_all_killed, limit=None),
    Fault("pods of master and a replica gone at once", two_replaced, limit=30.0, deleted=True),
    Fault("pods of both replicas gone, and the master killed", replicas_replaced_and_killed, limit=None, deleted=True),
    Fault(
        "pods of both replicas gone while the master stands still",
        replicas_replaced_and_standing,
        limit=None,
        deleted=True,
        # Without a known master, pod 0 is the default, which would be right by chance.
        master=lambda _: PODS[2],
    ),
    Fault("replicas cut off for 1.5 s, then the master's pod gone", unlucky, deleted=True),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault(
    cluster: Cluster, group: Group, settings: dict[str, int], outages: Outages, fault: Fault, tmp_path: Path
) -> None:
    token = revoked(cluster, tmp_path)
    if fault.master:
        group.make_master(fault.master(cluster))
    master = group.master()
    with Watch(group, APPLICATION, deleted=fault.deleted) as watch:
        fault.cause(group, master)
        watch.wait_well()
        outage = watch.outage(fault.name, master, bound(settings))
    outages.add(outage)
    assert outage.together <= max(0.0, bound(settings) - noticed(settings)) + BLINK
    if fault.cause is cut:
        assert outage.lone is not None and outage.lone <= bound(settings) + 0.5
    assert outage.lost <= (0 if fault.lossless else outage.at_risk)
    if fault.limit:
        assert {kind: outage.longest[kind] for kind in LIMITED if outage.longest[kind] > fault.limit} == {}
        assert outage.longest["refresh"] <= REFRESH
        assert outage.everywhere is not None and outage.everywhere <= LATE
    assert refusing(cluster, token) == "all"
    restart_server(cluster)
    assert refusing(cluster, token) == "all"


# --- while one Redis is away


def ready(cluster: Cluster, pod: str) -> bool:
    found = json.loads(cluster.kubectl("get", "pod", pod, "-n", "argocd", "-o", "json").stdout)["status"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in found["conditions"])


def evict(cluster: Cluster, pod: str) -> str:
    """The API server's error for a dry run of an eviction; empty if the eviction is allowed."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": "argocd"}}
    eviction["deleteOptions"] = {"dryRun": ["All"]}
    path = f"/api/v1/namespaces/argocd/pods/{pod}/eviction"
    done = cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(eviction), check=False)
    return "" if done.returncode == 0 else done.stderr


def test_no_second_redis_is_drained_during_an_outage(cluster: Cluster, group: Group) -> None:
    """While a replica is away, no other pod may be drained, and a new pod is not ready.

    A master that is lost then may have no successor. The others stay ready, or a rollout would replace them too.
    """
    master = group.master()
    away, other = (pod for pod in PODS if pod != master)
    until(lambda: all(ready(cluster, pod) for pod in PODS), 60, "all three are ready")
    until(lambda: evict(cluster, master) == "", 20, "a pod may be drained")
    with frozen(cluster, away):
        until(lambda: not ready(cluster, away), 60, "the frozen replica is not ready")
        until(lambda: "disruption budget" in evict(cluster, master), 20, "no pod may be drained")
        assert ready(cluster, master) and ready(cluster, other)
        cluster.kubectl("delete", "pod", "-n", "argocd", other)
        until(lambda: other in addresses(cluster, GROUP), 60, "there is a new pod")
        until(lambda: group.ask(other, "role")[3:4] == ["connected"], 60, "the new replica is connected to the master")
        time.sleep(ABSENCE)
        assert not ready(cluster, other) and ready(cluster, master)
        assert group.master() == master
    group.wait_whole()
    until(lambda: all(ready(cluster, pod) for pod in PODS), 60, "all three are ready again")


# --- a token that was revoked


def revoked(cluster: Cluster, home: Path) -> str:
    """A token that `argocd logout` has revoked."""
    user = Argocd(cluster, home).login("admin", cluster.admin_password())
    [account] = yaml.safe_load((home / ".config/argocd/config").read_text())["users"]
    user("logout", HOST)
    token: str = account["auth-token"]
    until(lambda: refusing(cluster, token) == "all", 20, "every argocd-server refuses the token")
    return token


def refusing(cluster: Cluster, token: str) -> str:
    """Whether every argocd-server refuses a token: `all`, or the status code of each by its name."""
    answers = {}
    for name, address in addresses(cluster, "argocd-server").items():
        url = f"http://{address}:8080/api/v1/account"
        cookie = f"argocd.token={token}"
        curl = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--cookie", cookie, url]
        answers[name] = cluster.exec(curl).stdout
    return "all" if set(answers.values()) == {"401"} else str(answers)


def restart_server(cluster: Cluster) -> None:
    """Replace one argocd-server: the new one has only the state that is in Redis."""
    before = addresses(cluster, "argocd-server").keys()
    cluster.kubectl("delete", "pod", "-n", "argocd", next(iter(before)), "--force")
    until(lambda: len(addresses(cluster, "argocd-server").keys() - before) == 1, 20, "there is another argocd-server")
    cluster.kubectl("rollout", "status", "-n", "argocd", "deployment/argocd-server", "--timeout=60s")


def test_revoked_token_works_again_without_its_redis_key(cluster: Cluster, group: Group, tmp_path: Path) -> None:
    """Shows that the tests of revoked tokens can fail."""
    token = revoked(cluster, tmp_path)
    taken = group.take("revoked-token|*")
    assert taken
    restart_server(cluster)
    assert "200" in refusing(cluster, token)


# --- repeated faults


def test_the_master_is_killed_repeatedly(
    cluster: Cluster,
    group: Group,
    settings: dict[str, int],
    outages: Outages,
    report: Callable[[str, Figures], None],
    tmp_path: Path,
) -> None:
    token = revoked(cluster, tmp_path)
    began: list[float] = []
    with Watch(group, APPLICATION) as watch:
        first = group.master()
        for _ in range(ROUNDS):
            master = group.master()
            watch.began = time.time()
            began.append(watch.began)
            kill(group.cluster, master)
            successor(group, master)
            group.wait_whole()
            until(lambda: all(watch.good(kind) for kind in KINDS), 60, "users can do everything again")
            outages.rounds.append({kind: round(watch.longest(kind), 1) for kind in KINDS})
        watch.began = began[0]
        watch.wait_well()
        outage = watch.outage(f"master killed, {ROUNDS} times", first, bound(settings))
    # The writes acknowledged since the kill before; a kill takes a moment.
    ends = [-math.inf, *(moment + 0.5 for moment in began)]
    for found, (after, before) in zip(outages.rounds, itertools.pairwise(ends), strict=True):
        found["lost"] = sum(not kept for moment, kept in watch.writes if after < moment <= before)
    # An argocd-server that missed a new master retries a minute later, and may miss the next one too.
    outages.add(dataclasses.replace(outage, everywhere=None))
    lost = [int(found["lost"]) for found in outages.rounds]
    logout = spread([found["logout"] for found in outages.rounds])
    times = {
        f"logout {name} ms": round(1000 * value)
        for name, value in zip(("least", "median", "most"), logout, strict=True)
    }
    losses = {"writes": outage.acknowledged, "lost": sum(lost), "lost in a round": max(lost), "bound": outage.at_risk}
    report("master-killed", {"rounds": ROUNDS, **times, **losses})
    assert {kind: outage.longest[kind] for kind in LIMITED if outage.longest[kind] > LIMIT} == {}
    assert outage.together <= BLINK
    assert max(lost) <= outage.at_risk
    until(lambda: refusing(cluster, token) == "all", 90, "the token stays revoked")
    restart_server(cluster)
    assert refusing(cluster, token) == "all"


# --- faults in Argo CD


def test_an_argocd_server_is_killed(
    cluster: Cluster, group: Group, settings: dict[str, int], outages: Outages, tmp_path: Path
) -> None:
    token = revoked(cluster, tmp_path)
    with Watch(group, APPLICATION) as watch:
        kill(cluster, next(iter(addresses(cluster, "argocd-server"))))
        time.sleep(SETTLED)
        watch.wait_well()
        outage = watch.outage("one argocd-server killed", group.master(), bound(settings))
        wrong = watch.wrong("request")
    outages.add(outage)
    # Requests in flight, and those before the gateway knew that the pod had ended.
    assert len(wrong) <= 3, f"expected at most 3 failed requests, found {wrong}"
    assert outage.longest["request"] <= 2
    assert refusing(cluster, token) == "all"
    assert {kind: outage.longest[kind] for kind in KINDS if outage.longest[kind] > LIMIT} == {}


def test_a_repo_server_is_killed_during_a_sync(
    cluster: Cluster, argocd: Argocd, group: Group, settings: dict[str, int], outages: Outages, tmp_path: Path
) -> None:
    token = revoked(cluster, tmp_path)
    cluster.git_repository(APPLICATION, {"config.json": config_map(APPLICATION, {"version": f"{time.time()}"})})
    with Watch(group, APPLICATION) as watch:
        with contextlib.ExitStack() as asleep:
            for name in addresses(cluster, "argocd-repo-server"):
                asleep.enter_context(frozen(cluster, name))
            sync = {"operation": {"initiatedBy": {"username": "admin"}, "sync": {"revision": "main"}}}
            name = f"applications.argoproj.io/{APPLICATION}"
            cluster.kubectl("patch", name, "-n", "argocd", "--type=merge", "-p", json.dumps(sync))
            asked: list[str] = []

            def waits() -> bool:
                asked[:] = [name for name in addresses(cluster, "argocd-repo-server") if unread(cluster, name)]
                return bool(asked)

            until(waits, 20, "there is a request to a repo-server")
            watch.began = time.time()
            kill(cluster, asked[0])
        argocd("app", "wait", APPLICATION, "--sync", "--operation", "--timeout", "30")
        seconds = time.time() - watch.began
        watch.wait_well()
        outage = watch.outage("one repo-server killed during a sync", group.master(), bound(settings))
    outages.add(outage)
    assert seconds <= LIMIT
    assert refusing(cluster, token) == "all"
    restart_server(cluster)
    assert refusing(cluster, token) == "all"


def unread(cluster: Cluster, pod: str) -> int:
    """The number of received bytes that a repo-server has not read."""
    [door] = doors(cluster, pod)
    enter = ["nsenter", f"--net=/run/netns/{door.network}", "--"]
    found = cluster.node_exec([*enter, "ss", "-tnH", "state", "established", "sport = :8081"]).stdout
    return sum(int(line.split()[0]) for line in found.splitlines())


# --- these tests can fail


def test_without_min_replicas_two_masters_accept_writes(
    cluster: Cluster, group: Group, settings: dict[str, int]
) -> None:
    def least(number: int) -> None:
        for pod in PODS:
            group.ask(pod, "config", "set", "min-replicas-to-write", str(number))

    least(0)
    master = group.master()
    try:
        with Watch(group, APPLICATION) as watch:
            with cut_off(cluster, master):
                successor(group, master)
                time.sleep(OVERLAP)
            watch.wait_well()
            outage = watch.outage("without min-replicas", master, bound(settings))
        assert outage.together > 1
    finally:
        least(settings["min-replicas-to-write"])


def test_redis_and_sentinel_require_the_password(cluster: Cluster, group: Group) -> None:
    for address, port in itertools.product(group.addresses.values(), ("6379", "26379")):
        assert cluster.exec(["redis-cli", "-h", address, "-p", port, "role"]).stdout.startswith("NOAUTH")


def test_a_wrong_sentinel_password_is_noticed(cluster: Cluster, group: Group) -> None:
    deployment = ("deployment/argocd-server", "-n", "argocd")
    cluster.kubectl("set", "env", *deployment, "REDIS_SENTINEL_PASSWORD=wrong")
    cluster.kubectl("rollout", "status", *deployment, "--timeout=60s")
    try:
        with Watch(group, APPLICATION, broken=True) as watch:
            until(lambda: all(watch.attempts(kind) for kind in LIMITED), 30, "the users have tried everything")
        assert {kind for kind in LIMITED if watch.good(kind)} == {"request", "login"}
    finally:
        cluster.kubectl("rollout", "undo", *deployment)
        cluster.wait_ready()
