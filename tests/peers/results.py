"""The page of the comparison, results/peers.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from argocd_istio.lint.catalogue import DOMAINS
from tests.peers import analyzers, judged
from tests.peers.counts import Case, Count
from tests.seeded.seeds import Seed
from tools.versions import module, versions

LINT = "lint"

_INTRODUCTION = """# Other tools on the same faults

{date}, by `make test-rules`: istioctl of Istio {istio}, kubeconform {kubeconform}, checkov {checkov},
Argo CD {argocd}.

Each of the {seeds} files has one fault (`tests/seeded/faults`), and each tool runs on the file with the fault and on
the same file without it. A fault is **found** if the tool then has a new message about an object that the fault
changes, adds or removes, unless [that message says something else](#messages-that-do-not-count). In doubt a message
counts. Of lint the fault's own rule must be new. The faults come from the catalogue that lint was written for, so
this shows what lint adds to the others, not which tool is better:

- `istioctl analyze` (`--use-kube=false`) checks any Istio configuration. With files alone it reads no Service, Pod,
  Deployment, Secret or Namespace, so 21 of its analyzers do not run. The column **in a cluster** has the same analyzers
  with these kinds, with pods of the workloads, a gateway and its certificates: what it says with a cluster.
- kubeconform compares with schemas: here {schemas}, made from the pinned OpenAPI of Kubernetes and the CRDs
  of Istio, the Gateway API and Argo CD, so it needs no network. Rules in CEL, and kinds without a schema such as
  cert-manager's, are beyond it.
- checkov looks for what hardens any workload. It has no check for Istio.

kustomize builds no output for {unbuilt} of the faults in section K: the other tools see nothing of them.
"""


def markdown(
    cases: Sequence[Case], lint: Mapping[Seed, bool], counts: Mapping[str, Count], schemas: int, ours: list[str]
) -> str:
    """The page; `ours` are the rows of Istio's own cases."""
    unbuilt = sum(case.file is None for case in cases)
    names = {name: versions()[name] for name in ("istio", "kubeconform", "checkov")}
    today = f"{datetime.now(UTC):%-d %B %Y}"
    head = _INTRODUCTION.format(
        date=today, argocd=module(), seeds=len(cases), schemas=f"{schemas} kinds", unbuilt=unbuilt, **names
    )
    found = {
        LINT: lint,
        **{tool: {seed: bool(each) for seed, each in one.found.items()} for tool, one in counts.items()},
    }
    parts = [_letters(found), _lost(found, counts), _bases(counts), _judged(), _analyzers(ours)]
    return "\n".join([head, *("\n".join(part) + "\n" for part in parts)])


def _letters(found: Mapping[str, Mapping[Seed, bool]]) -> Iterator[str]:
    yield "## Found\n"
    yield f"| section | faults | {' | '.join(found)} |"
    yield "| --- | --- |" + " --- |" * len(found)
    seeds = list(found[LINT])
    for letter, title in DOMAINS.items():
        chosen = [seed for seed in seeds if seed.letter == letter]
        if chosen:
            yield _row(f"{letter}: {title}", chosen, found)
    yield _row("all", seeds, found)
    others = [seed for seed in seeds if any(found[tool][seed] for tool in found if tool != LINT)]
    alone = sum(found[LINT][seed] for seed in seeds if seed not in others)
    none = sum(not found[LINT][seed] for seed in seeds if seed not in others)
    yield f"\nAny of the others finds {len(others)}; {alone} are found by lint alone, {none} by none.\n"


def _row(title: str, seeds: Sequence[Seed], found: Mapping[str, Mapping[Seed, bool]]) -> str:
    return (
        f"| {title} | {len(seeds)} | "
        + " | ".join(str(sum(map(one.__getitem__, seeds))) for one in found.values())
        + " |"
    )


def _lost(found: Mapping[str, Mapping[Seed, bool]], counts: Mapping[str, Count]) -> Iterator[str]:
    yield "## Found by another, missed by lint\n"
    lost = False
    for seed, own in found[LINT].items():
        for tool, count in counts.items():
            if not own and count.found[seed]:
                lost = True
                yield f"- {seed}: {tool} has {count.found[seed][0]}"
    if not lost:
        yield "None."


def _bases(counts: Mapping[str, Count]) -> Iterator[str]:
    yield "## Without a fault\n"
    yield "What the tools report on files without a fault, judged by hand. lint has no error there (`tests/seeded`).\n"
    yield "| tool | messages | wrong | why |"
    yield "| --- | --- | --- | --- |"
    for tool, count in counts.items():
        groups: dict[tuple[bool, str], list[str]] = {}
        for message in (one for messages in count.bases.values() for one in messages):
            groups.setdefault(judged.on_base(message), []).append(message.code)
        for (wrong, why), codes in groups.items():
            names = sorted(set(codes))
            shown = ", ".join(names) if len(names) < 5 else f"{len(names)} codes"
            yield f"| {tool} | {len(codes)} ({shown}) | {len(codes) if wrong else 0} | {why} |"
        if not groups:
            yield f"| {tool} | 0 | 0 | |"


def _judged() -> Iterator[str]:
    yield "## Messages that do not count\n"
    yield "| code | faults of | why |"
    yield "| --- | --- | --- |"
    for code, rules in judged.NOT_ABOUT.items():
        reasons: dict[str, list[str]] = {}
        for rule, why in rules.items():
            reasons.setdefault(why, []).append(rule or "every rule")
        for rule, why in judged.ABOUT.get(code, {}).items():
            yield f"| {code} | all but {rule} | {next(iter(reasons))}; of {rule}: {why} |"
            reasons = {}
        for why, named in reasons.items():
            yield f"| {code} | {', '.join(named)} | {why} |"


def _analyzers(rows: list[str]) -> Iterator[str]:
    yield "## The cases of Istio's own analyzers\n"
    yield f"Those of `{analyzers.HERE}` about a gateway, a VirtualService, a DestinationRule, the ports of a"
    yield "Service or the Gateway API. Their files have no Argo CD: lint judges there what is true of any host, and is"
    yield "silent about routes that cannot lead to argocd-server. The last column names the rule that reports the same"
    yield "fault on the way to argocd-server.\n"
    yield "| case | Istio expects | istioctl on the files | lint | at argocd-server, or why not |"
    yield "| --- | --- | --- | --- | --- |"
    yield from rows


def write(text: str, folder: Path) -> None:
    """Write `peers.md` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.md").write_text(text)
