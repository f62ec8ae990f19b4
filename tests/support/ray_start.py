"""`ray start` with workers that are forked: `python -m tests.support.ray_start FOLDER --head`. It ends by SIGTERM."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.forked_workers import fork_workers


def main(folder: Path, words: list[str]) -> None:
    folder.mkdir(parents=True)
    fork_workers(folder)  # before Ray is imported, which reads its environment then
    from ray.scripts.scripts import main as ray

    sys.argv = ["ray", "start", "--block", "--temp-dir", str(folder), *words]
    ray()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
