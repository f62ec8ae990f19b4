"""Choosing experiments by conditions: `--where guider=tnorm --where 'value>0.1' --where seed=1,2`."""

from __future__ import annotations

import pytest

from cfgsweep.errors import UserError
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.where import chosen

PROMPTS = ["a dog: happy", "one, two", "two"]


@pytest.fixture(scope="module")
def experiments() -> list[Experiment]:
    guiders = ["cfg", {"tnorm": {"start": [0.0, 0.2]}}]
    return expand(Sweep(name="s", model="emoji", prompt=PROMPTS, guider=guiders, value=[0.1, 0.2, 0.3], seed=[1, 2, 3]))


@pytest.mark.parametrize(
    ("where", "wanted"),
    [
        (["guider=tnorm"], lambda e: e.guider.name == "tnorm"),
        (["guider={tnorm: {start: 0.2}}"], lambda e: e.guider.name == "tnorm" and e.guider.start == 0.2),
        (["guider=cfg, tnorm"], lambda e: True),
        (["value>0.1"], lambda e: e.value > 0.1),
        (["value >= 0.2", "value<0.3"], lambda e: e.value == 0.2),
        (["seed=1,3"], lambda e: e.seed != 2),
        (["seed==1"], lambda e: e.seed == 1),
        (["cache=none, mag"], lambda e: True),
        (["seed=[1,3]", "guider=cfg"], lambda e: e.seed != 2 and e.guider.name == "cfg"),
        (["prompt=a dog: happy"], lambda e: e.prompt == PROMPTS[0]),
        (["prompt=one, two"], lambda e: e.prompt in PROMPTS[1:]),
        (["size=native"], lambda e: True),
        (["size=64"], lambda e: True),
    ],
)
def test_what_is_chosen(experiments, where: list[str], wanted) -> None:
    assert chosen(experiments, where) == list(filter(wanted, experiments))


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("valeu=1", "did you mean 'value'?"),
        ("guider=tnrom", "did you mean 'tnorm'?"),
        ("seed=9", "there is no such picture"),
        ("seed", "not a condition"),
        ("cache=mag", "there is no such picture"),
        ("cache=tylorseer", "did you mean 'taylorseer'?"),
        (3, "not a condition"),
        ("value>much", "not a comparison"),
        ("guider={", "not valid YAML"),
    ],
)
def test_what_is_refused(experiments, where: object, told: str) -> None:
    with pytest.raises(UserError) as refused:
        chosen(experiments, [where])  # type: ignore[list-item]
    assert told in str(refused.value)
    assert "--where" in str(refused.value)
