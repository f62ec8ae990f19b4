"""The numbers of metrics that a merged run takes over from its shards, and its metrics.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cfgsweep.storage.measured_with import hashes_of, read_measured_with, write_measured_with
from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder


class MergedNumbers:
    """For every metric and model the run has numbers of one kind: measured with the same weights and reference set.

    They are of the kind that the run has, or else of that of the first shard that has any. A shard's numbers of another
    kind are left out, and the run measures them.
    """

    def __init__(self, run: RunFolder, shards: Iterable[RunFolder]):
        self.run = run
        self.before = read_measured_with(run.measured_with_file)
        self.found = {name: dict(models) for name, models in self.before.items()}
        self.of_shards = {shard.folder: read_measured_with(shard.measured_with_file) for shard in shards}
        here = set(_measured(run))
        for measured_with in self.of_shards.values():
            for name, models in measured_with.items():
                for model, hashes in models.items():
                    if (name, model) not in here:
                        self.found.setdefault(name, {}).setdefault(model, hashes)

    def write(self) -> None:
        """Write metrics.json, before any record that it is about."""
        if self.found != self.before:
            write_measured_with(self.found, self.run.measured_with_file)

    def taken_over(self, record: DoneRecord, shard: RunFolder) -> DoneRecord:
        """A shard's record with those of its numbers that count."""
        theirs, model = self.of_shards[shard.folder], record.model
        kept = {
            name: number
            for name, number in record.metrics.items()
            if hashes_of(theirs, name, model) == hashes_of(self.found, name, model)
        }
        return record if kept == record.metrics else record.changed(metrics=kept)


def _measured(run: RunFolder) -> Iterator[tuple[str, str]]:
    """The metrics of which the run has numbers, each with the model of the pictures."""
    for record in run.records().values():
        if isinstance(record, DoneRecord):
            yield from ((name, record.model) for name in record.metrics)
