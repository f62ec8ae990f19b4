"""What guidance did, call by call of the denoiser: one panel for each number that pictures keep of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cfgsweep.engine.diagnostics import FIELDS
from cfgsweep.errors import UserError
from cfgsweep.reports.cells import OVER, Key
from cfgsweep.reports.metric_plot import BAND, STYLES, explain
from cfgsweep.storage.png import diagnostics_in
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.titles import TitleLabels, title, varying

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 4  # of panels
PANEL = (3.0, 2.3)  # width and height, in inches
X_NAME = "call of the denoiser"
UNITS = {
    **{"scale": "by the schedule", "effective_scale": "<g - uncond, d> / <d, d>", "cosine": "of cond and uncond"},
    **{
        "off_direction": "in lengths of d",
        "difference_norm": "of d = cond - uncond",
        "x0_beyond": "share beyond the range",
    },
}

Numbers = Mapping[str, npt.NDArray[np.float64]]  # by their names: (pictures, calls), NaN where one is not defined


def numbers_of(run: RunFolder, experiments: Sequence[Experiment]) -> dict[Key, Numbers]:
    """The numbers of all finished pictures, for every combination of the settings that vary and are not averaged over.

    Raises UserError where no picture has any.
    """
    fields = [name for name in varying(experiments) if name not in OVER]
    records, found = run.records_of(experiments), dict[Key, list]()
    for e in experiments:
        record = records.get(e.id)
        own = diagnostics_in(run.image_path(record.id)) if isinstance(record, DoneRecord) else None
        if own is not None and set(FIELDS) <= set(own.fields):
            key = tuple((name, e.value_of(name)) for name in fields)
            found.setdefault(key, []).append([own.column(name) for name in FIELDS])
    if not found:
        hint = "the sweep has diagnostics: false, or the pictures are of an earlier version"
        raise UserError("no picture has numbers of its guidance", where="--plot", hint=hint)
    return {key: _by_name(pictures) for key, pictures in found.items()}


def _by_name(pictures: Sequence[Sequence[Sequence[float | None]]]) -> Numbers:
    """pictures: for each its numbers, by FIELDS and calls. Those with fewer calls end with NaN."""
    calls = max(len(one[0]) for one in pictures)
    array = np.full((len(pictures), len(FIELDS), calls), np.nan)
    for place, one in enumerate(pictures):
        array[place, :, : len(one[0])] = np.array(one, dtype=float)
    return {name: array[:, number] for number, name in enumerate(FIELDS)}


def plot_diagnostics(
    name: str, experiments: Sequence[Experiment], numbers: Mapping[Key, Numbers], labels: TitleLabels | None = None
) -> Figure:
    """One panel for each number, with a line for everything that varies: means, and the standard error around them."""
    from matplotlib.figure import Figure

    labels, rows = labels or TitleLabels(), -(-len(FIELDS) // COLUMNS)
    figure = Figure(figsize=(PANEL[0] * COLUMNS, PANEL[1] * rows), layout="constrained", dpi=120)
    for axes, field in zip(figure.subplots(rows, COLUMNS, sharex=True).flat, FIELDS, strict=True):
        for number, (key, found) in enumerate(numbers.items()):
            text = ", ".join(labels.of(*part) for part in key) or title(experiments[0], [])
            mean, error = mean_and_error(found[field])
            x = np.arange(1, len(mean) + 1)
            (line,) = axes.plot(x, mean, STYLES[number // 10 % len(STYLES)], label=text, linewidth=1, markersize=3)
            axes.fill_between(x, mean - error, mean + error, alpha=BAND, linewidth=0, color=line.get_color())
        axes.set_title(field.replace("_", " "), fontsize=9)
        axes.set_ylabel(UNITS.get(field, ""), fontsize=7, parse_math=False)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3)
    for axes in figure.axes[-COLUMNS:]:
        axes.set_xlabel(X_NAME, fontsize=8)
    explain(figure, experiments, several=len(numbers) > 1, marker="")
    figure.suptitle(name, fontsize=9)
    return figure


def mean_and_error(found: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean over pictures at every call, and its standard error; NaN where no picture has the number."""
    known = np.isfinite(found)
    count = known.sum(axis=0)
    mean = np.where(known, found, 0.0).sum(axis=0) / np.where(count, count, np.nan)
    squares = np.where(known, (found - mean) ** 2, 0.0).sum(axis=0)
    return mean, np.sqrt(squares / np.maximum(count - 1, 1) / np.maximum(count, 1))
