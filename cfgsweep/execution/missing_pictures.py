"""The pictures that a merged run lacks, by shards, with the commands that make them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from cfgsweep.engine.cut import cut
from cfgsweep.storage.open_run import lacks_code
from cfgsweep.storage.records import DoneRecord, FailedRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.storage.shard_folders import Shards
from cfgsweep.storage.shard_of import ShardOf
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.wording import counted

WITH_VALUE = ("--model", "--device", "--dtype", "--batch-size")  # options of `run` that are no part of the sweep
WITHOUT_VALUE = ("--allow-pickle", "--allow-code")


def missing_pictures(shards: Shards, run: RunFolder, experiments: Sequence[Experiment]) -> Iterator[str]:
    """A line for every shard of which pictures are missing or failed, with the command that makes them."""
    records = run.records_of(experiments)
    lacking = {e.id for e in experiments if not isinstance(records.get(e.id), DoneRecord)}
    failed = {name for name in lacking if isinstance(records.get(name), FailedRecord)}
    if not lacking:
        return
    if lacks_code(experiments):  # where the shards are cut depends on the code of guiders
        count = counted(len(lacking), "picture", ("is", "are"))
        yield f"{count} missing; with --allow-code, `merge` tells of which shards"
        return
    for number, part in enumerate(cut(experiments, shards.count), 1):
        own = {e.id for e in part.experiments} & lacking
        if own:
            counts = [(len(own - failed), "missing"), (len(own & failed), "failed")]
            found = ", ".join(f"{count:,} {what}" for count, what in counts if count)
            state = found if number in shards.begun else "not begun"
            yield f"shard {number} of {shards.count}: {state}: {_command(shards, ShardOf(number, shards.count))}"


def _command(shards: Shards, shard: ShardOf) -> str:
    """What computes a shard, with the options of the command that has computed it, or another one of the run.

    The sweep of the run has the overrides of `--set` in it.
    """
    like = shards.begun.get(shard.number) or next(iter(shards.folders))
    environment = like.kept_environment()
    command = (environment.model_extra or {}).get("command") if environment else None  # may be no UTF-8: not declared
    options = kept_options(str(command or ""))
    return shlex.join(["cfgsweep", "run", str(shards.run), "--shard", str(shard), *options])


def kept_options(command: str) -> Iterator[str]:
    """Those words of a command line that another run of the same sweep needs, too."""
    try:
        words = shlex.split(command)
    except ValueError:  # a damaged one
        return
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in WITH_VALUE:
            yield from (word, following)
        elif word in WITHOUT_VALUE or word.partition("=")[0] in WITH_VALUE:
            yield word
