"""Signals: a block that must not be cut is not cut, also where no handler of ours is installed."""

from __future__ import annotations

import signal

import pytest

from cfgsweep.system.signals import uninterrupted


def test_ctrl_c_waits_for_the_end_of_a_block_in_a_notebook() -> None:
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    steps: list[str] = []

    def interrupted_block() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("the end of the block")

    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted_block()
        assert steps == ["the end of the block"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
