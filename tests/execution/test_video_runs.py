"""Runs of a text-to-video pipeline at the command line: videos are kept, found damaged, drawn, measured, exported."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import WanPipeline
from PIL import Image

import cfgsweep
from cfgsweep.storage.png import hash_of_file
from tests.support import tiny_pipelines as tiny
from tests.support.commands import finish_here
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of, state_of

INPUTS = {"num_frames": 5, "max_sequence_length": 32}
CPU = ("--device", "cpu", "--batch-size", 2)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Wan, a sweep `s.yaml` of it, and the finished run `r`."""
    folder = tmp_path_factory.mktemp("videos")
    tiny.save("wan", folder / "model")
    axes = {"value": [1.5, 4.0], "seed": [0, 1], "call": INPUTS, "metrics": ["saturation", "contrast", "diversity"]}
    (folder / "s.yaml").write_text(sweep_of(folder / "model", negative_prompt="bad", **axes))
    finish_here("run", folder / "s.yaml", "--out", folder / "r", "--quiet", *CPU)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished / "r", tmp_path / "r"))


def arrays(picture: Path) -> list[np.ndarray]:
    """The frames of an APNG by Pillow alone."""
    with Image.open(picture) as image:
        frames = []
        for number in range(image.n_frames):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB"), dtype=int))
        return frames


def test_frames_are_those_of_the_pipeline(finished: Path) -> None:
    pipeline = WanPipeline.from_pretrained(finished / "model")
    pipeline.set_progress_bar_config(disable=True)
    records = records_of(finished / "r")
    assert len(records) == 4
    for record in records:
        theirs = pipeline(
            record["prompt"],
            record["negative_prompt"],
            height=32,
            width=32,
            num_inference_steps=2,
            guidance_scale=record["value"],
            generator=torch.Generator().manual_seed(record["seed"]),
            output_type="np",
            **INPUTS,
        ).frames[0]
        ours = arrays(finished / "r" / record["image"])
        assert len(ours) == len(theirs) == record["frames"] == 5
        for mine, frame in zip(ours, theirs, strict=True):
            assert np.abs(mine - (frame * 255).round()).max() <= 1


def test_what_is_whole_is_not_made_again(cli, finished: Path, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.glob("images/*")} | {
        run: (run / "experiments.jsonl").read_bytes()
    }
    again = cli("run", finished / "s.yaml", "--out", run, *CPU)
    assert "4 of 4 pictures were there already" in again.out
    after = {path: path.read_bytes() for path in run.glob("images/*")} | {run: (run / "experiments.jsonl").read_bytes()}
    assert after == before
    assert "nothing is amiss" in cli("verify", run).out


def test_damage_in_any_frame_is_found_and_repaired(cli, finished: Path, run: Path) -> None:
    cut, still = sorted(run.glob("images/*.png"))[:2]
    cut.write_bytes(cut.read_bytes()[:-200])  # the first frames are whole
    Image.open(still).convert("RGB").save(still)  # the first frame alone
    found = cli("verify", run)
    assert found.code == 1
    for path in (cut, still):
        assert f"{path.stem}: its picture is damaged" in found.out
    assert cli("run", finished / "s.yaml", "--out", run, *CPU).code == 0
    assert state_of(run) == state_of(finished / "r")


def test_a_lost_record_comes_back_from_the_video(cli, finished: Path, run: Path) -> None:
    lines = (run / "experiments.jsonl").read_text().splitlines(keepends=True)
    (run / "experiments.jsonl").write_text("".join(lines[1:]))
    assert "1 picture had lost its record, and has it back" in cli("run", finished / "s.yaml", "--out", run, *CPU).err
    assert state_of(run) == state_of(finished / "r")


