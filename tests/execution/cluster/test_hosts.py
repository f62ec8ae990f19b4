"""Hosts that die, are cut off, or come later: two network namespaces with a cable between them, each a host of Ray."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.execution.cluster.conftest import files_of, pictures_in, with_ray
from tests.support.commands import wait_for
from tests.support.ray_hosts import SLOW_START, Host, cut, host, two_networks, why_no_networks

pytestmark = [pytest.mark.slow, with_ray]
IPS = "10.77.0.1", "10.77.0.2"


@pytest.fixture(scope="module")
def networks() -> Iterator[tuple[str, str]]:
    if reason := why_no_networks():
        pytest.skip(reason)
    with two_networks() as names:
        yield names


@pytest.fixture(scope="module")
def head(networks: tuple[str, str]) -> Iterator[Host]:
    """The first host, with a CPU."""
    with host(1, networks[0], IPS[0]) as found:
        yield found


def test_all_that_is_on_a_host_is_killed(alone: Path, tmp_path: Path, networks: tuple[str, str], head: Host) -> None:
    run = tmp_path / "r"
    with host(1, networks[1], IPS[1], join=head.address) as other:
        process = head.start("run", alone.parent / "sweep.yaml", "--out", run, "--workers", 2)
        wait_for(lambda: pictures_in(run) and other.at_work(), process, SLOW_START)
        assert process.poll() is None, process.communicate()
        other.kill()
        said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert " is lost, and others do its work: " in said
    assert files_of(run) == files_of(alone)


def test_a_host_that_comes_later_is_used_and_its_link_is_cut(
    alone: Path, tmp_path: Path, networks: tuple[str, str], head: Host
) -> None:
    """The first host's actor is suspended until the other one is at work.

    It may have computed the other one's rest, too, before Ray notices the cut.
    """
    run = tmp_path / "r"
    process = head.start("run", alone.parent / "sweep.yaml", "--out", run, "--workers", 2)
    wait_for(lambda: pictures_in(run) and head.at_work(), process, SLOW_START)
    (first,) = head.at_work()
    os.kill(first, signal.SIGSTOP)
    before = pictures_in(run)
    with host(1, networks[1], IPS[1], join=head.address) as other:
        wait_for(other.at_work, process, SLOW_START)
        assert process.poll() is None, process.communicate()
        cut(networks[1])
        os.kill(first, signal.SIGCONT)
        said = "".join(process.communicate())
    assert process.returncode == 0, said
    assert before < pictures_in(alone)
    assert files_of(run) == files_of(alone)
