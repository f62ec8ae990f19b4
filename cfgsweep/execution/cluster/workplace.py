"""Actors of a Ray cluster as the place where pictures are computed."""

from __future__ import annotations

from functools import partial

from cfgsweep.execution.cluster.executor import ActorMachine, ClusterExecutor
from cfgsweep.execution.cluster.measurer import ClusterMeasurer
from cfgsweep.execution.cluster.pool import ActorPool
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.execution.options import Options
from cfgsweep.execution.session import RunSession
from cfgsweep.execution.workplace import Workplace
from cfgsweep.system.display import Display


class ClusterWorkplace(Workplace):
    """Some actors, of which one kind of device is used."""

    def __init__(self, pool: ActorPool):
        self.pool, self.machine = pool, ActorMachine(pool)

    @classmethod
    def start(cls, options: Options, request: ClusterRequest, count: int, display: Display) -> ClusterWorkplace:
        return cls(ActorPool.start(request, count, options.device, options.dtype, display))

    def executor(self, session: RunSession) -> ClusterExecutor:
        self._settle_kind(session)
        return ClusterExecutor(session, self.pool)

    def measurer(self, session: RunSession | None = None) -> ClusterMeasurer:
        return ClusterMeasurer(self.pool, partial(self._settle_kind, session))

    def _settle_kind(self, session: RunSession | None) -> None:
        """As the folder's pictures have it, whether they are measured first or others are computed."""
        environment = session.settings.environment if session else None
        found = environment.found if environment else None
        self.pool.settle_kind(found.kind if found else None, bool(environment and environment.mixed))

    def device_here(self, device: str) -> str:
        return "cpu"

    def close(self) -> None:
        self.pool.close()
