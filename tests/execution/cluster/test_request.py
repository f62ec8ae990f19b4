"""What `--gpus`, `--workers` and `--cluster` refuse, before Ray is imported or anything is written."""

from __future__ import annotations

import socket
import sys
import tempfile
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from cfgsweep.execution.cluster import connect
from cfgsweep.execution.cluster.request import ClusterRequest
from cfgsweep.models.device import accelerator
from tests.execution.cluster.conftest import with_ray


def test_without_any_option_this_process_computes() -> None:
    assert ClusterRequest.of(None, None, None) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, "all", None), ClusterRequest("local")),
        ((None, "8", None), ClusterRequest("local", gpus=8)),
        ((None, 8, None), ClusterRequest("local", gpus=8)),
        ((None, None, 2), ClusterRequest("local", workers=2)),
        (("auto", None, None), ClusterRequest("auto")),
        (("10.0.0.1:6379", "16", None), ClusterRequest("10.0.0.1:6379", gpus=16)),
        (("[::1]:6379", None, None), ClusterRequest("[::1]:6379")),
        (("a-head.of.here:6379", None, None), ClusterRequest("a-head.of.here:6379")),
    ],
)
def test_what_is_asked_for(given: tuple, expected: ClusterRequest) -> None:
    assert ClusterRequest.of(*given) == expected


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--gpus", "0"), "--gpus: no number of GPUs\n  given:   '0'\n  allowed: all, or from 1 to 100,000"),
        (("--gpus", "many"), "--gpus: no number of GPUs"),
        (("--workers", "0"), "--workers: no number of workers\n  given:   0\n  allowed: from 1 to 100,000"),
        (("--gpus", "1", "--workers", "2"), "--workers: GPUs or CPUs compute, not both"),
        (("--cluster", "ray://head:10001"), "--cluster: no address"),
        (
            ("--cluster", "head"),
            "--cluster: no address\n  given:   'head'\n  allowed: auto, local, or HOST:PORT of a Ray",
        ),
        (("--cluster", " "), "--cluster: no address"),
        (("--workers", "2", "--device", "cuda"), "--device: actors have another device"),
        (("--cluster", "auto", "--device", "cpu"), "--device: actors have another device"),
    ],
)
def test_what_is_refused(cli, tmp_path: Path, words: tuple[str, ...], problem: str) -> None:
    done = cli("run", "tnorm", "--out", tmp_path / "r", *words)
    assert done.code == 2
    assert problem in done.err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("words", [("phase", "phase"), ("measure", "r", "--metrics", "fid")])
def test_so_it_is_by_other_commands(cli, tmp_path: Path, monkeypatch, words: tuple[str, ...]) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli(*words, "--workers", "2", "--gpus", "all")
    assert done.code == 2
    assert "--workers: GPUs or CPUs compute, not both" in done.err
    assert not list(tmp_path.iterdir())


def test_without_ray_the_command_that_installs_it_is_told(cli, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(connect, "find_spec", lambda name: None)
    done = cli("run", "tnorm", "--out", tmp_path / "r", "--workers", "2")
    assert (done.code, done.err) == (2, "error: --workers: Ray is not installed\n  pip install 'cfgsweep[ray]'\n")


@with_ray
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "no-such-host.invalid"])
def test_where_nothing_answers_there_is_no_cluster(cli, tmp_path: Path, host: str) -> None:
    with socket.socket() as one:  # a port at which nobody listens
        one.bind(("127.0.0.1", 0))
        address = f"{host}:{one.getsockname()[1]}"
        done = cli("run", "tnorm", "--out", tmp_path / "r", "--cluster", address)
    assert done.code == 2
    assert "error: --cluster: nothing answers there: " in done.err
    assert address in done.err
    assert not (tmp_path / "r").exists()


@with_ray
def test_without_a_gpu_there_is_none_to_compute_on(cli, tmp_path: Path) -> None:
    if accelerator() == "cuda":
        pytest.skip("there is one")
    done = cli("run", "tnorm", "--out", tmp_path / "r", "--gpus", "all")
    assert done.code == 2
    assert "--gpus: there is no GPU on this machine\n  --workers N computes on CPUs" in done.err
    assert not (tmp_path / "r").exists()


@with_ray
def test_a_process_that_has_imported_ray_has_no_token_of_the_run(cli, tmp_path: Path, monkeypatch) -> None:
    module = ModuleType("ray")
    module.__spec__ = ModuleSpec("ray", None)
    monkeypatch.setitem(sys.modules, "ray", module)
    monkeypatch.setattr(connect, "_read", set())
    done = cli("run", "tnorm", "--out", tmp_path / "r", "--workers", "2")
    assert done.code == 2
    assert "Ray was imported before" in done.err


@with_ray
def test_a_temporary_folder_that_is_too_long_for_sockets_is_refused(cli, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = cli("run", "tnorm", "--out", tmp_path / "r", "--workers", "2")
    assert done.code == 2
    assert "error: TMPDIR: too long for the paths of Ray's sockets" in done.err
    assert f"given:   '{folder}'\n  allowed: at most 21 bytes" in done.err
    assert "TMPDIR=/tmp" in done.err
    assert not list(folder.iterdir())
    assert not (tmp_path / "r").exists()
