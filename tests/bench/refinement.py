"""Whether a search finds the same however many values it begins with: `python -m tests.bench.refinement`.

A dense sweep of each of two bundled models and five seeds (553 values: those of scans of 257 and 301), and searches on
its pictures, with straight lines between them. The table goes to REFINEMENT.md beside this file. With a folder,
`... refinement FOLDER` keeps the sweeps there, and goes on with those that are there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from cfgsweep.execution.options import Options
from cfgsweep.execution.run_sweep import run_sweep
from cfgsweep.metrics import distances
from cfgsweep.phases.curve import Curve
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.report import location_text, verdict_text, with_uncertainty
from cfgsweep.phases.search_range import rounded
from cfgsweep.phases.transitions import Analysis, Transition
from cfgsweep.storage.open_run import sweep_of_run
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.bench.pages import in_folder, publish, told

ROOT = Path(__file__).parents[2]
SCANS = [11, 17, 33, 65, 129, 257, 301]
CLEAR = 1.5
SEEDS = [1024, 7, 42, 3, 11]
RANGES = {"emoji": (0.01, 0.3), "digits": (0.0, 12.0)}
DISTANCE = distances.choose("layout", lambda: None)  # type: ignore[arg-type,return-value]  # it uses no model


def main(folder: Path) -> None:
    lines = [
        "# Searches that begin with more and more values",
        "",
        "`python -m tests.bench.refinement`: T-Normalization on `emoji` (`configs/phase.yaml`, 8 steps), and plain",
        "guidance of label 3 on `digits` (8 steps). *Dense*: the 553 values of the sweep, without a search. In",
        "brackets: width, steepness in mean slopes, verdict (`?`: within the uncertainty, it may be the other one),",
        "and the prominence where it is less than 1.5: what may be missed.",
        "",
        "| model | seed | scan | values | transitions |",
        "| --- | --- | --- | --- | --- |",
    ]
    for model in RANGES:
        for seed in SEEDS:
            curve, floor = dense_curve(model, seed, folder / f"{model}-{seed}")
            lines += [row(model, seed, *found) for found in found_by_scans(curve, floor)]
    publish("REFINEMENT", lines)


def dense_curve(model: str, seed: int, folder: Path) -> tuple[Curve, float]:
    """The pictures of a dense sweep, computed if they are not there, and the floor of the distance."""
    run_sweep(sweep_of(model, seed), folder, Options(model=model), SilentDisplay())
    run, _, experiments = sweep_of_run(folder)
    records = run.records()
    ordered = sorted(experiments, key=lambda e: e.value)
    images = [run.load_picture(records[e.id]) for e in ordered]
    vectors = [DISTANCE.embed(image) for image in images]
    return Curve([e.value for e in ordered], vectors, DISTANCE.measure), DISTANCE.floor(images[0])


def sweep_of(model: str, seed: int) -> Sweep:
    low, high = RANGES[model]
    values = sorted({rounded(value) for count in (257, 301) for value in np.linspace(low, high, count)})
    changes = [f"seed={seed}", "steps=8", f"value={values}"]
    if model == "digits":
        changes += ["model=digits", "prompt=null", "label=3", "guider=cfg"]
    return read_sweep(ROOT / "configs/phase.yaml", changes)[0]


def found_by_scans(curve: Curve, floor: float) -> list[tuple[str, int, list[Transition]]]:
    """For every scan, the values that a search takes, and its transitions."""
    low, high = float(curve.values[0]), float(curve.values[-1])
    picture = between(curve)
    found = []
    for scan in SCANS:
        search = LineSearch(np.linspace(low, high, scan).tolist(), (high - low) / 1000, curve.measure, floor)
        while points := search.next_points(8):
            search.add_points({value: picture(value) for value in points})
        found.append((str(scan), len(search.points), search.transitions))
    return [*found, ("dense", len(curve.values), Analysis(curve, floor).transitions())]


def between(curve: Curve) -> Callable[[float], np.ndarray]:
    """The picture at a value, on the straight line between its neighbours."""

    def picture(value: float) -> np.ndarray:
        i = min(max(int(np.searchsorted(curve.values, value)) - 1, 0), len(curve.values) - 2)
        share = (value - curve.values[i]) / curve.lengths[i]
        mixed: np.ndarray = curve.vectors[i] + (curve.vectors[i + 1] - curve.vectors[i]) * share
        return mixed

    return picture


def row(model: str, seed: int, scan: str, values: int, found: list[Transition]) -> str:
    return f"| {model} | {seed} | {scan} | {values} | {', '.join(map(described, found))} |"


def described(one: Transition) -> str:
    fields = vars(one)
    width = with_uncertainty(f"{one.width:.2g}", one.width, one.width_uncertainty)
    prominence = f", prominence {one.prominence:.2f}" if one.prominence < CLEAR else ""
    return told(f"{location_text(fields)} ({width}; {one.steepness:.1f} {verdict_text(fields)}{prominence})", one)


if __name__ == "__main__":
    in_folder(main)
