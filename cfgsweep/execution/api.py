"""What can be done with a sweep, as functions. The command line calls these and prints what they return."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfgsweep.config import user_code, yaml_io
from cfgsweep.config.parameters import Parameters
from cfgsweep.errors import UserError
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.options import Options, check_count
from cfgsweep.execution.shipped_configs import find_config
from cfgsweep.storage.artifacts import SWEEP
from cfgsweep.storage.records import MOST_ROWS
from cfgsweep.storage.shard_of import MOST_SHARDS, ShardOf
from cfgsweep.sweep.axes import TEXTS
from cfgsweep.sweep.guider_axis import GuiderEntry
from cfgsweep.sweep.schema import Sweep, as_yaml, read_sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.system.display import choose, import_progress_bars

if TYPE_CHECKING:
    from cfgsweep.execution.dry_run import PlanSummary
    from cfgsweep.execution.model_report import ModelReport
    from cfgsweep.execution.run import Run

SweepLike = Sweep | str | os.PathLike[str]  # a sweep, the path of a sweep file, or the name of a shipped one
Overrides = Mapping[str, Any] | Sequence[str] | None  # {"phase.scan": 9}, or ["phase.scan=9"] as --set takes them


def run(
    sweep: SweepLike | Run,
    *,
    out: str | os.PathLike[str] | None = None,
    model: str | None = None,
    overrides: Overrides = None,
    device: str = "auto",
    dtype: str = "auto",
    batch_size: int | None = None,
    limit: int | None = None,
    shard: str | None = None,
    gpus: int | str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    mixed: bool = False,
    fail_fast: bool = False,
    retry_failed: bool = False,
    wait: bool = False,
    allow_pickle: bool = False,
    allow_code: bool = False,
    mirror: str | None = None,
    page: bool = True,
    live: bool = False,
    quiet: bool = False,
    command: str = "python",
) -> Run:
    """Expand a sweep, compute what is not there yet, and write pictures, records and grids.

    sweep: a Sweep, the path of a sweep file, or the name of a shipped config; or a run or its folder, to go on with it.
    out: the run folder; outputs/<name>, or that of the run, if not given. A folder of the same sweep is gone on with.
    model: replaces the sweep's model, without its fallback.
    overrides: fields to change first, {"steps": 20, "phase.scan": 9} or ["steps=20"].
    device: auto, cuda, mps or cpu. dtype: auto, float32, float16 or bfloat16.
    batch_size: rows in every call of the denoiser. limit: compute at most this many pictures.
    shard: "2/16" computes the second of 16 parts of the sweep, in its folder `shards/2-of-16`, for `merge`. The folder
        of such a part is gone on with as any other.
    gpus: compute on so many GPUs at the same time, or "all". workers: on CPUs, in so many processes.
    cluster: where these are: "local", this machine, if not given; "auto" or HOST:PORT of a Ray cluster.
    mixed: use those of all kinds, NVIDIA H100 and A100 for example; pictures that begin as one initial noise come from
        one kind. Otherwise one kind is used.
    fail_fast: raise RunFailed at the first picture that fails; otherwise `failed` of the result lists them.
    retry_failed: compute only those that failed before.
    wait: wait while another process is at work in the folder, instead of raising UserError.
    allow_pickle: load weights that can run code. allow_code: import the Python files that the sweep names.
    mirror: s3://bucket/place, or another URL that fsspec knows. What the folder lacks is fetched from there first, and
        what is finished is sent there while the run goes on.
    page: write the page on which the run is browsed, `page/index.html` in its folder. live: while the run goes on, too.
    quiet: show no progress.
    command: what environment.json records as the command.

    Raises UserError where the sweep, an option or the folder is not right. After a KeyboardInterrupt the folder is
    whole, and the same call goes on from there.
    """
    from cfgsweep.execution.run_sweep import run_sweep

    part = ShardOf.parse(shard) if shard is not None else None
    options = Options(
        model=model,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        limit=limit,
        cluster=ClusterRequest.of(cluster, gpus, workers),
        mixed=mixed,
        allow_pickle=allow_pickle,
        fail_fast=fail_fast,
        retry_failed=retry_failed,
        wait=wait,
        command=command,
        mirror=mirror,
        page=page,
        live=live,
    )
    folder = run_folder_of(sweep)
    found, document = load_sweep(sweep, overrides, allow_code)
    display = choose(quiet)
    try:
        with user_code.allow_code(allow_code), document.error_context():
            place, own = shard_at(folder_of(found, out or folder), part)
            return run_sweep(found, place, replace(options, shard=own), display)
    finally:
        display.close()


def plan(
    sweep: SweepLike | Run,
    *,
    out: str | os.PathLike[str] | None = None,
    model: str | None = None,
    overrides: Overrides = None,
    shards: int | None = None,
    gpus: int | None = None,
    batch_size: int | None = None,
    batch_seconds: float | None = None,
    allow_code: bool = False,
) -> PlanSummary:
    """What a sweep would compute and what that costs. Loads no model and computes nothing.

    shards: also what it takes in so many parts, each computed by `run` with `shard`, without what is in their folders
    already. gpus: also what it takes to compute what is missing on so many GPUs at the same time.
    batch_size, batch_seconds: rows of the batches of these, and what one takes; if not given, as the pictures that are
    there were computed.
    The other arguments are those of `run`.
    Raises UserError where the sweep is not right.
    """
    from cfgsweep.execution.dry_run import summarise_plan

    folder = run_folder_of(sweep)
    found, document = load_sweep(sweep, overrides, allow_code)
    for name, count in (("shards", shards), ("gpus", gpus)):
        if count is not None and not 1 <= count <= MOST_SHARDS:
            raise UserError(f"no number of {name}", where=name, given=count, allowed=f"from 1 to {MOST_SHARDS:,}")
    for name, number in (("batch_size", batch_size), ("batch_seconds", batch_seconds)):
        if number is not None and not (shards or gpus):
            raise UserError("has no effect without parts", where=name, given=number, hint="add --gpus 1, or more")
    check_count("batch_size", batch_size, MOST_ROWS)
    if batch_seconds is not None and not 0 < batch_seconds < math.inf:
        raise UserError("no time", where="batch_seconds", given=batch_seconds, allowed="seconds, more than 0")
    with document.error_context():
        place = folder_of(found, out or folder)
        return summarise_plan(found, place, model, shards, gpus, batch_size, batch_seconds)


def check(
    model: str,
    *,
    revision: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
    allow_pickle: bool = False,
    dry: bool = False,
) -> ModelReport:
    """Load a model, compare it with its own pipeline, and tell what of it can be swept.

    model: a bundled model, a folder, a file or a hub id. dry: read its configurations and no file of weights; the
    report says what is not known then. Raises UserError, with the reason, where it cannot be run.
    """
    from cfgsweep.execution import model_report
    from cfgsweep.models.source import Source
    from cfgsweep.system.quiet import quiet_libraries

    source = Source.of(model, revision, allow_pickle)
    with quiet_libraries("diffusers", "transformers"):
        if dry:
            return model_report.without_weights(source, dtype)
        return model_report.of_model(source, device, dtype)


def train(
    config: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] | None = None,
    overrides: Overrides = None,
    wait: bool = False,
    quiet: bool = False,
) -> Path:
    """Train a small model with condition dropout; the same call goes on after an interruption.

    config: the path of a training file, or the name of a shipped one (digits, emoji).
    out: the folder to train in; outputs/train/<name> if not given. The other arguments are those of `run`.
    Returns the folder, which is a model that `Sweep(model=...)` takes.
    """
    from cfgsweep.training.config import TrainingFile
    from cfgsweep.training.train import train as train_model

    import_progress_bars()
    document = yaml_io.read(find_config(config, "training"))
    document.override(assignments(overrides))
    file = yaml_io.validate(TrainingFile, document)
    display = choose(quiet)
    try:
        with document.error_context():
            return train_model(file, Path(out or Path("outputs/train") / file.name), display, wait)
    finally:
        display.close()


def run_folder_of(source: SweepLike | Run) -> Path | None:
    """The folder of a run; None where a sweep is given. Raises UserError where it is neither, or no run's folder."""
    if not isinstance(source, Sweep | str | os.PathLike):
        folder = getattr(source, "folder", None)  # of a Run, whose module takes long to import
        if not isinstance(folder, Path):
            raise UserError("not a sweep", given=source, allowed="a Sweep, a path, a shipped one's name, or a Run")
        return folder
    if isinstance(source, Sweep) or not Path(source).is_dir():
        return None
    if not (Path(source) / SWEEP).is_file():
        raise UserError(f"not a run folder: no {SWEEP} in it", where=str(source))
    return Path(source)


