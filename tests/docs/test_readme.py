"""The README is true: its commands run, its pictures are there and came from our own runs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES, Cosine
from cfgsweep.samplers import SAMPLERS
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.training.config import TrainConfig

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^ {4}cfgsweep (.+)$", TEXT, re.MULTILINE)


def test_the_set_up_commands_come_first_word_for_word() -> None:
    commands = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    install = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e"
    assert commands[0] == f"{install} . && .venv/bin/cfgsweep run configs/tnorm.yaml"
    assert commands[1] == f"{install} '.[test]' && .venv/bin/pytest"


@pytest.mark.slow
def test_every_command_runs(cli, small_training: dict, tmp_path: Path, monkeypatch) -> None:
    """In the order of the README, in a folder where `configs` is the project's own."""
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    monkeypatch.chdir(tmp_path)
    assert {command.split()[0] for command in COMMANDS} == {
        "run",
        "plan",
        "verify",
        "grid",
        "phase",
        "guiders",
        "schedules",
        "schema",
        "train",
    }
    for command in COMMANDS:
        words = shlex.split(command)
        if words[-1] == "configs/train/emoji.yaml":  # the same command, made small
            for key in ("data", "autoencoder", "text_encoder", "denoiser"):
                words += ["--set", f"{key}={json.dumps(small_training[key])}"]
        elif words[0] == "train":
            words += ["--set", "denoiser.recipe.steps=3", "--set", "classifier.recipe.steps=3"]
        if words[0] == "phase":
            words += ["--set", "steps=6", "--set", "phase.scan=9"]
        assert cli(*words).code == 0, command


def test_the_plan_it_shows_is_the_plan(cli, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.search(r"^ {4}\$ cfgsweep (plan .+)\n((?: {4}.+\n)+)", TEXT, re.MULTILINE)
    assert shown
    printed = cli(*shlex.split(shown[1])).out
    assert printed == "".join(line[4:] + "\n" for line in shown[2].splitlines())


def test_its_pictures_are_there_with_their_runs(cli) -> None:
    """And the runs are whole: no experiment of their file has another id by now."""
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert pictures
    for picture in pictures:
        assert (ROOT / picture).is_file()
        run = next(folder for folder in (ROOT / picture).parents if (folder / "sweep.yaml").is_file())
        searched = (run / "phase.json").is_file()  # its values are in no file but the run's own
        file = run / "sweep.yaml" if searched else ROOT / f"configs/{run.name}.yaml"
        planned = cli("plan", file, "--out", run, "--json")
        assert json.loads(planned.out)["pending"] == 0


def test_its_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_guiders_it_shows_are_valid(sweep_file) -> None:
    shown = re.search(r"^ {4}guider:\n((?: {6}- .+\n)+)", TEXT, re.MULTILINE)
    assert shown
    text = f"name: x\nmodel: emoji\nprompt: a\nguider:\n{shown[1]}"
    assert len(expand(*read_sweep(sweep_file(text)))) == 2 + 2 + 1 + 5 + 1


def test_the_training_file_it_shows_is_valid() -> None:
    shown = re.search(r"^ {4}name: pets\n(?: {4}.+\n)+", TEXT, re.MULTILINE)
    assert shown
    TrainConfig.model_validate(yaml.safe_load(shown[0]))


def test_its_sweep_file_is_the_shipped_one() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert yaml.safe_load(block) == yaml.safe_load((ROOT / "configs/tnorm.yaml").read_text())


@pytest.mark.parametrize("names", [GUIDERS, SCHEDULES, SAMPLERS, ["k_decay", "num_warmup_steps", "min_val"]])
def test_it_names_everything_there_is(names) -> None:
    for name in names:
        assert name in TEXT
    assert {"k_decay", "num_warmup_steps", "min_val"} <= Cosine.model_fields.keys()
