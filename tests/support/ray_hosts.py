"""Hosts of a Ray cluster, each of which can have a network of its own, and commands that compute on them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.commands import command, wait_for

SLOW_START = 600  # seconds: of a cluster on a machine that is busy with other tests
STORE = 100 * 2**20  # bytes of a host's object store
SETTINGS = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 4,
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    # A link that is cut is noticed after some ten seconds in place of a minute.
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}


def environment() -> dict[str, str]:
    """That of a cluster's hosts, and of commands that compute on it."""
    return {**os.environ, **SETTINGS}


@dataclass(frozen=True)
class Host:
    """Processes that `ray start` has begun. network: the namespace that they are in; "" for that of this process."""

    process: subprocess.Popen
    address: str
    network: str

    def command(self, *words: object) -> list[str]:
        """A command on this host, for its cluster."""
        return [*_inside(self.network), *command(*words, "--cluster", self.address)]

    def start(self, *words: object) -> subprocess.Popen:
        given = self.command(*words)
        return subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())

    def actors(self) -> list[int]:
        """The processes of actors."""
        return [number for number in _below(self.process.pid) if _title(number).startswith("ray::ModelActor")]

    def at_work(self, method: str = "compute") -> list[int]:
        """Those that compute a task, or do what another method of theirs does."""
        return [number for number in self.actors() if _title(number).startswith(f"ray::ModelActor.{method}")]

    def kill(self) -> None:
        """Send SIGKILL to all that is on this host, also to commands where it has a network of its own."""
        own = [self.process.pid, *_below(self.process.pid)] if self.process.poll() is None else []
        for number in [*own, *_in_network(self.network)]:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()


@contextmanager
def host(
    cpus: int,
    network: str = "",
    ip: str = "127.0.0.1",
    join: str | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Host]:
    """A host of a new cluster, which has started, or of one that it joins later.

    ip: its address. join: the address of a cluster. variables: of the environment of its processes.
    """
    address = join or f"{ip}:{_free_port()}"
    words = (
        [f"--address={join}"] if join else ["--head", f"--port={address.split(':')[1]}", "--include-dashboard=false"]
    )
    words += [f"--node-ip-address={ip}", f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={STORE}"]
    with tempfile.TemporaryDirectory(prefix="h", dir="/tmp", ignore_cleanup_errors=True) as folder:
        start = [*_inside(network), sys.executable, "-m", "tests.support.ray_start", f"{folder}/r", *words]
        said = Path(folder) / "said"
        with said.open("wb") as file:
            process = subprocess.Popen(start, stdout=file, stderr=file, env={**environment(), **variables})
        found = Host(process, address, network)
        if join is None:
            wait_for(lambda: "Ray runtime started" in said.read_text(), process, SLOW_START)
            assert process.poll() is None, said.read_text()
        yield found
        found.kill()


@contextmanager
def two_networks() -> Iterator[tuple[str, str]]:
    """The names of two network namespaces with a cable between them, at 10.77.0.1 and 10.77.0.2."""
    names = f"cfgsweep-{os.getpid()}-1", f"cfgsweep-{os.getpid()}-2"
    cable = f"v{os.getpid()}a", f"v{os.getpid()}b"
    try:
        for name in names:
            _ip("netns", "add", name)
        _ip("link", "add", cable[0], "netns", names[0], "type", "veth", "peer", "name", cable[1], "netns", names[1])
        for place, name in enumerate(names):
            _ip("-n", name, "address", "add", f"10.77.0.{place + 1}/24", "dev", cable[place])
            for device in ("lo", cable[place]):
                _ip("-n", name, "link", "set", device, "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def cut(network: str) -> None:
    """Pull the plug of a network."""
    _ip("-n", network, "link", "set", f"v{os.getpid()}b", "down")


def why_no_networks() -> str | None:
    """Why there can be no network namespaces here; None where there can."""
    if shutil.which("ip") is None:
        return "there is no `ip`, of the package iproute2"
    try:
        with two_networks():
            return None
    except subprocess.CalledProcessError as error:
        return f"no network namespaces are allowed: {error.stderr.strip()}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _inside(network: str) -> list[str]:
    return ["ip", "netns", "exec", network] if network else []


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _below(process: int) -> Iterator[int]:
    """The numbers of all processes that a process or one of its children has begun."""
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for number in (thread / "children").read_text().split():
                yield int(number)
                yield from _below(int(number))


def _in_network(network: str) -> list[int]:
    """The numbers of the processes in a network namespace."""
    if not network:
        return []
    listed = subprocess.run(["ip", "netns", "pids", network], capture_output=True, text=True, check=True)
    return list(map(int, listed.stdout.split()))


def _title(process: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    return ""
