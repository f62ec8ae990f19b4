"""Memory over ten thousand experiments of a tiny model, sampled from outside: `python -m tests.bench.memory`.

The table goes to MEMORY.md beside this file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.pages import publish, versions
from tests.support import tiny_models as tiny

SWEEP = """\
name: memory
model: {model}
label: [0, 1, 2, 3]
seed: {{range: [1, 500, 1]}}
steps: 2
guider: cfg
value: [1.5, 2, 3, 4, 5]
"""
EXPERIMENTS, SAMPLES = 4 * 500 * 5, 10


def resident(process: subprocess.Popen) -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    seen: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tiny.labelled_unet().save_pretrained(folder / "model")
        (folder / "memory.yaml").write_text(SWEEP.format(model=folder / "model"))
        run = folder / "run"
        words = [sys.executable, "-m", "cfgsweep", "run", folder / "memory.yaml", "--out", run, "--quiet"]
        process, started = subprocess.Popen(list(map(str, words))), time.monotonic()
        while process.poll() is None:
            done = len(list(run.glob("images/*.png")))
            if done and done >= len(seen) * EXPERIMENTS / SAMPLES:
                seen.append((done, resident(process)))
            time.sleep(0.2)
        assert process.returncode == 0
        seconds = time.monotonic() - started
    lines = [
        "# Memory over ten thousand experiments",
        "",
        f"`python -m tests.bench.memory`: a tiny random model of labels, {EXPERIMENTS:,} experiments, "
        f"in {seconds:.0f} s; {versions()}.",
        "",
        "| pictures done | resident, MiB |",
        "| --- | --- |",
        *(f"| {done:,} | {size:.0f} |" for done, size in seen),
    ]
    publish("MEMORY", lines)


if __name__ == "__main__":
    main()
