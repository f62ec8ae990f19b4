"""Spellings that people try are answered by ours, whatever else is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.models.denoiser import running
from cfgsweep.system.wording import counted
from tests.support import tiny_pipelines

SWEEP = "name: s\nmodel: emoji\nprompt: a cat\nguider: cfg\nsteps: 1\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("phase", "--search", "vlaue"), "did you mean 'value'?"),
        (("phase", "--search", "guider.cgf.start"), "guider.cgf.start: the sweep has a guider without it"),
        (("phase", "--search", "guidre.cfg.start"), "did you mean 'guider.cfg.start'?"),
        (("phase", "--search", "guider.cfg.strat"), "did you mean 'start'?"),
        (("run", "--device", "gpu"), "did you mean 'cuda'?"),
        (("run", "--device", "metal"), "did you mean 'mps'?"),
        (("run", "--dtype", "fp16"), "did you mean 'float16'?"),
        (("run", "--dtype", "torch.half"), "did you mean 'float16'?"),
        (("plan", "--set", "size=64x64"), "did you mean [64, 64]?"),
        (("plan", "--set", "task=img2img"), "did you mean 'image-to-image'?"),
        (("plan", "--set", "task=inpaint"), "did you mean 'inpainting'?"),
        (("plan", "--set", "seed=1..3"), "did you mean {range: [1, 3, 1]}?"),
        (("plan", "--set", "sampler=DPM++ SDE"), "there is no sampler of an SDE; euler_a and ddpm"),
        (("plan", "--set", "sampler=DPM++ 2M SDE Karras"), "there is no sampler of an SDE"),
    ],
)
def test_words_that_people_try(cli, sweep_file, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    command, *options = words
    refused = cli(command, sweep_file(SWEEP), "--out", tmp_path / "run", *options)
    assert (refused.code, told in refused.err) == (2, True), refused.err


@pytest.mark.slow
def test_sizes_are_chosen_by_their_names(cli, sweep_file, tmp_path: Path) -> None:
    """Also where pictures are made from others, whose size is the native one."""
    Image.new("RGB", (72, 64), "red").save(tmp_path / "a.png")
    fields = {**yaml.safe_load(SWEEP), "task": "image-to-image", "image": "a.png", "strength": 1.0}
    file, run = sweep_file(yaml.safe_dump({**fields, "size": ["native", [64, 72]]})), tmp_path / "run"
    assert cli("run", file, "--out", run, "--quiet").code == 0
    for where in ("native", "72x64", "[72, 64]"):
        assert cli("verify", run, "--where", f"size={where}").out.startswith("1 of 1 picture is there"), where
    assert "there is no such picture" in cli("grid", run, "--where", "size=80x64").err
    noise = tmp_path / "noise"
    assert cli("run", sweep_file(SWEEP, "b.yaml"), "--out", noise, "--quiet").code == 0
    for where in ("native", "64x64", "64"):
        assert cli("verify", noise, "--where", f"size={where}").out.startswith("1 of 1 picture is there"), where


@pytest.mark.slow
def test_counts_are_in_the_singular_and_the_plural(cli, sweep_file, tmp_path: Path) -> None:
    run = ("run", sweep_file(SWEEP), "--out", tmp_path / "run")
    first = cli(*run).out
    assert "1 picture in " in first
    assert "2 evaluations. " in first
    assert "1 of 1 picture was there already" in cli(*run).out
    both = cli(*run, "--set", "seed=[0, 1]").out
    assert "1 of 2 pictures were there already" in both
    other = cli(*run, "--set", "seed=2")
    assert "2 pictures in " in other.err
    assert "are of an earlier sweep" in other.err
    assert [counted(one, "picture", ("is", "are")) for one in (0, 1, 1200)] == [
        "0 pictures are", "1 picture is", "1,200 pictures are"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("'DPMSolverMultistepScheduler' object has no attribute 'scale_noise'", "cannot begin with a picture"),
        (
            "The current scheduler class's `set_timesteps` does not support custom sigmas schedules.",
            "sets the noise levels",
        ),
    ],
)
def test_what_diffusers_says_of_a_sampler_is_told_in_our_words(theirs: str, ours: str) -> None:
    with pytest.raises(UserError) as refused, running("m", {"sampler": "dpm++2m"}):
        raise AttributeError(theirs)
    assert refused.value.problem.startswith("the model cannot be run: its pipeline")
    assert ours in refused.value.problem
    assert "`sampler: model`" in refused.value.hint


@pytest.mark.slow
def test_a_pipeline_that_cannot_begin_with_a_picture_with_a_sampler_says_so(
    cli, saved, sweep_file, tmp_path: Path
) -> None:
    Image.new("RGB", (32, 32), "red").save(tmp_path / "a.png")
    task = {"task": "image-to-image", "image": "a.png", "size": 32, "steps": 4, "sampler": "dpm++2m"}
    fields = {**yaml.safe_load(SWEEP), "model": str(saved(tiny_pipelines.build("sd3"))), **task}
    refused = cli("run", sweep_file(yaml.safe_dump(fields)), "--out", tmp_path / "run", "--quiet")
    assert refused.code == 2
    assert "its pipeline cannot begin with a picture with this sampler" in refused.err
    assert "`sampler: model` is the one that the pipeline comes with" in refused.err
