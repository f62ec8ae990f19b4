"""Image-to-image and inpainting at the command line: pictures, records, copies of the files, resuming, refusals."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting, EulerDiscreteScheduler
from PIL import Image

import cfgsweep
from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.run_folder import RunFolder
from tests.support import tiny_pipelines as tiny
from tests.support.commands import started, wait_for
from tests.support.from_pictures import write_pictures
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of, state_of

CPU = ("--device", "cpu", "--batch-size", 4)
TO_IMAGE = {"task": "image-to-image", "image": ["a.png", "b.png"], "strength": [0.3, 0.5, 1.0], "steps": 10}
INPAINT = {**TO_IMAGE, "task": "inpainting", "mask": "m.png"}


@pytest.fixture(scope="module")
def sdxl(saved) -> Path:
    return saved(tiny.build("sdxl"))


@pytest.fixture
def write(tmp_path: Path, sweep_file) -> Any:
    """A function that writes the sweep file of a model, beside the pictures."""
    write_pictures(tmp_path)

    def written(model: object, **settings: Any) -> Path:
        given = {"negative_prompt": "bad", "value": 4.0, "size": "native", **settings}
        return sweep_file(sweep_of(Path(str(model)), **given))

    return written


def alone(record: dict[str, Any], auto: Any, model: Path) -> np.ndarray:
    """What diffusers' pipeline of the task gives for a record, in levels."""
    pipeline = auto.from_pretrained(model, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    if record["sampler"] == "euler":
        pipeline.scheduler = EulerDiscreteScheduler.from_config(pipeline.scheduler.config)
    image = Image.open(record["input_image"]["path"])
    mask = {"mask_image": Image.open(record["mask"]["path"]), "height": 32, "width": 32} if "mask" in record else {}
    settings = {name: record[name] for name in ("prompt", "negative_prompt", "strength")}
    settings |= {"num_inference_steps": record["steps"], "guidance_scale": record["value"], "output_type": "np"}
    generator = torch.Generator().manual_seed(record["seed"])
    return np.asarray(pipeline(**settings, **mask, image=image, generator=generator).images)[0] * 255


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "auto"), [(TO_IMAGE, AutoPipelineForImage2Image), (INPAINT, AutoPipelineForInpainting)]
)
@pytest.mark.parametrize("family", ["sdxl", "sd"])
def test_a_run_equals_diffusers_pipelines(
    cli, family: str, sdxl: Path, tiny_model: Path, tmp_path: Path, write, settings: dict[str, Any], auto: Any
) -> None:
    """Two pictures, three strengths and two seeds in one run; the plan is the run, and records lead back to it."""
    run, model = tmp_path / "run", sdxl if family == "sdxl" else tiny_model
    file = write(model, **settings, seed=[0, 3], sampler="euler")
    planned = cfgsweep.plan(file, out=run)
    done = cli("run", file, "--out", run, *CPU)
    assert done.code == 0, done.err
    records = records_of(run)
    assert len(records) == planned.experiments == 12
    assert sum(record["evaluations"]["own"] for record in records) == planned.evaluations == 2 * 2 * 2 * (3 + 5 + 10)
    for record in records:
        with Image.open(run / record["image"]) as ours:
            assert np.abs(np.asarray(ours) - alone(record, auto, model)).max() <= 1.5
    assert all(old == new for old, new in current_ids(RunFolder(run).records().values()).items())
    before = {path: path.stat().st_mtime_ns for path in (run / "images").iterdir()}
    assert cli("run", file, "--out", run, *CPU).code == 0
    assert {path: path.stat().st_mtime_ns for path in (run / "images").iterdir()} == before


def short(**settings: Any) -> dict[str, Any]:
    """Settings of a short run."""
    return {**TO_IMAGE, "strength": [0.3, 0.6], "steps": 4, "sampler": "euler", "size": 32, **settings}


@pytest.mark.slow
def test_a_folder_has_copies_and_goes_on_without_the_files(cli, tiny_model: Path, tmp_path: Path, write) -> None:
    run, file = tmp_path / "run", write(tiny_model, **short())
    assert cli("run", file, "--out", run, *CPU, "--limit", 1).code == 0
    record = records_of(run)[0]
    assert record["task"] == "image-to-image"
    assert record["input_image"]["path"] == str(tmp_path / "a.png")
    copies = yaml.safe_load((run / "sweep.yaml").read_text())["image"]
    assert [Path(copy).name for copy in copies] == ["a.png", "b.png"]
    for copy in copies:
        assert (run / copy).read_bytes() == (tmp_path / Path(copy).name).read_bytes()
    (tmp_path / "a.png").unlink()
    (run / "inputs/notes.txt").touch()
    assert (cli("verify", run).code, cli("grid", run).code) == (1, 0)  # a file of somebody's
    (run / "inputs/notes.txt").unlink()
    verified = cli("verify", run)
    assert (verified.code, verified.out) == (
        0,
        "1 of 4 pictures are there and whole, 3 are still to be computed, and nothing is amiss\n",
    )
    refused = cli("run", file, "--out", run, *CPU)
    assert refused.code == 2
    assert "no such picture file" in refused.err
    assert "has a copy" in refused.err
    assert cli("run", run / "sweep.yaml", "--out", run, *CPU).code == 0
    assert [one["id"] for one in records_of(run)].count(record["id"]) == 1
    assert len(records_of(run)) == 4
    assert cli("grid", run).code == 0