def test_metrics_are_means_over_the_frames(run: Path) -> None:
    records = records_of(run)
    for record in records:
        greys = [np.asarray(frame.convert("L"), dtype=float) for frame in cfgsweep.open_run(run)[record["id"]].frames]
        assert record["metrics"]["contrast"] == pytest.approx(np.mean([grey.std() for grey in greys]) / 255)
    for value in (1.5, 4.0):
        one, other = (record for record in records if record["value"] == value)
        pairs = zip(arrays(run / one["image"]), arrays(run / other["image"]), strict=True)
        distances = [math.sqrt(np.square(a - b).mean()) / 255 for a, b in pairs]
        assert one["metrics"]["diversity"] == other["metrics"]["diversity"] == pytest.approx(np.mean(distances))


def test_grids_show_the_middle_frame_or_several(cli, run: Path) -> None:
    found = cfgsweep.open_run(run)
    frames = found[records_of(run)[0]["id"]].frames
    width, height = frames[0].size

    def shown(count: int) -> np.ndarray:
        """The cell of the first picture, as drawn at its own size."""
        drawn = cli("grid", run, "--frames", count, "--rows", "seed", "--cols", "value")
        assert drawn.code == 0
        sheet = np.asarray(Image.open(drawn.out.strip()))
        wanted = np.concatenate([np.asarray(frame) for frame in chosen[count]], axis=1).repeat(4, 0).repeat(4, 1)
        places = [
            (y, x)
            for y in range(sheet.shape[0] - 4 * height + 1)
            for x in range(sheet.shape[1] - 4 * count * width + 1)
            if np.array_equal(sheet[y, x : x + 8], wanted[0, :8])
        ]
        return np.array([np.array_equal(sheet[y:, x:][: 4 * height, : 4 * count * width], wanted) for y, x in places])

    last = len(frames) - 1
    chosen = {1: [frames[len(frames) // 2]], 3: [frames[0], frames[round(last / 2)], frames[last]]}
    assert shown(1).any()
    assert shown(3).any()
    assert cli("grid", run, "--frames", 0).code == 2
    with pytest.raises(cfgsweep.UserError, match="frames"):
        found.grid(frames=0)


def test_videos_are_exported(cli, run: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    done = cli("export", run, "--mp4")
    assert done.code == 0
    written = sorted((run / "videos").iterdir())
    assert {path.stem for path in written} == {record["id"] for record in records_of(run)}
    assert sorted(done.out.split()) == sorted(map(str, written))
    for path in written:
        with av.open(str(path)) as container:
            shown = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
            assert container.streams.video[0].average_rate == 8
        original = arrays(run / "images" / f"{path.stem}.png")
        assert len(shown) == len(original)
        for mine, theirs in zip(shown, original, strict=True):
            assert np.abs(mine.mean((0, 1)) - theirs.mean((0, 1))).max() < 8  # H.264 with halved colours
    assert "nothing is amiss" in cli("verify", run).out
    assert cli("export", run, "--mp4", "--out", tmp_path / "elsewhere").code == 0
    assert len(list((tmp_path / "elsewhere").glob("*.mp4"))) == 4


def test_without_pyav_the_extra_is_named(cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    refused = cli("export", run, "--mp4")
    assert refused.code == 2
    assert "pip install 'cfgsweep[video]'" in refused.err
    assert not (run / "videos").exists()
    assert cli("export", run).code == 2


def test_videos_are_taken_over_whole(cli, finished: Path, tmp_path: Path) -> None:
    """A search that begins with a run copies its videos."""
    settings = ("--set", "phase.max_evaluations=1", "--low", "1.5", "--high", "4", "--scan", "5", "--tolerance", "1")
    done = cli("phase", finished / "r", "--out", tmp_path / "p", "--distance", "pixels", *CPU, *settings)
    assert done.code == 0, done.err
    original = {path.name: hash_of_file(path) for path in (finished / "r/images").iterdir()}
    copied = {path.name: hash_of_file(path) for path in (tmp_path / "p/images").iterdir()}
    assert copied == original
