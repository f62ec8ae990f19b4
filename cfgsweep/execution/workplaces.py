"""The workplace that the options ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cfgsweep.execution.options import Options
from cfgsweep.execution.workplace import Workplace
from cfgsweep.system.display import Display


@contextmanager
def workplace(options: Options, display: Display) -> Iterator[Workplace]:
    """That of the options. Actors are asked for at once, and are there within the block.

    Raises UserError where there is no such cluster, or it has no GPU.
    """
    if options.cluster is None:
        yield Workplace()
        return
    from cfgsweep.execution.cluster.connect import connected

    display.say(options.cluster.beginning())
    with connected(options.cluster) as count:
        from cfgsweep.execution.cluster.workplace import ClusterWorkplace  # imports Ray and torch

        yield ClusterWorkplace.start(options, options.cluster, count, display)
