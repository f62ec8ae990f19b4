"""Ray's workers as forks of a process that has imported what they import, which takes most of an actor's start.

Ray starts `sys.executable` with the path of its worker's script; here that is a small program, which has a server fork.
All else that Ray starts by it is started as always.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

WORKER = "default_worker.py"
PROGRAM = """\
#!{python} -SEs
import json, os, socket, sys
words = sys.argv[1:]
if not any(word.endswith({worker!r}) for word in words):
    os.execv({python!r}, [{python!r}, *words])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    given = json.dumps([words, dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(given).to_bytes(8, "big")], [1, 2])
    server.sendall(given)
"""


def fork_workers(folder: Path) -> None:
    """Have Ray's workers forked from now on, where this process starts Ray. folder: for a program and a socket.

    The server ends with this process.
    """
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "server"))
    listener.listen(64)
    process = os.getpid()
    if os.fork() == 0:
        _serve(listener, process)
    listener.close()
    program = folder / "python"
    program.write_text(PROGRAM.format(python=sys.executable, worker=WORKER, address=str(folder / "server")))
    program.chmod(0o755)
    sys.executable = str(program)


def _serve(listener: socket.socket, parent: int) -> None:
    import cfgsweep.execution.cluster.actor
    import cfgsweep.models.families.class_conditional  # noqa: F401 - of the models that tests have actors load

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # there are no zombies then
    while os.getppid() == parent:
        if not select.select([listener], [], [], 1.0)[0]:
            continue
        connection, _ = listener.accept()
        with connection:
            length, opened, *_ = socket.recv_fds(connection, 8, 2)
            with connection.makefile("rb") as file:
                words, environment, folder = json.loads(file.read(int.from_bytes(length, "big")))
        if os.fork() == 0:
            listener.close()
            _work(words, environment, folder, opened)
        for number in opened:
            os.close(number)
    os._exit(0)


def _work(words: list[str], environment: dict[str, str], folder: str, opened: list[int]) -> None:
    """Become a worker of Ray."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, wanted in zip(opened, (1, 2), strict=True):
        os.dup2(number, wanted)
        os.close(number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    script = next(place for place, word in enumerate(words) if word.endswith(WORKER))
    ours = ("--serialized-runtime-env-context=", "--language=")  # of the script that Ray starts workers by
    sys.argv = [words[script], *(word for word in words[script + 1 :] if not word.startswith(ours))]
    runpy.run_path(words[script], run_name="__main__")
    os._exit(0)
