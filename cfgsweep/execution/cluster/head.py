"""Whether the head of a Ray cluster answers, which Ray itself takes minutes to tell."""

from __future__ import annotations

import socket
from collections.abc import Callable

from cfgsweep.execution.cluster.request import place_of

ANSWERS_WITHIN = 10.0  # seconds


def why_silent(address: str) -> str | None:
    """Why nothing answers at HOST:PORT; None where something does, or the address has another form."""
    if (place := place_of(address)) is None:
        return None
    try:
        socket.create_connection(place, ANSWERS_WITHIN).close()
    except (OSError, OverflowError) as error:
        return str(getattr(error, "strerror", None) or error)
    return None


class HeadWatch:
    """Tells once that the head of a cluster is gone: Ray ends this process after a minute, without a word of ours."""

    def __init__(self, notice: Callable[[str], object]):
        self.notice, self.told = notice, False

    def look(self, address: str) -> None:
        """To be called where an actor is lost."""
        if not self.told and (reason := why_silent(address)):
            self.told = True
            self.notice(
                f"the head of the cluster at {address} is gone ({reason}): unless it comes back within a minute, Ray "
                "ends this command. What is finished is in the run folder, and the same command goes on from there"
            )
