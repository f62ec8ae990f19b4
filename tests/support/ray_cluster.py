"""A Ray cluster of its own process: `python -m tests.support.ray_cluster CPUS FOLDER` prints its address.

It ends when its standard input does. Its workers are forked.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.forked_workers import fork_workers


def main(cpus: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    fork_workers(folder)  # before Ray is imported, which reads its environment then
    import ray

    settings = {"include_dashboard": False, "object_store_memory": 2**28, "_temp_dir": str(folder)}
    ray.init(num_cpus=cpus, num_gpus=0, log_to_driver=False, logging_level="ERROR", **settings)
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
