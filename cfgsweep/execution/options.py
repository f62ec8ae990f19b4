"""The options of a command that are no part of the sweep."""

from __future__ import annotations

from dataclasses import dataclass

from cfgsweep.errors import UserError
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.storage.records import MOST_ROWS
from cfgsweep.storage.shard_of import ShardOf


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sweep is to be computed, as given on the command line or to a function of the API.

    model: replaces the sweep's model, and has no fallback.
    device, dtype: "auto" leaves the choice to the run folder or the machine; actors have a device of their own.
    batch_size: rows in every call of the denoiser. limit: the largest number of pictures to compute.
    shard: compute only those that are in this shard of the sweep. cluster: the actors that compute, None in this
    process. mixed: use actors of all kinds of device.
    command: what environment.json records as the command.
    mirror: the URL of a copy of the run folder, from which what is missing here comes, and which is kept in step.
    page: whether the page of the run is written. live: while it goes on, too.

    Raises UserError where batch_size or limit is out of its range, `live` is without `page`, actors compute on another
    device, or `mixed` is without actors.
    """

    model: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    limit: int | None = None
    shard: ShardOf | None = None
    cluster: ClusterRequest | None = None
    mixed: bool = False
    allow_pickle: bool = False
    fail_fast: bool = False
    retry_failed: bool = False
    wait: bool = False
    command: str = "python"
    mirror: str | None = None
    page: bool = True
    live: bool = False

    def __post_init__(self) -> None:
        if self.cluster is not None:
            object.__setattr__(self, "device", self.cluster.device(self.device))
        check_count("batch_size", self.batch_size, MOST_ROWS)
        check_count("limit", self.limit, None)
        if self.live and not self.page:
            raise UserError("no page is written that could grow", where="--live", hint="leave out --no-page")
        if self.mixed and self.cluster is None:
            hint = "give --gpus, --workers or --cluster; `merge --mixed` joins shards of several kinds"
            raise UserError("one process computes on one kind of device", where="--mixed", hint=hint)


def check_count(name: str, given: object, most: int | None) -> None:
    """Raises UserError where an option is no whole number from 1 to `most`."""
    if given is None or (type(given) is int and 1 <= given <= (most or given)):
        return
    allowed = f"a whole number from 1 to {most}" if most else "a whole number from 1 on"
    raise UserError(
        "not a number of rows" if most else "not a number of pictures", where=name, given=given, allowed=allowed
    )
