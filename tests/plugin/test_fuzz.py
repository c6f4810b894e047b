"""Broken input of all kinds to the reader and the function: a result or one line, and never anything else."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable

import yaml

from argocd_istio.explain import FORMATS, draw
from argocd_istio.explain.picture import Picture
from argocd_istio.krm.function import parse_list, run
from argocd_istio.lint.run import run as lint
from argocd_istio.render.objects import Objects
from argocd_istio.render.ways import facts
from argocd_istio.syntax.source import SourceError, parse
from argocd_istio.terminal import Terminal
from tests.plugin.cases import BOMB, exposure, generator, resource_list
from tests.plugin.faults import MORE, SPARED
from tests.plugin.faults_gateway_api import GATEWAY_API, GATEWAY_API_SPARED
from tests.plugin.renders import container, overlay
from tests.plugin.test_bad_inputs import ACCEPTED, MISTAKES, UNREADABLE
from tests.plugin.test_check import RIGHT, WRONG
from tests.work import MOST_A_BYTE, no_hang, steps_a_byte

EXECUTIONS = 60_000
COUNTED = 10  # only one example in this many, because counting is slow

WORDS = (
    "- : ? # &a *a !!str !x <<: --- ... > | ' [ ] { } , %YAML @ ` ~ null on 0755 1e3 2001-01-01 {{x}} $(X) *.a.io "
    "https:// xn--a hosts spec kind items functionConfig metadata apiVersion"
)
TOKENS = [word.encode() + end for word in WORDS.split() for end in (b"", b" ")] + [
    *(b"\n", b"\n  ", b"\t", b"\r", b"\r\n", b'"', b'"\\x00"', b'"\\u2028"', b"\x00", b"\x1b", b"\xc2\x85"),
    *(b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
]


def corpus() -> list[bytes]:
    """Small inputs of every kind that the other tests know."""
    texts = [one[1] for one in (*UNREADABLE, *MISTAKES, *(case[:3] for case in ACCEPTED))]
    texts += [exposure(one[0]) for one in WRONG] + [exposure(spec) for spec in RIGHT] + [BOMB]
    texts += [resource_list(generator(mode="termination", hosts=["a.b", "c.d"], tls={"secretNames": {"a.b": "x"}}))]
    data = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return [one for one in data if len(one) < 2000]


def mutated(random: random.Random, seeds: list[bytes]) -> bytes:
    """One of the seeds with one to four changes."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 1, 2, 2, 4))):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice((0, 0, 1, 2, 8, 40)))
        kind = random.randrange(5)
        if kind == 0:
            new = random.choice(TOKENS)
        elif kind == 1:
            new = random.choice(TOKENS) * random.choice((2, 10, 120))
        elif kind == 2:
            new = bytes(random.randrange(256) for _ in range(random.randrange(4)))
        elif kind == 3:
            other = random.choice(seeds)
            cut = random.randrange(len(other) + 1)
            new = other[cut : cut + random.choice((5, 30, 200))]
        else:
            new = data[start:end] * 2
        data = data[:start] + new + data[end:]
    return data


def execute(data: bytes) -> bool:
    """Read, run, write, and run again on the output; whether the input was a ResourceList."""
    try:
        parse(data, "f")
        given = parse_list(data)
    except SourceError as error:
        assert str(error).isprintable()
        return False
    result = run(given)
    assert all(str(finding).isprintable() for finding in result.findings)
    text = result.to_yaml()
    assert run(parse_list(text.encode())).to_yaml() == text
    return True


def test_no_input_raises_or_hangs(report: Callable[[str, dict[str, int]], None]) -> None:
    """`ARGOCD_ISTIO_FUZZ_SEED` chooses other inputs; the seed of a failure is in its message."""
    seed = int(os.environ.get("ARGOCD_ISTIO_FUZZ_SEED", "1"))
    source, seeds = random.Random(seed), corpus()
    taken, slowest, most = 0, 0.0, 0.0
    for number in range(EXECUTIONS):
        data = mutated(source, seeds)
        try:
            with no_hang():
                start = time.perf_counter()
                taken += execute(data)
                slowest = max(slowest, time.perf_counter() - start)
                if number % COUNTED == 0:
                    most = max(most, steps_a_byte(execute, data))
        except Exception as error:
            raise AssertionError(f"seed {seed}, execution {number}: {error!r} for {data!r}") from error
    counts = {"executions": EXECUTIONS, "of them taken": taken, "slowest ms": round(slowest * 1000)}
    report("fuzz of the reader and the function", {**counts, "most steps a byte": round(most)})
    assert 0 < most < MOST_A_BYTE
    assert taken > EXECUTIONS // 20, "most inputs break too early to reach the rules"


RENDERS = 6000


def renders() -> list[bytes]:
    """Small renders with a fault, or with a valid case that looks like one."""
    found = []
    wrong, spared = [*MORE, *GATEWAY_API], [*SPARED, *GATEWAY_API_SPARED]
    for mode, change in [*(row[2:4] for row in wrong), *(row[1:3] for row in spared)]:
        objects = overlay(mode)
        container(objects)["env"] = [one for one in container(objects)["env"] if "INSECURE" in one["name"]]
        change(objects)
        kept = [one for one in objects if not one["kind"].startswith(("ClusterRole", "Role", "NetworkPolicy"))]
        found.append(yaml.dump_all(kept, Dumper=yaml.CSafeDumper).encode())
    return found


def test_no_render_raises_or_hangs() -> None:
    source, seeds = random.Random(int(os.environ.get("ARGOCD_ISTIO_FUZZ_SEED", "1"))), renders()
    taken = 0
    for number in range(RENDERS):
        data = mutated(source, seeds)
        try:
            with no_hang():
                objects = Objects(parse(data, "f"))
                found = facts(objects, source.choice(("", "istio-system")))
                text = draw(Picture(found, lint(found)), FORMATS[number % len(FORMATS)], Terminal())
                assert "\x1b" not in text
                taken += 1
        except SourceError:
            continue
        except Exception as error:
            raise AssertionError(f"execution {number}: {error!r} for {data!r}") from error
    assert taken > RENDERS // 5, "most renders break too early to reach the rules"
