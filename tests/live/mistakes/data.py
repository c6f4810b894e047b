"""The mistakes: which rule, in which way and mode, what changes, what clients get, and whether the probe can see it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from live.addresses import GATEWAY_NAMESPACE
from tests.live import questions, table
from tests.live.questions import Client, Question, Reply, curl, http

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Certificate:
    """Another certificate in a Secret; `own`: self-signed."""

    names: list[str]
    days: int = 365
    own: bool = False
    namespace: str = GATEWAY_NAMESPACE


@dataclass(frozen=True)
class Mistake:
    """A mistake in a running exposure. istio.yaml says what a field means."""

    rule: str
    place: str
    fault: str
    change: str = ""
    certificate: Certificate | None = None
    again: tuple[str, ...] = ()
    fresh: bool = False
    clients: dict[str, str] = field(default_factory=dict)
    unaffected: tuple[str, ...] = ()
    refused: str = ""
    probe: str = ""
    unseen: str = ""
    options: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()
    sample: bool = False

    @property
    def mode(self) -> str:
        """The mode of its place."""
        return self.place.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.rule} {self.place}: {self.fault}"


def load(name: str) -> list[Mistake]:
    """The mistakes of a file."""
    return [_read(each) for each in yaml.safe_load((HERE / f"{name}.yaml").read_text())]


def _read(row: dict[str, Any]) -> Mistake:
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    issued = {"certificate": Certificate(**row["certificate"])} if "certificate" in row else {}
    return Mistake(**{**row, **lists, **issued})


# --- questions that the truth table does not have


def _start(reply: Reply) -> str:
    """The status code with the beginning of the body."""
    return f"{questions.status(reply)} {reply.body[:40].decode(errors='replace')}".strip()


def _address(client: Client, name: str, namespace: str) -> str:
    found = client.cluster.kubectl("get", "service", name, "-n", namespace, "-o", "json").stdout
    addresses = json.loads(found)["status"].get("loadBalancer", {}).get("ingress", [])
    return addresses[0]["ip"] if addresses else ""


def _past_the_gateway(client: Client) -> questions.Answer:
    address = _address(client, "argocd-server", "argocd")
    return questions.Answer(_start(curl(client, f"http://{address}/healthz")) if address else "no address")


def _inner_gateway(client: Client) -> questions.Answer:
    address = _address(client, INNER, GATEWAY_NAMESPACE)
    return questions.Answer(questions.status(curl(client, "/healthz", "--connect-to", f"::{address}:")))


def _five_seconds(client: Client) -> questions.Answer:
    logged_in = questions.event_source(client)
    began = time.monotonic()
    curl(client, questions.STREAM, "--max-time", "5", *logged_in)
    seconds = round(time.monotonic() - began)
    return questions.Answer("open" if seconds >= 5 else f"ended after {seconds} s")


INNER = "inner-gateway"
"""Another gateway of the cluster, which is not for Argo CD."""

_OLD_TLS = ("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")
_TEXT = ("--header", "content-type: text/plain")

QUESTIONS: dict[str, Question] = {
    **{row.name: row.question for row in table.ROWS},
    "TLS 1.1": http("/healthz", *_OLD_TLS),
    "login as text/plain": lambda client: questions.Answer(
        questions.status(curl(client, "/api/v1/session", *_TEXT, data=client.credentials()))
    ),
    "event stream of five seconds": _five_seconds,
    "past the gateway": _past_the_gateway,
    "the inner gateway": _inner_gateway,
}


def question(name: str) -> Question:
    """The question of that name; `GET` and a path or address asks the gateway for it, whatever its certificate."""
    if name.startswith("GET "):
        return http(name.removeprefix("GET "), "--insecure", "--connect-to", "::{ip}:", show=_start)
    return QUESTIONS[name]


def every() -> list[Mistake]:
    """All mistakes."""
    return [mistake for file in sorted(HERE.glob("*.yaml")) for mistake in load(file.stem)]
