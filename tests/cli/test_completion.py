"""Shell completion: of commands and options by typer, of names by us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cfgsweep.cli import app


def asked_by_bash(line: str) -> dict[str, str]:
    """The environment in which bash asks for what completes a line, the last word of which is incomplete."""
    return {"_CFGSWEEP_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cfgsweep gui", ["guiders"]),
        ("cfgsweep run tn", ["tnorm"]),
        ("cfgsweep run ./my", ["./my.yaml"]),
        ("cfgsweep train di", ["digits"]),
        ("cfgsweep guiders full", ["fullnorm"]),
        ("cfgsweep schedules inv", ["inverse_cosine"]),
        ("cfgsweep configs after", ["after-flip"]),
        ("cfgsweep run tnorm --retry", ["--retry-failed"]),
    ],
)
def test_names_are_completed(line: str, found: list[str], tmp_path: Path, monkeypatch, capfd) -> None:
    (tmp_path / "my.yaml").touch()
    monkeypatch.chdir(tmp_path)
    for name, value in asked_by_bash(line).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        app(prog_name="cfgsweep")
    assert capfd.readouterr().out.split() == found


def test_a_process_that_bash_asks_answers() -> None:
    environment = {**os.environ, **asked_by_bash("cfgsweep run tn")}
    code = "import sys; sys.argv[0] = 'cfgsweep'; from cfgsweep.cli import app; app(prog_name='cfgsweep')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["tnorm"]


def test_a_script_for_the_shell_is_shown() -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [sys.executable, "-m", "cfgsweep", "--show-completion", "bash"]
    shown = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert shown.returncode == 0
    assert "complete -o default -F" in shown.stdout
