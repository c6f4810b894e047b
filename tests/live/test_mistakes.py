"""A sample of the mistakes in the running chain; `make test-rules` makes all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from live.cluster import Cluster
from tests.live.mistakes import run
from tests.live.mistakes.data import Mistake, every
from tests.live.mistakes.observe import Places, observe
from tests.live.table import MODES

SAMPLE = sorted((one for one in every() if one.sample), key=lambda each: each.place)


@pytest.fixture(scope="module")
def places(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    made = Places(cluster, tmp_path_factory.mktemp("places"))
    yield made
    made.close()


@pytest.mark.parametrize("mistake", SAMPLE, ids=str)
def test_a_mistake_fails_as_its_rule_says(places: Places, mistake: Mistake) -> None:
    outcome = observe(places, mistake)
    assert mistake.rule in outcome.found
    assert outcome.named == mistake.probe


@pytest.mark.parametrize("mode", MODES)
def test_a_healthy_cluster_has_no_errors(places: Places, mode: str) -> None:
    places.bring_up(mode)
    assert [one for one in run.linted(places.objects) if one["severity"] == "error"] == []
