"""Raw bytes as sweep files, guided by coverage: `python -m tests.fuzz.sweeps -max_total_time=600 [CORPUS]`.

Whatever the bytes are, there is a sweep with a cost and a search, or a UserError, in bounded time and memory. The
shipped sweep files are the seeds of the corpus, and what the schema knows by name is the dictionary.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from pathlib import Path

import atheris

from tests.fuzz.start import fuzz

with atheris.instrument_imports(include=["cfgsweep", "yaml"]):
    from cfgsweep.engine.cost import cost
    from cfgsweep.errors import UserError
    from cfgsweep.execution.sanity_checks import cautions
    from cfgsweep.phases.axis import Axis
    from cfgsweep.phases.search_range import ranges_of
    from cfgsweep.sweep.expand import expand
    from cfgsweep.sweep.schema import read_sweep, schema

CONFIGS = Path(__file__).parents[2] / "configs"
MOST = 2000  # experiments to expand: more of the same shows nothing new


def one(content: bytes, path: Path) -> None:
    """Reads and plans the content as a sweep file, and checks the ends of its search."""
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        sweep, document = read_sweep(path)
        count = 1
        for name in sweep.axes:
            count *= len(sweep.axis(name))
        if count > MOST:
            return
        experiments = expand(sweep, document)
        assert cost(experiments).evaluations <= cost(experiments).unshared
        cautions(experiments)
        for found, name in zip(ranges_of(sweep), sweep.search, strict=True):
            axis = Axis.of(name, experiments)
            for e in experiments:
                assert axis.at(e, found.low) != axis.at(e, found.high)


def names() -> set[str]:
    """The keys and names of sweep files."""
    return set(re.findall(r'"([A-Za-z][\w.+-]*)"', json.dumps(schema())))


def main(place: Path) -> None:
    seeds = [path.read_bytes() for path in CONFIGS.glob("*.yaml")]
    fuzz(lambda content: one(content, place / "sweep.yaml"), seeds, names(), place, 4096)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        main(Path(place))
