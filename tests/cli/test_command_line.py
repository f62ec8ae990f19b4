"""The command line: help, plans, schema, exit codes."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from cfgsweep.guidance import GUIDERS
from cfgsweep.system.display import PlainDisplay, RichDisplay, Status
from tests.support.commands import command

ROOT = Path(__file__).parents[2]


def test_help_names_every_command(cli) -> None:
    shown = cli("--help")
    assert shown.code == 0
    for name in ("run", "plan", "grid", "schema", "train"):
        assert name in shown.out


def test_version(cli) -> None:
    assert cli("--version").out == f"{version('cfgsweep')}\n"


@pytest.mark.parametrize("name", ["run", "plan", "grid", "train"])
def test_every_command_has_help(cli, name: str) -> None:
    assert "--help" in cli(name, "--help").out


@pytest.mark.parametrize(
    "words", [["rnu"], ["run"], ["run", "x.yaml", "--bogus"], ["run", "x.yaml", "--limit", "none"]]
)
def test_a_wrong_command_line_exits_2_without_a_traceback(cli, words: list[str]) -> None:
    done = cli(*words)
    assert done.code == 2
    assert "Traceback" not in done.err
    assert done.err


def test_a_process_ends_with_the_exit_code_of_its_command() -> None:
    done = subprocess.run(command("run", "x.yaml", "--bogus"), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "--bogus" in done.stderr


def test_plan_of_the_canonical_sweep(cli) -> None:
    plan = cli("plan", ROOT / "configs/tnorm.yaml", "--out", "/nowhere", "--json")
    assert plan.code == 0
    found = json.loads(plan.out)
    assert found["experiments"] == found["pending"] == 20
    # Every trajectory takes two predictions at each of 50 steps, and all share the first step's.
    assert found["evaluations_unshared"] == 20 * 50 * 2
    assert found["evaluations"] == 2 + 20 * 49 * 2


def test_plan_in_words(cli) -> None:
    plan = cli("plan", ROOT / "configs/tnorm.yaml", "--out", "/nowhere")
    assert "2 guider x 10 value" in plan.out
    assert "1,962" in plan.out


def test_plan_tells_of_a_model_that_is_not_here(cli) -> None:
    """It may be meant for another machine."""
    plan = cli("plan", ROOT / "configs/tnorm.yaml", "--out", "/nowhere", "--set", "model=emojj")
    assert plan.code == 0
    assert "NOTICE: emojj: unknown model 'emojj'; did you mean 'emoji'?" in plan.out
    assert "unknown model" not in cli("plan", ROOT / "configs/tnorm.yaml", "--out", "/nowhere").out


def test_plan_honours_overrides(cli) -> None:
    plan = cli(
        "plan", ROOT / "configs/tnorm.yaml", "--out", "/nowhere", "--json", "--set", "value=[0.1]", "--set", "steps=10"
    )
    assert json.loads(plan.out)["evaluations_unshared"] == 2 * 10 * 2


def test_schema_is_json_schema(cli) -> None:
    schema = json.loads(cli("schema").out)
    assert schema["additionalProperties"] is False
    assert {"guider", "schedule", "value", "zip"} <= schema["properties"].keys()


def test_errors_name_file_line_key_and_what_is_allowed(cli, sweep_file) -> None:
    path = sweep_file("name: x\nmodel: emoji\nprompt: a\nguider: tnrom\n")
    refused = cli("plan", path)
    assert refused.code == 2
    assert refused.err.splitlines() == [
        f"error: {path}:4: guider: unknown guider 'tnrom'",
        f"  allowed: {', '.join(sorted(GUIDERS))}",
        "  did you mean 'tnorm'?",
    ]


def test_plain_progress_is_a_line_now_and_then(capsys) -> None:
    now = 0.0
    display = PlainDisplay(clock=lambda: now)
    for done, now in ((0, 0.0), (1, 1.0), (2, 10.0), (4, 11.0)):  # noqa: B007 (the clock reads `now`)
        display.update(Status(done, 4, "pictures", done / 4, "9 evaluations/s"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["0/4", "2/4", "4/4"]
    assert "0:00:10 left" in lines[1]


def test_progress_on_a_terminal_shows_what_is_left(capsys) -> None:
    display = RichDisplay()
    display.notice("look [here]")
    display.update(Status(1, 4, "pictures", 0.25, "9 evaluations/s"))
    display.update(Status(4, 4, "pictures", 1.0, "9 evaluations/s"))
    display.close()
    out = capsys.readouterr().out
    assert "look [here]" in out
    assert "4/4" in out
