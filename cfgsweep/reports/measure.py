"""Measures the pictures of a run and writes the numbers into its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cfgsweep.reports.cells import OVER, means
from cfgsweep.reports.measuring import Measuring
from cfgsweep.reports.prepared_metrics import PreparedMetrics
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.titles import axis_label, varying
from cfgsweep.system.display import Display, SilentDisplay


class RunMetrics(PreparedMetrics):
    """The metrics of one sweep. Raises UserError, when it is made, if one cannot be had for a model that runs."""

    def measure(self, run: RunFolder, display: Display | None = None) -> int:
        """Measures the finished pictures whose records lack a number, and writes the numbers into the records.

        Returns how many records have changed.
        """
        found = Measuring(self, run, display or SilentDisplay())
        return _written(found, (found.pictures, found.origins, found.groups, found.cells))

    def measure_single(self, run: RunFolder, display: Display) -> int:
        """The same for numbers of single pictures alone: those of a run that is a shard, whose groups are not whole."""
        found = Measuring(self, run, display)
        return _written(found, (found.pictures,))

    def table(self, run: RunFolder) -> list[tuple[str, ...]]:
        """Means over seeds, labels and prompts, one row for everything else that varies."""
        rows = means(run, self.experiments, self.names)
        heads = [name for name in varying(self.experiments) if name not in OVER]
        body = [
            (
                *(axis_label(*part).removeprefix(f"{part[0]} ") for part in key),
                *(_rounded(values, name) for name in self.names),
            )
            for key, values in rows.items()
        ]
        return [(*heads, *self.names), *body]


def _written(found: Measuring, parts: Sequence[Callable[[], None]]) -> int:
    try:
        for part in parts:
            part()
    finally:  # what was measured before a failure or an interrupt stays
        changed = found.write()
    return changed


def _rounded(values: Mapping[str, list[float]], metric: str) -> str:
    return f"{sum(values[metric]) / len(values[metric]):.3f}" if values.get(metric) else "-"