def load_sweep(
    source: SweepLike | Run, overrides: Overrides = None, allow_code: bool = False
) -> tuple[Sweep, yaml_io.Document]:
    """The sweep, of a run its last one, with overrides applied. Raises UserError where something is wrong with it."""
    import_progress_bars()
    folder = run_folder_of(source)
    with user_code.allow_code(allow_code):
        if not isinstance(source, Sweep):
            file = folder / SWEEP if folder else find_config(source, "sweep")  # type: ignore[arg-type]
            return read_sweep(file, assignments(overrides))
        document = yaml_io.Document(as_written(source), "")
        document.override(assignments(overrides), TEXTS)
        return yaml_io.validate(Sweep, document) if overrides else source, document


def folder_of(sweep: Sweep, out: str | os.PathLike[str] | None) -> Path:
    return Path(out) if out is not None else Path("outputs") / sweep.name


def shard_at(folder: Path, given: ShardOf | None) -> tuple[Path, ShardOf | None]:
    """The folder to compute in, and which shard it is: that of `given` in a run's folder, or the folder itself.

    Raises UserError where the folder is that of another shard.
    """
    from cfgsweep.storage.run_folder import RunFolder  # imports Pillow

    own = RunFolder(folder).shard()
    if own is None:
        return (given.folder(folder), given) if given else (folder, None)
    if given not in (None, own):
        hint = "name the folder of the run, in which those of its shards are"
        problem = f"{folder} is the folder of another shard"
        raise UserError(problem, where="--shard", given=str(given), allowed=str(own), hint=hint)
    return folder, own


def assignments(overrides: Overrides) -> list[str]:
    """Overrides as `--set` takes them: key=value, the value in YAML (of which JSON is a part)."""
    if not isinstance(overrides, Mapping):
        return list(overrides or [])
    return [f"{key}={json.dumps(as_yaml(value), default=_spec)}" for key, value in overrides.items()]


def _spec(value: Any) -> Any:
    """A guider or a schedule as a file would give it."""
    if isinstance(value, Parameters | GuiderEntry):
        return value.spec()
    raise UserError("not a value that a sweep file can have", where="overrides", given=value)
