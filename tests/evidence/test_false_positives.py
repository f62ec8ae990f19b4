"""Of cfg against cfg nothing is found more often than is stated; an effect that is there is found.

The pictures are those of one run. Two groups of them that differ in nothing but the seeds, drawn at random, stand for
two guiders.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import cfgsweep
from cfgsweep.evidence import statistics
from cfgsweep.evidence.comparison import SIGNIFICANT, Comparisons
from cfgsweep.evidence.verdicts import sentences
from cfgsweep.guidance import GUIDERS
from cfgsweep.samplers import Fork
from cfgsweep.storage.records import DoneRecord
from cfgsweep.sweep.experiment import Experiment
from tests.support.planned_experiments import experiment
from tests.support.run_state import run_of

SWEEP = """\
name: same
model: digits
label: {range: [0, 7, 1]}
seed: {range: [1, 32, 1]}
steps: 3
guider: cfg
value: 2
metrics: [contrast, saturation]
"""
RUNS = 200


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> dict[tuple[int, int], tuple[Experiment, DoneRecord]]:
    run: Path = run_of(SWEEP, tmp_path_factory.mktemp("null"))
    found = {}
    for result in cfgsweep.open_run(run):
        assert isinstance(result.record, DoneRecord)
        found[int(str(result.experiment.label)), result.experiment.seed] = (result.experiment, result.record)
    return found


def resampled(pictures, rng: np.random.Generator, shift: float) -> Comparisons:
    """One half of each label's pictures, at random, is of `apg`, with `shift` added to its contrast."""
    experiments: list[Experiment] = []
    records: dict[str, DoneRecord] = {}
    for label in range(8):
        seeds = rng.permutation(np.arange(1, 33))
        for number, (one, other) in enumerate(zip(seeds[:16], seeds[16:], strict=True)):
            for guider, seed in (("cfg", one), ("apg", other)):
                record = pictures[label, int(seed)][1]
                e = as_pair(pictures[label, 1][0], guider, number)
                metrics = dict(record.metrics)
                metrics["contrast"] += shift if guider == "apg" else 0.0
                experiments.append(e)
                records[e.id] = record.changed(id=e.id, metrics=metrics)
    return Comparisons.of(experiments, records, "cfg", "effective_scale")


@functools.cache
def as_pair(made: Experiment, guider: str, number: int) -> Experiment:
    """One of the two experiments of a pair, the same in all runs: its id takes longer than the rest of a run."""
    return replace(made, guider=GUIDERS[guider](), seed=number)


@pytest.mark.slow
def test_as_many_are_found_as_stated(pictures, monkeypatch) -> None:
    """The bound is three standard errors above the rate at which one or more differences of a run are said to be."""
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(RUNS):
        (one,) = resampled(pictures, rng, 0.0).found
        assert one.match is not None
        wrong += any(each.verdict in ("higher", "lower") for each in one.differences)
    assert wrong / RUNS <= SIGNIFICANT + 3 * np.sqrt(SIGNIFICANT * (1 - SIGNIFICANT) / RUNS)


def of_forks(record: DoneRecord, rng: np.random.Generator) -> Comparisons:
    """Of 12 seeds with 8 forks each, of which those of one seed have most of their contrast in common."""
    experiments: list[Experiment] = []
    records: dict[str, DoneRecord] = {}
    for guider, seed in itertools.product(("cfg", "apg"), range(12)):
        of_seed = rng.normal()
        for fork in range(8):
            e = forked(guider, seed, fork)
            metrics = {"contrast": of_seed + 0.1 * rng.normal()}
            experiments.append(e)
            records[e.id] = record.changed(id=e.id, metrics=metrics, pixels_sha256=e.id)
    return Comparisons.of(experiments, records, "cfg", "value")


@functools.cache
def forked(guider: str, seed: int, fork: int) -> Experiment:
    return experiment(guider=GUIDERS[guider](), seed=seed, fork=Fork(0.5, fork))


@pytest.mark.slow
def test_forks_of_one_seed_make_nothing_sure(pictures, monkeypatch) -> None:
    """As independent pairs they would be found different in about half of the runs."""
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    rng, (_, record) = np.random.default_rng(4), next(iter(pictures.values()))
    found = [difference for _ in range(RUNS) for one in of_forks(record, rng).found for difference in one.differences]
    assert {each.found.pairs for each in found} == {12}
    wrong = sum(each.verdict in ("higher", "lower") for each in found)
    assert wrong / RUNS <= SIGNIFICANT + 3 * np.sqrt(SIGNIFICANT * (1 - SIGNIFICANT) / RUNS)


def test_a_planted_effect_is_found(pictures) -> None:
    contrasts = [record.metrics["contrast"] for _, record in pictures.values()]
    shift = float(np.std(contrasts)) / 2
    comparisons = resampled(pictures, np.random.default_rng(1), shift)
    (one,) = comparisons.found
    by_name = {each.metric: each for each in one.differences}
    assert by_name["contrast"].verdict == "higher"
    assert by_name["contrast"].found.low <= shift <= by_name["contrast"].found.high
    assert by_name["saturation"].verdict in ("not shown", "equal")
    (told,) = sentences(comparisons)
    found = by_name["contrast"].found
    amount = f"{found.mean:.4g} [{found.low:.4g}, {found.high:.4g}]"
    assert told.startswith(f"apg 2 against cfg 2 at equal effective scale: contrast higher by {amount}; ")
    (lower,) = sentences(resampled(pictures, np.random.default_rng(1), -shift))
    assert "contrast lower by " in lower
    below, above = map(float, lower.split("[")[1].split("]")[0].split(", "))
    assert 0 < below < above
