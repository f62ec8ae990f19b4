"""Grids of a run, rendered and saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cfgsweep import grid
from cfgsweep.experiments import Experiment
from cfgsweep.images import save_png
from cfgsweep.run import Run


def write_grids(
    run: Run,
    name: str,
    experiments: Sequence[Experiment],
    rows: str | None = None,
    cols: str | None = None,
    pages: str | None = None,
    out: Path | None = None,
) -> list[Path]:
    """One file a page: `out`, `out-2`, ...; by default in the run's own folder."""
    layout = grid.arrange(experiments, rows, cols, pages)
    records = run.records()

    def picture(experiment: Experiment) -> Image.Image | None:
        record = records.get(experiment.id)
        try:
            return run.load_image(record) if record else None
        except OSError:
            return None

    first = out or run.grids / f"{name}.png"
    first.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for page, sheet in enumerate(grid.render(name, experiments, layout, picture), start=1):
        paths.append(first if page == 1 else first.with_stem(f"{first.stem}-{page}"))
        save_png(sheet, paths[-1])
    return paths
