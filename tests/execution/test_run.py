"""`cfgsweep run`: the folder that it makes, second runs, damaged and killed runs, refused input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cfgsweep.storage.png import hash_of_file
from tests.support.commands import finish, finish_here, killed_when

SWEEP = """\
name: small
model: emoji
prompt: 3d render style a photograph of a cat
seed: 7
steps: 3
guider: [tnorm, fullnorm]
value: [0.05, 0.1, 0.2]
"""

FIELDS = {
    *("id", "title", "guider", "schedule", "value", "prompt", "negative_prompt", "seed", "steps", "sampler", "width"),
    *("height", "model", "image", "pixels_sha256", "evaluations", "status"),
}


def records_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "experiments.jsonl").read_text().splitlines()]


def pixels_of(folder: Path) -> dict[str, str | None]:
    return {path.name: hash_of_file(path) for path in folder.glob("images/*.png")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A run of SWEEP, computed once."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "sweep.yaml").write_text(SWEEP)
    out = folder / "out"
    finish_here("run", folder / "sweep.yaml", "--out", out, "--quiet")
    return out


@pytest.fixture
def copy(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of that run to damage."""
    return Path(shutil.copytree(undisturbed, tmp_path / "copy"))


def test_a_run_of_which_all_is_there_does_not_import_torch(copy: Path) -> None:
    (copy / "grids" / "small.png").unlink()
    code = (
        "import sys; from cfgsweep.cli.main import run_command; "
        f"code = run_command(['run', {str(copy / 'sweep.yaml')!r}, '--out', {str(copy)!r}]); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("6 of 6 pictures were there already")
    assert (copy / "grids" / "small.png").exists()


def test_the_folder_has_records_pictures_environment_and_grid(undisturbed: Path) -> None:
    records = records_of(undisturbed)
    assert len(records) == 6
    assert all(record.keys() >= FIELDS for record in records)
    assert [(r["guider"], r["value"]) for r in records] == [
        (g, v) for g in ("tnorm", "fullnorm") for v in (0.05, 0.1, 0.2)
    ]
    for record in records:
        assert record["status"] == "done"
        assert record["model"] == "emoji"
        assert hash_of_file(undisturbed / record["image"]) == record["pixels_sha256"]
        assert record["evaluations"] == {"own": 4, "shared": 2}
    environment = json.loads((undisturbed / "environment.json").read_text())
    assert environment.keys() >= {"versions", "device", "dtype", "models", "command"}
    assert (undisturbed / "grids" / "small.png").is_file()
    assert not list(undisturbed.rglob("*.tmp"))


def test_pictures_carry_their_record(undisturbed: Path) -> None:
    record = records_of(undisturbed)[1]
    with Image.open(undisturbed / record["image"]) as image:
        assert image.size == (64, 64)
        assert json.loads(image.text["cfgsweep"]) == record
        prompt, negative, settings = image.text["parameters"].split("\n")
    assert prompt == record["prompt"]
    assert negative == "Negative prompt: "
    assert settings.startswith("Steps: 3, Sampler: euler, CFG scale: 0.1, Seed: 7, Size: 64x64, Model: emoji")


def test_a_second_run_computes_nothing(cli, copy: Path, sweep_file) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.glob("images/*")}
    done = cli("run", sweep_file(SWEEP), "--out", copy)
    assert done.code == 0
    assert "6 of 6 pictures were there already" in done.out
    assert {path: path.stat().st_mtime_ns for path in copy.glob("images/*")} == before


@pytest.mark.parametrize("damage", ["truncated picture", "no picture", "other pixels", "no record", "half a record"])
def test_damaged_pictures_and_records_are_computed_again(
    cli, copy: Path, undisturbed: Path, sweep_file, damage: str
) -> None:
    records = copy / "experiments.jsonl"
    lines = records.read_text().splitlines(keepends=True)
    picture = copy / json.loads(lines[2])["image"]
    match damage:
        case "truncated picture":
            picture.write_bytes(picture.read_bytes()[:500])
        case "no picture":
            picture.unlink()
        case "other pixels":
            Image.new("RGB", (64, 64)).save(picture)
        case "no record":
            records.write_text("".join(lines[:2] + lines[3:]))
        case "half a record":
            records.write_text("".join(lines[:2] + lines[3:]) + lines[2][:80])
    plan = cli("plan", sweep_file(SWEEP), "--out", copy, "--json")
    assert json.loads(plan.out)["pending"] == 1
    assert cli("run", sweep_file(SWEEP), "--out", copy).code == 0
    assert pixels_of(copy) == pixels_of(undisturbed)
    assert records.read_text() == (undisturbed / "experiments.jsonl").read_text()


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_pictures(tmp_path: Path, sweep_file) -> None:
    """kill -9 at the first picture, then the same command again; compared with an undisturbed run."""
    path = sweep_file(SWEEP.replace("seed: 7", "seed: {range: [1, 12, 1]}"))
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    words = ("run", path, "--batch-size", 4, "--quiet", "--out")
    killed_when(lambda: list(killed.glob("images/*.png")), *words, killed)
    assert 0 < len(pixels_of(killed)) < 72
    for out in (killed, whole):
        finish(*words, out)
    assert pixels_of(killed) == pixels_of(whole)
    assert (killed / "experiments.jsonl").read_text() == (whole / "experiments.jsonl").read_text()


