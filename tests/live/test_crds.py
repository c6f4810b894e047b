"""With each set of CRDs, the API server accepts valid objects of Argo CD and refuses invalid ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.cluster import Cluster
from tests.live.conftest import HERE, ROOT
from tests.live.lifecycle import erase

SAMPLES = HERE / "samples"
GOOD = [SAMPLES / f"{kind}.yaml" for kind in ("application", "appproject", "applicationset")]
WRONG: list[dict[str, Any]] = list(yaml.safe_load_all((SAMPLES / "refused.yaml").read_text()))
CREATE = ("create", "--dry-run=server", "--validate=strict", "--namespace=default", "-f")


@pytest.fixture(scope="module", params=["default", "full"])
def crds(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """Apply the CRDs in the documented way, and wait until they are served; returns the name of the set."""
    name: str = request.param
    erase(cluster)
    folder = ROOT / "base/crds" / {"default": ".", "full": "full"}[name]
    cluster.apply(folder, server_side=name == "full")
    deadline = time.monotonic() + 30
    while cluster.kubectl("get", "applications,appprojects,applicationsets", check=False).returncode != 0:
        assert time.monotonic() < deadline, "the CRDs are not served after 30 s"
    return name


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("samples", GOOD, ids=lambda path: path.stem)
def test_valid_objects_are_accepted(cluster: Cluster, samples: Path) -> None:
    done = cluster.kubectl(*CREATE, samples)
    assert done.stdout.count(" created (server dry run)") == len(list(yaml.safe_load_all(samples.read_text())))


@pytest.mark.usefixtures("crds")
@pytest.mark.parametrize("wrong", WRONG, ids=lambda item: f"{item['kind']} {item['metadata']['name']}")
def test_invalid_objects_are_refused(cluster: Cluster, wrong: dict[str, Any]) -> None:
    done = cluster.kubectl(*CREATE, "-", input=yaml.safe_dump(wrong), check=False)
    assert done.returncode != 0
    assert wrong["metadata"]["annotations"]["expected"] in done.stderr


def test_only_full_crds_accept_a_nested_generators_template(cluster: Cluster, crds: str) -> None:
    done = cluster.kubectl(*CREATE, SAMPLES / "nested-template.yaml", check=False)
    assert (done.returncode == 0) == (crds == "full"), done.stderr
    if crds == "default":
        for nested in ("matrix.generators[1].clusters", "merge.generators[0].list"):
            assert f'{nested}.template"' in done.stderr


def test_client_side_apply_rejects_the_full_crds(cluster: Cluster, crds: str) -> None:
    if crds == "full":
        done = cluster.apply(ROOT / "base/crds/full", check=False)
        assert done.returncode != 0
        assert "metadata.annotations: Too long" in done.stderr


def _kinds(generators: list[dict[str, Any]]) -> Iterator[str]:
    """The kind of each generator; for those with a provider also the kind with it, as in `scmProvider github`."""
    for generator in generators:
        for kind, spec in generator.items():
            yield kind
            if kind in ("scmProvider", "pullRequest"):
                yield from (f"{kind} {provider}" for provider, value in spec.items() if isinstance(value, dict))


def _known(schema: dict[str, Any]) -> set[str]:
    found = set()
    for kind, spec in schema["items"]["properties"].items():
        found.add(kind)
        if kind in ("scmProvider", "pullRequest"):
            providers = spec["properties"].items()
            found |= {f"{kind} {name}" for name, value in providers if value["type"] == "object"}
    return {name for name in found if name.split()[-1] not in ("template", "values")}


def test_samples_use_every_generator_of_the_crd() -> None:
    crd = yaml.load((ROOT / "base/crds/full/applicationset.yaml").read_text(), yaml.CSafeLoader)
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["generators"]
    plain, nested = (item["spec"]["generators"] for item in yaml.safe_load_all(GOOD[2].read_text()))
    assert set(_kinds(plain)) == _known(spec)
    for outer, generator in zip(("matrix", "merge"), nested, strict=True):
        schema = spec["items"]["properties"][outer]["properties"]["generators"]
        below = generator[outer]["generators"]
        assert {kind for item in below for kind in item} == schema["items"]["properties"].keys()
