"""Signals: a block that must not be cut is not cut, also where no handler of ours is installed."""

from __future__ import annotations

import signal
import subprocess
import sys

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


IN_AN_IMPORT = """
import signal, sys
class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            sys.meta_path.remove(self)
            signal.raise_signal(signal.{signal})
sys.meta_path.insert(0, Interrupting())
sys.argv = ["cfgsweep", "plan", "nowhere.yaml"]
from cfgsweep.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize(
    "module", ["cfgsweep.cli", "typer", "json", "cfgsweep.errors", "cfgsweep.system.display", "pydantic"]
)
def test_a_signal_while_modules_are_imported(module: str, name: str) -> None:
    """The first tenth of a second of a command."""
    script = IN_AN_IMPORT.format(module=module, signal=name)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 128 + getattr(signal, name), done.stderr
    assert done.stderr == "stopped; the same command goes on from here\n"


def test_a_signal_after_the_work_leaves_no_traceback() -> None:
    script = (
        "import atexit, signal, sys\n"
        "atexit.register(lambda: signal.raise_signal(signal.SIGINT))\n"
        "sys.argv = ['cfgsweep', 'configs']\n"
        "from cfgsweep.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGINT
    assert not done.stderr
