"""A Ray cluster of its own process: `python -m tests.support.ray_cluster CPUS FOLDER` prints its address.

It ends when its standard input does.
"""

from __future__ import annotations

import sys

import ray


def main(cpus: int, folder: str) -> None:
    settings = {"include_dashboard": False, "object_store_memory": 2**28, "_temp_dir": folder}
    ray.init(num_cpus=cpus, num_gpus=0, log_to_driver=False, logging_level="ERROR", **settings)
    print(ray.get_runtime_context().gcs_address, flush=True)
    sys.stdin.read()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
