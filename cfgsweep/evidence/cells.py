"""Cells: the finished pictures of a run that have all settings in common but prompt, label and seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any, NamedTuple

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.evidence.statistics import mean_of
from cfgsweep.metrics.spec import is_of_cells, is_of_groups
from cfgsweep.reports.cells import OVER, has_draws
from cfgsweep.storage.records import DoneRecord, Record
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.compare_settings import PLAIN
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.sweep.turns import without_draw

GUIDANCE = ("guider", "schedule", "value")
OF_CELLS = tuple(name for name in AXES if name not in OVER)

Pair = tuple[object, ...]  # the seed, label and prompt of a picture, in the order of OVER


class Draw(NamedTuple):
    """The seeds of a picture, in a run of several seeds of a fork or a U-turn; None where it has no such thing."""

    seed: int
    fork: int | None
    start: int | None


@dataclass(frozen=True)
class Cell:
    """Finished pictures that have all settings in common but prompt, label and seed.

    example: one of the experiments, with the seed 0 of a fork or a U-turn where there are several. records: by their
    seed, label and prompt. title: the settings that vary. curve: the same without the value.
    """

    example: Experiment
    records: Mapping[Pair, DoneRecord]
    title: str = ""
    curve: str = ""

    @property
    def effective_scale(self) -> float | None:
        """The mean over all pictures; None where it is not defined, or was not kept."""
        return _mean(record.effective_scale for record in self.records.values())

    @property
    def evaluations(self) -> float | None:
        """Evaluations of the denoiser for one picture that shares none, the mean over all pictures."""
        return _mean(sum(record.evaluations.values()) or None for record in self.records.values())

    def numbers(self, metric: str) -> list[float]:
        """A metric of all pictures that have it, one number for each independent observation."""
        observation = observations(metric)
        found: dict[object, list[float]] = {}
        for pair, record in self.records.items():
            if metric in record.metrics:
                found.setdefault(observation(pair), []).append(record.metrics[metric])
        return [mean_of(each) for each in found.values()]

    def context(self, free: Sequence[str]) -> tuple[object, ...]:
        """The settings beside those in `free`, prompt, label and seed."""
        return tuple(getattr(self.example, name) for name in OF_CELLS if name not in free)

    @property
    def is_constant(self) -> bool:
        """Whether the guidance scale is the same at all steps."""
        return self.example.schedule.name == "constant"


def value_of(pair: Pair, name: str) -> object:
    """The seed, the label or the prompt of a picture; of a Draw its seed without that of the fork or the U-turn."""
    value = pair[OVER.index(name)]
    return value.seed if isinstance(value, Draw) else value


def observations(metric: str, settings: Sequence[str] = OVER) -> Callable[[Pair], object]:
    """A function that tells of which independent observation a picture's number is a part.

    settings: those that tell observations apart. Forks and U-turns of one seed are one, since they have a picture's
    beginning, or the picture itself, in common. Numbers that pictures of all seeds have together are one, but for
    those of a Draw, which are of the draws of one seed.
    """
    told = [] if is_of_cells(metric) else [name for name in OVER if name in settings]
    of_seeds = [name for name in told if name != "seed"] if is_of_groups(metric) else told

    def observation(pair: Pair) -> object:
        has_draw = isinstance(pair[OVER.index("seed")], Draw)
        return tuple(value_of(pair, name) for name in (told if has_draw else of_seeds))

    return observation


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def cells(experiments: Sequence[Experiment], records: Mapping[str, Record], variable: str = "") -> list[Cell]:
    """The cells that have pictures, in the order of the experiments.

    variable: one of the prompts that tells cells apart, too; what else is in prompts tells pictures apart.
    """
    found: dict[tuple[object, ...], tuple[Experiment, dict[Pair, DoneRecord]]] = {}
    several = has_draws(experiments)
    for e in experiments:
        record = records.get(e.id)
        if isinstance(record, DoneRecord):
            example = replace(e, fork=without_draw(e.fork), start=without_draw(e.start)) if several else e
            key = (*(getattr(example, n) for n in OF_CELLS), e.value_of(variable))
            _, pairs = found.setdefault(key, (example, {}))
            pairs[_pair(e, variable, several)] = record
    varied = [name for name in varying([e for e, _ in found.values()]) if name in OF_CELLS and name not in GUIDANCE]
    return [
        Cell(example, pairs, _title(example, varied), _title(example, varied, has_value=False))
        for example, pairs in found.values()
    ]


def _pair(e: Experiment, variable: str, several: bool) -> Pair:
    found: dict[str, Any] = {name: getattr(e, name) for name in OVER} | {"prompt": _without(e, variable)}
    if several:
        found["seed"] = Draw(e.seed, *(turn.seed if turn else None for turn in (e.fork, e.start)))
    return tuple(found.values())


def _without(e: Experiment, variable: str) -> object:
    """The prompt; where it has the variable, its template and its other variables."""
    others = tuple(one for one in e.vars if one[0] != variable)
    return e.prompt if len(others) == len(e.vars) else (e.template or e.prompt, others)


def _title(e: Experiment, varied: Sequence[str], has_value: bool = True) -> str:
    """'apg cosine 3, 20 steps': the guider, its schedule unless that is constant, its value, and what varies beside."""
    schedule = "" if e.schedule.title() == "constant" else f" {e.schedule.title()}"
    value = f" {e.value:.5g}" if has_value else ""
    return ", ".join([f"{e.guider.title()}{schedule}{value}", *(axis_label(n, getattr(e, n)) for n in varied)])


def apart(found: Iterable[Cell], over: str, baseline: str) -> tuple[list[Cell], list[Cell]]:
    """The cells of the baseline, and the others.

    over: the setting that tells them apart. baseline: its value, as titles have it. A guider with several schedules is
    the baseline with a constant one. Raises UserError where there is none of either.
    """
    found = list(found)
    own = [cell for cell in found if baseline in names_of(cell, over)]
    if not own:
        names = dict.fromkeys(names_of(cell, over)[-1] for cell in found)
        error = unknown_name(f"{over} of this run's pictures", baseline, names, "--baseline")
        if over == "guider" and baseline == PLAIN:
            error.hint = "name one of these, or give the sweep `compare: {}`, which adds cfg"
        raise error
    if over == "guider" and any(cell.is_constant for cell in own):
        own = [cell for cell in own if cell.is_constant]
    kept = set(map(id, own))
    others = [cell for cell in found if id(cell) not in kept]
    if not others:
        raise UserError("this run has pictures of the baseline alone", where="--baseline", given=baseline)
    return own, others


def names_of(cell: Cell, over: str) -> list[str]:
    """How a cell's value of a setting can be named: 'sampler euler' or 'euler'."""
    label = axis_label(over, cell.example.value_of(over))
    return [label, label.removeprefix(f"{over} ")]
