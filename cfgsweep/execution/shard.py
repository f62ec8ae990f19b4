"""One of the parts of a sweep that are computed apart, each in a run folder of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.storage.shard_folders import shard_folder
from cfgsweep.sweep.experiment import Experiment

MOST_SHARDS = 100_000


@dataclass(frozen=True)
class ShardOf:
    """The shard `number`, from 1, of `count`."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> ShardOf:
        """'2/16'. Raises UserError where it is no such text."""
        found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
        if found and 1 <= int(found[1]) <= int(found[2]) <= MOST_SHARDS:
            return cls(int(found[1]), int(found[2]))
        raise UserError("no shard", where="--shard", given=text, allowed="I/N, as 1/16, with I from 1 to N")

    def folder(self, run: Path) -> Path:
        """The shard's own run folder in that of the run."""
        return shard_folder(run, self.number, self.count)

    def of(self, experiments: Sequence[Experiment]) -> set[Experiment]:
        """Those of a sweep's experiments that are in this shard."""
        from cfgsweep.engine.cut import cut

        return set(cut(experiments, self.count)[self.number - 1].experiments)
