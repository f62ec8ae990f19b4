"""Which distance finds flips best, and from which steepness the eye sees them: `python -m tests.bench.distances`.

A dense sweep of T-Normalization on the bundled model (121 values from 0 to 0.3, six seeds), and for every distance the
transitions in it. The table goes to DISTANCES.md beside this file. `... distances RUN` takes an existing run.
"""

from __future__ import annotations

from pathlib import Path

from cfgsweep.execution.options import Options
from cfgsweep.execution.run_sweep import run_sweep
from cfgsweep.metrics import distances
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.models.source import Source
from cfgsweep.phases.curve import Curve
from cfgsweep.phases.transitions import Analysis, Transition
from cfgsweep.storage.open_run import sweep_of_run
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.bench.pages import in_folder, publish, told

ROOT = Path(__file__).parents[2]
SEEDS = [1024, 7, 42, 3, 11, 99]
NAMES = ["layout", "pixels", "latents", "features", "ssim"]


def main(folder: Path) -> None:
    if not (folder / "sweep.yaml").is_file():
        changes = [f"seed={SEEDS}", "value={linspace: [0.0, 0.3, 121]}"]
        sweep, _ = read_sweep(ROOT / "configs/phase.yaml", changes)
        run_sweep(sweep, folder, Options(model="emoji"), SilentDisplay())
    run, _, experiments = sweep_of_run(folder)
    records = run.records()
    denoiser = load_model(Source.of("emoji"), device.choose())
    lines = [
        "# Distances, and the transitions that each finds",
        "",
        "`python -m tests.bench.distances`: a dense sweep of T-Normalization on the bundled model, 121 values.",
        "Last column: the location of each transition, its steepness in mean slopes in brackets; bold: abrupt.",
        "",
        "| distance | seed | steepest slope / mean | transitions |",
        "| --- | --- | --- | --- |",
    ]
    for name in NAMES:
        chosen = distances.choose(name, lambda: denoiser)
        for seed in SEEDS:
            mine = sorted((e for e in experiments if e.seed == seed), key=lambda e: e.value)
            images = [run.load_picture(records[e.id]) for e in mine]
            curve = Curve([e.value for e in mine], [chosen.embed(image) for image in images], chosen.measure)
            analysis = Analysis(curve, chosen.floor(images[0]))
            peak = analysis.slopes[1].max() / analysis.background.mean_slope
            lines.append(f"| {name} | {seed} | {peak:.0f} | {', '.join(map(described, analysis.transitions()))} |")
    publish("DISTANCES", lines)


def described(one: Transition) -> str:
    return told(f"{one.location:.4f} ({one.steepness:.0f})", one)


if __name__ == "__main__":
    in_folder(main)