def test_a_subset_beside_others_has_the_same_pixels(cli, undisturbed: Path, tmp_path: Path, sweep_file) -> None:
    done = cli("run", sweep_file(SWEEP), "--out", tmp_path / "one", "--set", "value=[0.1]", "--set", "guider=fullnorm")
    assert done.code == 0
    (record,) = records_of(tmp_path / "one")
    same = next(r for r in records_of(undisturbed) if r["id"] == record["id"])
    assert same["pixels_sha256"] == record["pixels_sha256"]


def test_unusual_characters_of_a_prompt_are_kept_in_the_record(
    cli, tiny_model: Path, tmp_path: Path, sweep_file
) -> None:
    """Line separators, quotes, emoji: everything that YAML allows."""
    prompt = 'a "cat"\u2028\u0085, \\n 😀 \t'
    written = json.dumps(prompt.replace("😀", "@")).replace("@", "😀")  # JSON's surrogates are not YAML's
    text = f"name: x\nmodel: {tiny_model}\nprompt: {written}\nsteps: 1\nguider: cfg\n"
    for _ in range(2):
        assert cli("run", sweep_file(text), "--out", tmp_path / "r").code == 0
    (line,) = (tmp_path / "r/experiments.jsonl").read_text().strip().split("\n")
    record = json.loads(line)
    assert record["prompt"] == prompt
    with Image.open(tmp_path / "r" / record["image"]) as image:
        assert json.loads(image.text["cfgsweep"]) == record


@pytest.mark.slow
def test_limit_computes_a_part_and_the_next_run_the_rest(cli, undisturbed: Path, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP)
    assert cli("run", path, "--out", tmp_path / "part", "--limit", "2").code == 0
    assert len(records_of(tmp_path / "part")) == 2
    assert cli("run", path, "--out", tmp_path / "part").code == 0
    assert (tmp_path / "part/experiments.jsonl").read_text() == (undisturbed / "experiments.jsonl").read_text()


def test_pictures_of_an_earlier_sweep_are_named_and_left_alone(cli, copy: Path, sweep_file) -> None:
    before = pixels_of(copy)
    done = cli("run", sweep_file(SWEEP), "--out", copy, "--set", "value=[0.1, 0.15]")
    assert done.code == 0
    assert "4 pictures" in done.err
    assert "are of an earlier sweep and are left alone" in done.err
    after = pixels_of(copy)
    assert len(after) == 8
    assert before.items() <= after.items()


@pytest.mark.slow
def test_a_run_keeps_its_batch_size_and_dtype(cli, tmp_path: Path, sweep_file) -> None:
    path = sweep_file(SWEEP)
    assert cli("run", path, "--out", tmp_path / "r", "--batch-size", "4", "--limit", "1").code == 0
    refused = cli("run", path, "--out", tmp_path / "r", "--batch-size", "8")
    assert refused.code == 2
    assert "--batch-size: this run was made otherwise" in refused.err
    assert cli("run", path, "--out", tmp_path / "r").code == 0
    assert {r["batch_size"] for r in records_of(tmp_path / "r")} == {4}
    refused = cli("run", path, "--out", tmp_path / "r", "--dtype", "bfloat16")
    assert refused.code == 2
    assert "--dtype: this run was made otherwise" in refused.err


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_with_a_notice(cli, tmp_path: Path, sweep_file, monkeypatch) -> None:
    import torch

    from cfgsweep.models.families.stable_diffusion import StableDiffusion

    predict = StableDiffusion.predict

    def cramped(self, latents, *others):
        if len(latents) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return predict(self, latents, *others)

    monkeypatch.setattr(StableDiffusion, "predict", cramped)
    done = cli("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--batch-size", "8")
    assert done.code == 0
    assert "the batch is halved to 4 rows" in done.err
    assert "the batch is halved to 2 rows" in done.err
    assert {r["batch_size"] for r in records_of(tmp_path / "r")} == {2}
    environment = json.loads((tmp_path / "r/environment.json").read_text())
    assert environment["models"]["emoji"]["batch_sizes"] == {"64x64": 2}


def test_a_run_continues_in_the_folder_of_one_killed_before_its_first_picture(cli, tmp_path: Path, sweep_file) -> None:
    for name in ("images", "grids"):
        (tmp_path / "r" / name).mkdir(parents=True)
    (tmp_path / "r" / ".sweep.yaml.999999999.tmp").write_text("na")
    assert cli("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--limit", "1").code == 0


def test_a_notice_says_that_a_prompt_is_too_long(cli, tmp_path: Path, sweep_file) -> None:
    long = "3d render style a photograph of a cat and " + "a dog and " * 20 + "a horse"
    done = cli("run", sweep_file(SWEEP), "--out", tmp_path / "r", "--limit", "1", "--set", f"prompt={long}")
    assert done.code == 0
    assert "leaves out its end" in done.err


def test_a_folder_with_something_else_in_it_is_refused(cli, tmp_path: Path, sweep_file) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("...")
    refused = cli("run", sweep_file(SWEEP), "--out", tmp_path / "mine")
    assert refused.code == 2
    assert "something else here already" in refused.err
    assert os.listdir(tmp_path / "mine") == ["thesis.tex"]


def test_wrong_input_changes_nothing_in_the_folder(cli, copy: Path, sweep_file) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    for words in (["--set", "steps=none"], ["--device", "tpu"], ["--model", "nothing"], ["--bogus"]):
        refused = cli("run", sweep_file(SWEEP), "--out", copy, *words)
        assert refused.code == 2
        assert "Traceback" not in refused.err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
