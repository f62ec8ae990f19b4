"""Actors of a Ray cluster as the place where pictures are computed."""

from __future__ import annotations

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
        found = session.settings.environment.found
        self.pool.settle_kind(found.kind if found else None, session.settings.environment.mixed)
        return ClusterExecutor(session, self.pool)

    def measurer(self) -> ClusterMeasurer:
        return ClusterMeasurer(self.pool)

    def device_here(self, device: str) -> str:
        return "cpu"

    def close(self) -> None:
        self.pool.close()
