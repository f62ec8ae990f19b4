"""Where pictures are computed: in this process, or by the actors of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.models import device as devices
from cfgsweep.models.machine import Machine
from cfgsweep.reports.metric_calls import LocalMeasurer, Measurer

if TYPE_CHECKING:
    from cfgsweep.execution.executor import Executor
    from cfgsweep.execution.session import RunSession


class Workplace:
    """This process, on a device of this machine."""

    machine = Machine()

    def executor(self, session: RunSession) -> Executor:
        """What computes the session's pictures."""
        from cfgsweep.execution.local import LocalExecutor  # imports torch

        return LocalExecutor(session)

    def measurer(self, session: RunSession | None = None) -> Measurer:
        """What makes calls of metrics. session: that computes other pictures as well, if there is one."""
        return LocalMeasurer()

    def device_here(self, device: str) -> str:
        """Where networks of metrics run in this process. device: that pictures are computed on."""
        return devices.here_like(device) or "cpu"

    def close(self) -> None:
        """Free what computes, before the reports are written; there is nothing to compute any more."""
