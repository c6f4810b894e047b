"""What single sign-on does in each mode and way, and what mistakes do, as one page with a date."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.live import ways
from tests.live.conftest import HOST
from tests.live.mistakes.data import Mistake
from tests.live.sso import identity
from tests.live.sso.test_mistakes import MISTAKES, OWN_SERVER
from tests.live.table import MODES
from tests.live.ways import API, API_EXISTING, BALANCER, EXISTING, LISTENER_SET, OURS, OWN, Case
from tools.build import NEWEST_GATEWAY_API
from tools.versions import module, versions

Cells = dict[str, str]
"""The answers, by `key` or `mistake`: of simple types, because a worker sends them to the first process."""

ISTIO_CASES = [*(Case(OWN, mode) for mode in MODES), *(case for case in ways.CASES if case.install == OURS)]
API_CASES = [case for case in ways.API_CASES if (case.install, case.pin) == (OURS, NEWEST_GATEWAY_API)]
CASES = [*ISTIO_CASES, *API_CASES]

MISTAKE = "mistake "
"""The start of the keys of mistakes."""

STEPS = ("login", "deep link", "logout", "argocd --sso", "argocd --sso --grpc-web")
COLUMNS = (*STEPS, *(f"{step}, further host" for step in STEPS))
PERSONS = {"alice": "admin", "bob": "reader", "carol": "no group"}

PROVIDER = {
    OWN: "the same gateway",
    EXISTING: "the same gateway, with a Gateway of its own",
    BALANCER: "the same gateway, past the balancer",
    API: "a Gateway of its own, of the same class",
    API_EXISTING: "the other team's Gateway, with a listener of its own",
    LISTENER_SET: "the other team's Gateway, with a listener of its own",
}


def provider(case: Case) -> str:
    """Where the provider is."""
    return "the same server of the Gateway as Argo CD" if identity.behind_wildcard(case) else PROVIDER[case.way]


def key(case: Case, name: str) -> str:
    return f"{case}: {name}"


def mistake_key(mistake: Mistake) -> str:
    # Those without a rule come last.
    return f"{MISTAKE}{mistake.rule or 'Z'} {mistake.fault}"


def column(step: str, host: str) -> str:
    """The name of a step on a host."""
    return step if host == HOST else f"{step}, further host"


def add(cells: Cells, mistake: Mistake, severity: str, answers: str) -> None:
    """Add what was observed of a mistake."""
    cells[mistake_key(mistake)] = json.dumps([mistake.rule, severity, mistake.fault, answers])


def every() -> set[str]:
    """The keys of a complete page."""
    return {
        *(key(case, name) for case in CASES for name in (*COLUMNS, *PERSONS)),
        *(mistake_key(mistake) for mistake in (OWN_SERVER, *(one for one, _ in MISTAKES))),
    }


def write(cells: Cells, folder: Path) -> None:
    """Write `sso.md` to the folder, if every case was run."""
    if cells.keys() >= every():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sso.md").write_text("\n".join(_markdown(cells)) + "\n")


def _markdown(cells: Cells) -> Iterator[str]:
    measured = f"Argo CD {module()}, Istio {versions()['istio']}, Envoy {versions()['envoy']}"
    yield from (
        "# Single sign-on in every way",
        "",
        f"{datetime.now(UTC):%-d %B %Y}, by `make test-sso`: {measured}, oidc-provider {versions()['oidc-provider']}.",
        "",
        "A person presses the button of Argo CD's own UI in Chromium, signs in at the provider, and lands where the",
        "link leads. The logout ends the session at Argo CD and at the provider, and leads back to the same host. The",
        "browser reported no error. `argocd login --sso` has its callback on localhost; its cell is ok only if the",
        "token is refused after `argocd logout`. [How to set it up](../docs/sso.md).",
        "",
    )
    yield from _header(["", "component", "provider", *COLUMNS])
    for number, case in enumerate(CASES, 1):
        found = [cells[key(case, name)] for name in COLUMNS]
        yield _line([str(number), f"`{case.component}`", provider(case), *found])
    yield from (
        "",
        "Nobody but Argo CD may attach to its own Gateway of the Gateway API, so the provider has another one there.",
        "A warning is that of a gateway without a route for gRPC: the command falls back to gRPC-Web.",
        "",
        "## Roles",
        "",
        "By the UI's API and by the CLI: an admin syncs and creates, a reader reads and gets 403 or PermissionDenied",
        "for the rest, and a person without a group logs in and sees nothing.",
        "",
    )
    yield from _header(["", "component", *(f"{name}: {what}" for name, what in PERSONS.items())])
    for number, case in enumerate(CASES, 1):
        found = [cells[key(case, person)] for person in PERSONS]
        yield _line([str(number), f"`{case.component}`", *found])
    yield from (
        "",
        "## Mistakes",
        "",
        "Each was made in a running Argo CD, in grpc-routing (C23: in existing-gateway/termination).",
        "`argocd-istio lint` of the objects in the cluster reports the rule; without one, lint does not judge it.",
        "",
    )
    yield from _header(["rule", "severity", "mistake", "what clients get"])
    for name in sorted(cells):
        if name.startswith(MISTAKE):
            yield _line([one.replace("|", "\\|") for one in json.loads(cells[name])])


def _header(names: list[str]) -> Iterator[str]:
    yield _line(names)
    yield _line(["---"] * len(names))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
