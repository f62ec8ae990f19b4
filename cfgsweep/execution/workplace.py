"""Where pictures are computed: in this process, or by the actors of a Ray cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cfgsweep.models.machine import Machine

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

    def close(self) -> None:
        """Free what computes, before the reports are written; there are no pictures to compute any more."""
