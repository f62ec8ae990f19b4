"""The README's set-up commands, which `.ci/run` takes from it, and its length."""

from __future__ import annotations

from pathlib import Path

TEXT = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_set_up_commands_come_first_word_for_word() -> None:
    commands = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    install = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e"
    assert commands[0] == f"{install} . && .venv/bin/cfgsweep run configs/tnorm.yaml"
    assert commands[1] == f"{install} '.[test]' && .venv/bin/pytest"


def test_it_is_short() -> None:
    assert TEXT.count("\n") <= 150