@pytest.mark.slow
def test_a_damaged_copy_is_told_and_made_again(cli, tiny_model: Path, tmp_path: Path, write) -> None:
    run, file = tmp_path / "run", write(tiny_model, **short(image="a.png", strength=0.5))
    assert cli("run", file, "--out", run, *CPU).code == 0
    (copy,) = (run / "inputs").glob("*/a.png")
    shutil.copy(tmp_path / "b.png", copy)
    assert f"{copy.relative_to(run)}: not the file that the run began with" in cli("verify", run).out
    refused = cli("run", run, *CPU)
    assert (refused.code, "not the file that the run began with" in refused.err) == (2, True)
    copy.write_bytes(b"no picture")
    damaged = cli("verify", run)
    assert damaged.code == 2
    assert str(copy) in damaged.err
    assert cli("run", file, "--out", run, *CPU).code == 0
    assert copy.read_bytes() == (tmp_path / "a.png").read_bytes()
    assert cli("verify", run).code == 0


@pytest.mark.slow
def test_a_changed_file_is_another_experiment(cli, tiny_model: Path, tmp_path: Path, write) -> None:
    run, file = tmp_path / "run", write(tiny_model, **short(image="a.png", strength=0.5))
    assert cli("run", file, "--out", run, *CPU).code == 0
    shutil.copy(tmp_path / "b.png", tmp_path / "a.png")
    assert cfgsweep.plan(file, out=run).pending == 1
    again = cli("run", file, "--out", run, *CPU)
    assert again.code == 0
    assert "1 picture in" in again.err
    assert "is of an earlier sweep and is left alone" in again.err
    new, old = records_of(run)
    assert new["input_image"]["path"] == old["input_image"]["path"]
    assert new["input_image"]["sha256"] != old["input_image"]["sha256"]
    assert new["pixels_sha256"] != old["pixels_sha256"]


@pytest.mark.slow
def test_after_ctrl_c_the_run_goes_on_to_the_same_pixels(cli, tiny_model: Path, tmp_path: Path, write) -> None:
    settings = short(**{**INPAINT, "seed": list(range(4)), "strength": [0.5, 1.0], "steps": 6})
    file, stopped, whole = write(tiny_model, **settings), tmp_path / "stopped", tmp_path / "whole"
    process = started("run", file, "--out", stopped, *CPU)
    wait_for(lambda: any((stopped / "images").glob("*.png")), process)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert len(records_of(stopped)) < 16
    assert cli("run", file, "--out", stopped, *CPU).code == 0
    assert cli("run", file, "--out", whole, *CPU).code == 0
    ours, theirs = state_of(stopped), state_of(whole)
    assert ours[1] == theirs[1]
    assert [record["id"] for record in ours[0]] == [record["id"] for record in theirs[0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("wan", TO_IMAGE, "the installed diffusers has no image-to-image for a WanPipeline"),
        ("flux", {**TO_IMAGE, "sampler": "dpm++2m"}, "The current scheduler class"),
    ],
)
def test_what_is_refused_before_the_first_picture(
    cli, saved, tmp_path: Path, write, name: str, settings: dict[str, Any], said: str
) -> None:
    file = write(saved(tiny.build(name)), **settings, call={"max_sequence_length": 16})
    refused = cli("run", file, "--out", tmp_path / "run", *CPU)
    assert refused.code == 2
    assert said in refused.err
    assert "Traceback" not in refused.err
    assert not list((tmp_path / "run").glob("images/*"))


def test_a_picture_that_changes_while_the_run_begins_is_refused(tiny_model: Path, tmp_path: Path, write) -> None:
    from cfgsweep.errors import UserError
    from cfgsweep.sweep.schema import read_sweep

    sweep, _ = read_sweep(write(tiny_model, **short()))
    (tmp_path / "a.png").write_bytes((tmp_path / "b.png").read_bytes())
    with pytest.raises(UserError, match="the picture has changed since this command began"):
        cfgsweep.run(sweep, out=tmp_path / "run", device="cpu", quiet=True)
