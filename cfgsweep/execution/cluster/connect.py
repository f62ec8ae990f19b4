"""Connects to a Ray cluster, or makes one on this machine, and leaves nothing of it behind."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from cfgsweep.errors import RunFailed, UserError, shorten
from cfgsweep.execution.cluster.head import why_silent
from cfgsweep.execution.cluster.request import AUTO, ClusterRequest
from cfgsweep.models.device import cores
from cfgsweep.system.signals import kept_handlers

OBJECT_STORE = 512 * 2**20  # bytes; pictures are there until they are written
NO_OTHER = {"RAY_ENABLE_AUTO_CONNECT": "0"}  # a call after the end starts no Ray; read once, when Ray is imported
# Ray listens on all interfaces. It reads its token once in a process, and writes one to ~/.ray where it has none.
OWN_CLUSTER = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # 15 if not given, below everything else that the machine does
}


@contextmanager
def connected(request: ClusterRequest) -> Iterator[int]:
    """Ray is connected within the block. Yields the number of actors to ask for.

    Raises UserError where Ray is not installed, the cluster cannot be reached, or it has no GPU.
    """
    if find_spec("ray") is None:
        raise UserError("Ray is not installed", where=request.flag, hint="pip install 'cfgsweep[ray]'")
    with ExitStack() as stack:
        stack.enter_context(_environment(NO_OTHER))
        settings: dict[str, Any] = {"address": request.address}
        _refuse_silent(request.address)
        if request.is_local:
            from cfgsweep.execution.cluster.temporary import temporary_folder  # not on Windows, which has no Ray

            gpus = _gpus_here(request)
            _refuse_another_token(request)
            stack.enter_context(_environment(OWN_CLUSTER))
            folder = stack.enter_context(temporary_folder())
            settings |= {
                "num_cpus": max(cores(), request.workers or gpus),
                "num_gpus": gpus,
                "include_dashboard": False,
                "object_store_memory": OBJECT_STORE,
                "_temp_dir": str(folder),
                "_node_ip_address": "127.0.0.1",
            }
        import ray

        if request.address == AUTO:
            _refuse_silent(_found_by_ray())
        stack.enter_context(_without_messages())
        stack.callback(ray.shutdown)
        try:
            with kept_handlers():
                ray.init(**settings, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # Ray raises plain ones, too
            reason = shorten(str(error), 200)
            if request.is_local:
                raise RunFailed(f"Ray does not start: {reason}", where=request.flag) from None
            hint = (
                "has it a token? RAY_AUTH_MODE=token and RAY_AUTH_TOKEN have to be those of its head; see `ray status`"
            )
            reason = reason.split(" Please specify")[0]  # by a flag of Ray's own commands
            problem = f"Ray does not connect: {reason}"
            raise UserError(problem, where=request.flag, given=request.address, hint=hint) from None
        yield request.workers or (request.gpus or gpus if request.is_local else _gpus_of_cluster(request))


def _refuse_silent(address: str) -> None:
    """Raises UserError where nothing answers at the address of a cluster."""
    if reason := why_silent(address):
        hint = "`ray start --head` prints the address of a cluster"
        raise UserError(f"nothing answers there: {reason}", where="--cluster", given=address, hint=hint)


def _found_by_ray() -> str:
    """The address that Ray takes for "auto": it may be remembered of a cluster that is gone."""
    from ray._private import services

    with suppress(Exception):  # `ray.init` tells of it
        return services.canonicalize_bootstrap_address(AUTO) or AUTO
    return AUTO


_read: set[str] = set()  # the token that Ray has read in this process, where it is ours


def _refuse_another_token(request: ClusterRequest) -> None:
    token = OWN_CLUSTER["RAY_AUTH_TOKEN"]
    if "ray" in sys.modules and token not in _read:
        hint = "compute in another process, or start Ray before and give --cluster auto"
        raise UserError("Ray was imported before, without the token of this run", where=request.flag, hint=hint)
    _read.add(token)


def _gpus_here(request: ClusterRequest) -> int:
    """How many GPUs of this machine compute; none where CPUs do."""
    if request.workers is not None:
        return 0
    import torch

    there = torch.cuda.device_count()
    if there == 0:
        hint = "--workers N computes on CPUs, in N processes"
        raise UserError("there is no GPU on this machine", where=request.flag, hint=hint)
    if request.gpus is not None and request.gpus > there:
        raise UserError("so many GPUs are not here", where="--gpus", given=request.gpus, allowed=f"from 1 to {there}")
    return request.gpus or there


def _gpus_of_cluster(request: ClusterRequest) -> int:
    """Those that are asked for, of which some may join later; else all that the cluster has now."""
    import ray

    there = int(ray.cluster_resources().get("GPU", 0))
    if request.gpus is None and there == 0:
        hint = "--gpus N waits for N that join later; --workers N computes on CPUs"
        raise UserError("the cluster has no GPU", where="--cluster", given=request.address, hint=hint)
    return request.gpus or there


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _without_messages() -> Iterator[None]:
    """Without what Ray prints of dead processes, for which there is no setting: the executor tells of them."""
    from ray._private import worker

    before = worker.print_to_stdstream
    worker.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        worker.print_to_stdstream = before
