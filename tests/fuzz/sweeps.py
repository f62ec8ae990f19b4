"""Raw bytes as sweep files, guided by coverage: `python -m tests.fuzz.sweeps -max_total_time=600 [CORPUS]`.

It takes `pip install atheris`. Whatever the bytes are, there is a sweep or a UserError, in bounded time and memory
(libFuzzer's own -timeout and -rss_limit_mb). The shipped sweep files are the seeds of the corpus.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["cfgsweep", "yaml"]):
    from cfgsweep.config import read_sweep
    from cfgsweep.errors import UserError
    from cfgsweep.experiments import expand

CONFIGS = Path(__file__).parents[2] / "configs"
MOST = 2000  # experiments to expand: more of the same shows nothing new


def one(content: bytes) -> None:
    PLACE.write_bytes(content)
    with contextlib.suppress(UserError):
        sweep, document = read_sweep(PLACE)
        count = 1
        for name in ("model", "prompt", "label", "seed", "steps", "sampler", "size", "guider", "schedule", "value"):
            count *= len(sweep.axis(name))
        if count <= MOST:
            expand(sweep, document)


def main() -> None:
    words = sys.argv
    if all(word.startswith("-") for word in words[1:]):
        corpus = Path(tempfile.mkdtemp())
        for path in CONFIGS.glob("*.yaml"):
            (corpus / path.name).write_bytes(path.read_bytes())
        words = [*words, str(corpus)]
    atheris.Setup([*words, "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PLACE = Path(place) / "sweep.yaml"
        main()
