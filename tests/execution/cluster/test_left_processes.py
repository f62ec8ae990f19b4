"""Processes that write into the folder of a cluster do not outlive the one that made it. Without Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cfgsweep.execution.cluster.temporary import PREFIX
from tests.execution.cluster.conftest import processes_in
from tests.support.commands import wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

PROGRAM = """
import signal, subprocess, sys
from cfgsweep.execution.cluster.temporary import temporary_folder

signal.signal(signal.SIGINT, lambda *_: print("Ctrl-C", flush=True))
with temporary_folder() as folder:
    with open(folder / "log", "wb") as log:
        subprocess.Popen(["sleep", "600"], stdout=log, start_new_session=True)
    print(folder, flush=True)
    sys.stdin.read()
"""


def begun() -> tuple[subprocess.Popen, Path]:
    """A process in the block, until its input ends, with another one that writes; and the folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], start_new_session=True, **pipes)
    return process, Path(process.stdout.readline().strip())


@pytest.mark.parametrize("is_linked", [False, True])
def test_after_a_kill_writers_end_and_the_folder_goes(short_temporary: Path, is_linked: bool, monkeypatch) -> None:
    """Also where the kill comes after Ctrl-C, which reaches all processes of a terminal, and where TMPDIR is a link."""
    link = Path(f"/tmp/to-{os.getpid()}")
    if is_linked:
        link.symlink_to(short_temporary)
        monkeypatch.setenv("TMPDIR", str(link))
    process, folder = begun()
    folder = folder.resolve()
    assert folder.parent == short_temporary
    wait_for(lambda: len(processes_in(folder)) == 3, process)  # with the one that waits for the end of this one
    reader = subprocess.Popen(["tail", "-f", folder / "log"], stdout=subprocess.DEVNULL)
    try:
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "Ctrl-C\n"
        process.kill()
        process.wait()
        wait_for(lambda: processes_in(folder).keys() <= {reader.pid} and not folder.exists(), reader, 60)
        assert processes_in(folder).keys() <= {reader.pid}
        assert reader.poll() is None, "one that only reads was killed, too"
        assert not list(short_temporary.glob(f"{PREFIX}*"))
    finally:
        reader.kill()
        reader.wait()
        link.unlink(missing_ok=True)


def test_at_an_end_in_order_none_is_killed(short_temporary: Path) -> None:
    process, folder = begun()
    process.stdin.close()
    assert process.wait() == 0
    ((writer, words),) = processes_in(folder).items()
    os.kill(writer, signal.SIGKILL)
    assert words == "sleep 600 "
    assert not list(short_temporary.glob(f"{PREFIX}*"))
