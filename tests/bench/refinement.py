"""Whether a search finds the same however many values it begins with: `python -m tests.bench.refinement`.

A dense sweep of each case (553 values: those of scans of 257 and 301), and searches on its pictures, with straight
lines between them. The tables go to REFINEMENT.md beside this file. With a folder, `... refinement FOLDER` keeps the
sweeps there, and goes on with those that are there. A case that has rows in REFINEMENT.md keeps them: without that
file, all are computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from tests.support.transitions import CLEAR, disagreements

ROOT = Path(__file__).parents[2]
SCANS = [11, 17, 33, 65, 129, 257, 301]
RANGES = {"emoji": (0.01, 0.3), "digits": (0.0, 12.0)}
DISTANCE = distances.choose("layout", lambda: None)  # type: ignore[arg-type,return-value]  # it uses no model
PROMPT = "mdjrny-v4 style a photograph of an astronaut riding a horse"


@dataclass(frozen=True)
class Case:
    """A model, a seed, and what it draws: a prompt with T-Normalization, or a label with plain guidance."""

    model: str
    seed: int
    shown: str | int

    @property
    def start(self) -> str:
        """Of its rows."""
        return f"| {self.model} | {self.seed} |"

    @property
    def sweep(self) -> Sweep:
        low, high = RANGES[self.model]
        values = sorted({rounded(value) for count in (257, 301) for value in np.linspace(low, high, count)})
        changes = [f"seed={self.seed}", "steps=8", f"value={values}", f"prompt={self.shown}"]
        if self.model == "digits":
            changes[3:] = ["model=digits", "prompt=null", f"label={self.shown}", "guider=cfg"]
        return read_sweep(ROOT / "configs/phase.yaml", changes)[0]


# The constants of transitions.py were tuned on these,
TUNED = [Case(model, seed, {"emoji": PROMPT, "digits": 3}[model]) for model in RANGES for seed in (1024, 7, 42, 3, 11)]
# and these were looked at once, afterwards.
FRESH = [
    Case("digits", 2024, 5),
    Case("digits", 77, 8),
    Case("digits", 314, 0),
    Case("emoji", 2024, "noto style a red apple"),
    Case("emoji", 77, "twemoji style a rocket"),
    Case("emoji", 314, "flat style a drawing of a tiger"),
    Case("emoji", 5, "mdjrny-v4 style a photograph of a robot riding a camel"),
    Case("emoji", 8, "twemoji style a picture of an elf riding a tiger"),
    Case("emoji", 13, "noto style a drawing of a monkey riding an elephant"),
]


def main(folder: Path) -> None:
    page = Path(__file__).with_name("REFINEMENT.md")
    known = page.read_text().splitlines() if page.exists() else []
    lines = [
        "# Searches that begin with more and more values",
        "",
        "`python -m tests.bench.refinement`: T-Normalization on `emoji` (`configs/phase.yaml`, 8 steps), and plain",
        "guidance of labels on `digits` (8 steps). *Dense*: the 553 values of the sweep, without a search. In",
        "brackets: width, steepness in mean slopes, verdict (`?`: within the uncertainty, it may be the other one),",
        "and the prominence where it is less than 1.5: what may be missed.",
        "",
        "The constants (abrupt from 4 mean slopes, never lost from prominence 1.5) were tuned on these, label 3 and",
        "the prompt of `configs/phase.yaml`:",
        "",
        *table(TUNED, folder, known),
        "",
        "These were looked at once, afterwards, on other seeds, labels and prompts:",
        "",
        *(f"- {case.model} {case.seed}: {case.shown}" for case in FRESH),
        "",
        "*All pairs*: how often what [docs/phase.md](../../docs/phase.md#how-sure-that-is) says does not hold for two",
        "of these rows.",
        "",
        *table(FRESH, folder, known),
    ]
    publish("REFINEMENT", lines)


def table(cases: list[Case], folder: Path, known: list[str]) -> list[str]:
    lines = ["| model | seed | scan | values | transitions |", "| --- | --- | --- | --- | --- |"]
    for case in cases:
        kept = [line for line in known if line.startswith(case.start)]
        lines += kept or rows(case, *dense_curve(case, folder / f"{case.model}-{case.seed}"))
    return lines


def rows(case: Case, curve: Curve, floor: float) -> list[str]:
    found = found_by_scans(curve, floor)
    lost, turned, apart = disagreements([transitions for _, _, transitions in found])
    said = f"{lost} clear ones lost, {turned} settled verdicts turned, {apart} locations apart"
    lines = [f"{scan} | {values} | {', '.join(map(described, several))}" for scan, values, several in found]
    return [f"{case.start} {line} |" for line in [*lines, f"all pairs | | {said}"]]


def dense_curve(case: Case, folder: Path) -> tuple[Curve, float]:
    """The pictures of a dense sweep, computed if they are not there, and the floor of the distance."""
    run_sweep(case.sweep, folder, Options(model=case.model), SilentDisplay())
    run, _, experiments = sweep_of_run(folder)
    records = run.records()
    ordered = sorted(experiments, key=lambda e: e.value)
    images = [run.load_picture(records[e.id]) for e in ordered]
    vectors = [DISTANCE.embed(image) for image in images]
    return Curve([e.value for e in ordered], vectors, DISTANCE.measure), DISTANCE.floor(images[0])


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


def described(one: Transition) -> str:
    fields = vars(one)
    width = with_uncertainty(f"{one.width:.2g}", one.width, one.width_uncertainty)
    prominence = f", prominence {one.prominence:.2f}" if one.prominence < CLEAR else ""
    return told(f"{location_text(fields)} ({width}; {one.steepness:.1f} {verdict_text(fields)}{prominence})", one)


if __name__ == "__main__":
    in_folder(main)
