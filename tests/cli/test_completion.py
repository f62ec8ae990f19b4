"""Shell completion: of commands and options by typer, of names by us."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def completions(line: str, cwd: object) -> list[str]:
    """What bash would be given for the words of a line, the last of them incomplete."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_CFGSWEEP_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    code = "import sys; sys.argv[0] = 'cfgsweep'; from cfgsweep.cli import app; app(prog_name='cfgsweep')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=cwd)
    return done.stdout.split()


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
def test_names_are_completed(line: str, found: list[str], tmp_path) -> None:
    (tmp_path / "my.yaml").touch()
    assert completions(line, tmp_path) == found


def test_a_script_for_the_shell_is_shown() -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    words = [sys.executable, "-m", "cfgsweep", "--show-completion", "bash"]
    shown = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert shown.returncode == 0
    assert "complete -o default -F" in shown.stdout
