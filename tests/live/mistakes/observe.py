"""A mistake in the running chain: what lint says about the cluster's objects, what clients get, what the probe says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from live.cluster import Cluster
from tests.live import injected, table
from tests.live.conftest import HERE, HOST, ROOT
from tests.live.lifecycle import Object
from tests.live.mistakes import run
from tests.live.mistakes.data import Mistake, question
from tests.live.probing import Found, above_info, probed
from tests.live.questions import Client, Question
from tests.live.ways import Case, Site

ROWS = {row.name: row for row in table.ROWS}
Answers = dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """What happened.

    `found` are the rules of lint with their severity, `answers` are those of clients, `named` is how the probe names
    the rule.
    """

    found: dict[str, str]
    answers: Answers
    named: str = ""


class Places:
    """Brings up a way and mode, unless it is there."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self._up = ""
        self._site = Site(cluster, folder)
        self._healthy: Answers = {}
        self.objects: list[Object] = []
        """What is in the cluster without a mistake."""

    def bring_up(self, place: str) -> Client:
        """A client of the place."""
        if self._up != place:
            self._up = ""
            self._apply(*place.rpartition("/")[::2])
            self._up, self._healthy = place, {}
            self.objects = run.applied(self.cluster)
        return Client(self.cluster, HOST)

    def healthy(self, client: Client, mistake: Mistake) -> Answers:
        """The answers without the mistake: those of the truth table, or as the place answers at first."""
        for name in (*mistake.clients, *mistake.unaffected):
            if name not in self._healthy:
                self._healthy[name] = _expected(mistake.place, name) or self.ask(name)(client).status
        return {name: self._healthy[name] for name in (*mistake.clients, *mistake.unaffected)}

    def ask(self, name: str) -> Question:
        """The question of that name."""
        return question(name)

    def answers(self, client: Client, names: Iterable[str]) -> Answers:
        """The answers to the questions."""
        return {name: self.ask(name)(client).status for name in names}

    def _apply(self, way: str, mode: str) -> None:
        if way.startswith("sidecars/"):
            injected.apply(self.cluster, self.folder, mode, way.removeprefix("sidecars/"))
            self.cluster.kubectl("apply", "-f", HERE / "application.yaml")
        elif way:
            self._site.bring_up(Case(way, mode))
            # Rules judge the intruders too.
            self.cluster.kubectl("delete", "namespace", "intruder", "--ignore-not-found")
        else:
            self.cluster.apply(ROOT / "overlays" / mode)
            self.cluster.kubectl("apply", "-f", HERE / "application.yaml")
            self.cluster.kubectl("apply", "-f", HERE / "samples/inner-gateway.yaml")
            self.cluster.wait_ready()
            inner = ("deployment/inner-gateway", "-n", "istio-system", "--timeout=60s")
            self.cluster.kubectl("rollout", "status", *inner)

    def close(self) -> None:
        """End what does not end with the cluster."""
        self._site.close()


def _expected(place: str, name: str) -> str:
    """The answer in the truth table, empty if it has no such row."""
    if name not in ROWS:
        return ""
    way, _, mode = place.rpartition("/")
    if way and not way.startswith("sidecars/"):
        return Case(way, mode).expected(ROWS[name]).status
    return ROWS[name].expected[mode].status


def _failing(mistake: Mistake, before: Answers, found: Answers) -> bool:
    """Whether clients get what the mistake promises, and nothing else changed."""
    expected = all(part in found[name] for name, part in mistake.clients.items())
    changed = any(found[name] != before[name] for name in mistake.clients)
    # Of a host that never worked, it is only the answer that counts.
    return (expected and (changed or all("GET https://" in name for name in mistake.clients))) and all(
        found[name] == before[name] for name in mistake.unaffected
    )


def observe(places: Places, mistake: Mistake) -> Outcome:
    """Make the mistake and undo it. Raises AssertionError if clients do not get what it promises."""
    client, cluster = places.bring_up(mistake.place), places.cluster
    if mistake.refused:
        with _validating(cluster):
            return _refused(cluster, places.objects, mistake)
    before = places.healthy(client, mistake)
    found: Answers = {}
    with run.made(cluster, places.objects, mistake):

        def failing() -> bool:
            found.update(places.answers(client, before))
            return _failing(mistake, before, found)

        _until(failing, lambda: f"clients expected {mistake.clients}, and as before {mistake.unaffected}: {found}")
        findings = run.linted(run.applied(cluster), *mistake.lint)
        named = _named(cluster, mistake) if mistake.probe else ""
    _until(lambda: places.answers(client, before) == before, lambda: f"healthy again: {places.answers(client, before)}")
    return Outcome(_severities(findings), {name: found[name] for name in mistake.clients}, named)


def _severities(findings: Iterable[dict[str, str]]) -> dict[str, str]:
    """The highest severity of each rule; errors come first."""
    return {one["rule"]: one["severity"] for one in reversed(list(findings))}


def _until(met: Callable[[], bool], words: Callable[[], str], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, words()


def _named(cluster: Cluster, mistake: Mistake) -> str:
    """How the probe names the rule: `first` as the likeliest, else `among`."""
    deadline = time.monotonic() + 20
    while True:
        found = probed(cluster, *mistake.options)
        how = named(found, mistake.rule)
        if how == mistake.probe or time.monotonic() > deadline:
            return how


def named(found: Found, rule: str) -> str:
    """How the findings above info name a rule."""
    likeliest = [one["rule"] for one in above_info(found)]
    others = [each for one in above_info(found) for each in one["others"]]
    return "first" if rule in likeliest else "among" if rule in others else f"no: {likeliest} {others}"


@contextmanager
def _validating(cluster: Cluster) -> Iterator[None]:
    """Let istiod's webhook judge objects, as Istio's chart does."""
    run.send(cluster, "apply", [run.webhook(cluster)])
    try:
        yield
    finally:
        run.send(cluster, "delete", [run.webhook(cluster)])


def _refused(cluster: Cluster, objects: list[Object], mistake: Mistake) -> Outcome:
    words = ""

    def refused() -> bool:
        nonlocal words
        words = run.refusal(cluster, objects, mistake)
        return mistake.refused in words

    _until(refused, lambda: f"the API server refuses with {mistake.refused}: {words}", 15)
    different = run.changed(cluster, objects, mistake)
    names = {run.key(one) for one in different}
    findings = run.linted([*(one for one in objects if run.key(one) not in names), *different])
    [line] = [each.strip("\t* ") for each in words.splitlines() if mistake.refused in each][:1]
    return Outcome(_severities(findings), {"kubectl apply": line.rpartition("denied the request: ")[2]})
