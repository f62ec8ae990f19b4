"""Which processes compute a sweep, as `--gpus`, `--workers` and `--cluster` say. Imports neither Ray nor torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cfgsweep.errors import UserError
from cfgsweep.system.wording import counted

LOCAL, AUTO = "local", "auto"
HOST_AND_PORT = re.compile(r"(\[[\da-fA-F:.]+\]|[^\s:/]+):(\d{1,5})")
MOST_ACTORS = 100_000
ADDRESSES = "auto, local, or HOST:PORT of a Ray cluster"


@dataclass(frozen=True)
class ClusterRequest:
    """Actors of a Ray cluster.

    address: "local" for one that is made on this machine, "auto" for the one that Ray finds, or HOST:PORT.
    gpus: how many, None for all. workers: actors on CPUs in place of those on GPUs.
    """

    address: str = LOCAL
    gpus: int | None = None
    workers: int | None = None

    @classmethod
    def of(cls, cluster: str | None, gpus: int | str | None, workers: int | None) -> ClusterRequest | None:
        """What the options ask for; None where none of them is given. Raises UserError where one is not right."""
        if cluster is None and gpus is None and workers is None:
            return None
        if gpus is not None and workers is not None:
            raise UserError("GPUs or CPUs compute, not both", where="--workers", given=workers, hint="drop --gpus")
        if cluster not in (None, LOCAL, AUTO) and not HOST_AND_PORT.fullmatch(cluster):
            hint = "a driver of Ray Client gets no streams: start cfgsweep on a machine of the cluster"
            hint = hint if "://" in cluster else ""
            raise UserError("no address", where="--cluster", given=cluster, allowed=ADDRESSES, hint=hint)
        return cls(cluster or LOCAL, _count("--gpus", gpus), _count("--workers", workers))

    @property
    def is_local(self) -> bool:
        return self.address == LOCAL

    @property
    def flag(self) -> str:
        """The option that errors name."""
        if not self.is_local:
            return "--cluster"
        return "--gpus" if self.workers is None else "--workers"

    def beginning(self) -> str:
        """What is done at first, which takes ten seconds and more, in words."""
        if not self.is_local:
            place = "that Ray finds here" if self.address == AUTO else f"at {self.address}"
            return f"connecting to the Ray cluster {place}"
        if self.workers is not None:
            return f"starting Ray with {counted(self.workers, 'worker')}"
        return f"starting Ray on {'all GPUs' if self.gpus is None else counted(self.gpus, 'GPU')}"

    def device(self, given: str) -> str:
        """The device that actors compute on. given: with `--device`. Raises UserError where it is another one."""
        device = "cuda" if self.workers is None else "cpu"
        if given not in ("auto", device):
            hint = "--workers N computes on CPUs" if device == "cuda" else "--gpus computes on GPUs"
            raise UserError("actors have another device", where="--device", given=given, allowed=device, hint=hint)
        return device


def place_of(address: str) -> tuple[str, int] | None:
    """Host and port of an address; None where it has another form."""
    found = HOST_AND_PORT.fullmatch(address)
    return (found[1].strip("[]"), int(found[2])) if found else None


def _count(where: str, given: int | str | None) -> int | None:
    """None for all."""
    if given is None or (given == "all" and where == "--gpus"):
        return None
    text = str(given).strip()
    if isinstance(given, bool) or not text.isdecimal() or not 1 <= int(text) <= MOST_ACTORS:
        allowed = f"{'all, or ' if where == '--gpus' else ''}from 1 to {MOST_ACTORS:,}"
        unit = "GPUs" if where == "--gpus" else "workers"
        raise UserError(f"no number of {unit}", where=where, given=given, allowed=allowed)
    return int(text)
