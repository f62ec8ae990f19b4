"""Which part of a sweep a run folder is: the shard I of N, whose folder is `shards/<I>-of-<N>` in that of the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cfgsweep.engine.cut import cut
from cfgsweep.errors import UserError
from cfgsweep.storage.artifacts import SHARDS
from cfgsweep.sweep.experiment import Experiment

MOST_SHARDS = 100_000
GIVEN = re.compile(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*")
NAME = re.compile(r"([1-9]\d{0,5})-of-([1-9]\d{0,5})")


@dataclass(frozen=True)
class ShardOf:
    """The shard `number`, from 1, of `count`."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> ShardOf:
        """'2/16'. Raises UserError where it is no such text."""
        found = _made(GIVEN.fullmatch(text))
        if found is None:
            raise UserError("no shard", where="--shard", given=text, allowed="I/N, as 1/16, with I from 1 to N")
        return found

    @classmethod
    def recorded(cls, text: str | None) -> ShardOf | None:
        """As environment.json has it; None where it has none, or it is damaged."""
        return _made(GIVEN.fullmatch(text or ""))

    @classmethod
    def named(cls, folder: Path) -> ShardOf | None:
        """By the place of a folder; None where it is not that of a shard."""
        return _made(NAME.fullmatch(folder.name)) if folder.parent.name == SHARDS else None

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def folder(self, run: Path) -> Path:
        """The shard's own run folder in that of the run."""
        return run / SHARDS / f"{self.number}-of-{self.count}"

    def of(self, experiments: Sequence[Experiment]) -> list[Experiment]:
        """Those of a sweep's experiments that are in this shard, in their order."""
        own = set(cut(experiments, self.count)[self.number - 1].experiments)
        return [e for e in experiments if e in own]


def _made(found: re.Match[str] | None) -> ShardOf | None:
    number, count = (int(found[1]), int(found[2])) if found else (0, 0)
    return ShardOf(number, count) if 1 <= number <= count <= MOST_SHARDS else None


def run_of_shard(folder: Path) -> Path | None:
    """The folder of the run, by the place of that of a shard; None where it is not that of a shard."""
    return folder.parent.parent if ShardOf.named(folder) else None
