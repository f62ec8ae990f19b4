"""What pre-commit and CI check: the same commands, and nothing from the network before a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
REPOSITORIES = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = {hook["id"]: hook for repository in REPOSITORIES for hook in repository["hooks"]}


def test_hooks_come_from_this_repository_and_its_environment() -> None:
    assert {repository["repo"] for repository in REPOSITORIES} == {"local"}
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}


@pytest.mark.parametrize("check", ["ruff check", "ruff format --check", "mypy"])
def test_ci_runs_the_hooks(check: str) -> None:
    assert check in {hook["entry"] for hook in HOOKS.values()}
    assert f".venv/bin/{check}" in (ROOT / ".ci/run").read_text()


def test_the_layers_are_checked_before_a_commit() -> None:
    folder = HOOKS["layers"]["entry"].split()[-1]
    assert list((ROOT / folder).glob("test_*.py"))


def test_the_copy_of_ci_keeps_links(tmp_path: Path) -> None:
    """`cfgsweep/configs` is a link to `configs`."""
    (copy,) = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("git ls-files")]
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/file").write_text("x")
    (tmp_path / "tree/b").symlink_to("a")
    command = f"work={tmp_path}/copy; mkdir $work; {copy}".replace("git ls-files -z", r"printf 'a/file\0b\0'")
    subprocess.run(["bash", "-euc", command], cwd=tmp_path / "tree", check=True)
    assert (tmp_path / "copy/b").is_symlink()
    assert (tmp_path / "copy/b/file").read_text() == "x"
