"""Groups of experiments that are measured together, and the means of metrics over them."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from cfgsweep.metrics.spec import is_of_cells, is_of_groups
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import varying
from cfgsweep.sweep.turns import without_draw

OVER = ("seed", "label", "prompt")  # what numbers are averaged over

Key = tuple[tuple[str, object], ...]


def differing_in_seed(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Groups of experiments that are alike in all else: in the seed of a fork or a U-turn, where these have several."""
    return list(_grouped(experiments, () if has_draws(experiments) else ("seed",)).values())


def has_draws(experiments: Sequence[Experiment]) -> bool:
    """Whether forks of one place, or U-turns of one noise, differ in their seed."""
    both = {e.fork for e in experiments}, {e.start for e in experiments}
    return any(len(set(map(without_draw, turns))) < len(turns) for turns in both)


def cells(experiments: Sequence[Experiment]) -> dict[Key, list[Experiment]]:
    """Groups of experiments that are alike in all but what is averaged over, by the settings that vary otherwise."""
    return _grouped(experiments, OVER)


def _grouped(experiments: Sequence[Experiment], over: Sequence[str]) -> dict[Key, list[Experiment]]:
    groups: dict[Key, list[Experiment]] = {}
    fields = [name for name in varying(experiments) if name not in over]
    for e in experiments:
        groups.setdefault(tuple((name, without_draw(e.value_of(name))) for name in fields), []).append(e)
    return groups


def means(
    run: RunFolder, experiments: Sequence[Experiment], metrics: Sequence[str]
) -> dict[Key, dict[str, list[float]]]:
    """Each metric's independent numbers, for every combination of the settings that vary and are not averaged over.

    One for each picture, for each group of seeds, or for the cell, as the metric has them. Forks of one seed, or
    U-turns, that differ in their own seed alone have much in common: their mean counts as one number.
    """
    drawn = has_draws(experiments)
    of_groups, of_cells = set(filter(is_of_groups, metrics)), set(filter(is_of_cells, metrics))
    records, found = run.records_of(experiments), dict[Key, dict[str, list[float]]]()
    fields = [name for name in varying(experiments) if name not in OVER]
    for alike in differing_in_seed(experiments):
        values = found.setdefault(tuple((name, without_draw(alike[0].value_of(name))) for name in fields), {})
        tried = (records.get(e.id) for e in alike)
        measured = [record.metrics for record in tried if isinstance(record, DoneRecord)]
        for name in metrics:
            known = [one[name] for one in measured if name in one]
            if name in of_cells:
                known = known[: not values.get(name)]
            elif name in of_groups:
                known = known[:1]
            elif drawn and known:
                known = [fmean(known)]
            values.setdefault(name, []).extend(known)
    return found
