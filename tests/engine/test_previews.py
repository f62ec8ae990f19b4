"""`previews` keeps x0 of some steps, and changes no picture."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

import cfgsweep
from cfgsweep.engine.preview_calls import preview_calls
from tests.support.run_state import records_of

SWEEP = """\
name: p
model: digits
label: 3
seed: [1, 2]
steps: 6
guider: cfg
value: [1.5, 3]
sampler: {sampler}
"""


@pytest.mark.parametrize("sampler", ["euler", "ddim", "heun"])
def test_the_last_preview_is_the_picture(sampler: str, cli, sweep_file, tmp_path: Path) -> None:
    """Nearly: DDIM ends at the noise level of the model's first step, not at 0."""
    path = sweep_file(SWEEP.format(sampler=sampler))
    assert cli("run", path, "--out", tmp_path / "plain", "--quiet").code == 0
    assert cli("run", path, "--set", "previews=3", "--out", tmp_path / "r", "--quiet").code == 0
    pixels = [{r["id"]: r["pixels_sha256"] for r in records_of(tmp_path / name)} for name in ("plain", "r")]
    assert pixels[0] == pixels[1]
    assert not (tmp_path / "plain" / "previews").exists()
    for result in cfgsweep.open_run(tmp_path / "r"):
        first, *_, last = result.previews
        assert len(result.previews) == 3
        assert np.abs(_numbers(last) - _numbers(result.image)).max() <= (8 if sampler == "ddim" else 2)
        assert np.abs(_numbers(first) - _numbers(result.image)).max() > 50
    assert cli("verify", tmp_path / "r").code == 0


def test_a_u_turn_has_those_of_its_own_way(cli, sweep_file, tmp_path: Path) -> None:
    """The last one is the picture after the turn, and none is of the way to the picture before it."""
    path = sweep_file(SWEEP.format(sampler="euler") + "start: {noise: [0, 0.5, 1]}\npreviews: 2\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    run = list(cfgsweep.open_run(tmp_path / "r"))
    for result in run:
        assert np.abs(_numbers(result.previews[-1]) - _numbers(result.image)).max() <= 2
    origins = {(r.experiment.value, r.experiment.seed): r for r in run if r.experiment.start is None}
    for result in run:
        if result.experiment.start is not None:
            origin = origins[result.experiment.value, result.experiment.seed]
            assert all(mine != theirs for mine in result.previews for theirs in origin.previews)


def test_fewer_steps_have_fewer_previews(cli, sweep_file, tmp_path: Path) -> None:
    text = SWEEP.format(sampler="euler").replace("steps: 6", "steps: [1, 2]") + "previews: 8\n"
    assert cli("run", sweep_file(text), "--out", tmp_path / "r", "--quiet").code == 0
    found = {(result.experiment.steps, len(result.previews)) for result in cfgsweep.open_run(tmp_path / "r")}
    assert found == {(1, 1), (2, 2)}


def test_a_damaged_file_is_told(cli, sweep_file, tmp_path: Path) -> None:
    path = sweep_file(SWEEP.format(sampler="euler") + "previews: 2\n")
    assert cli("run", path, "--out", tmp_path / "r", "--quiet").code == 0
    file = next((tmp_path / "r" / "previews").glob("*.png"))
    file.write_bytes(file.read_bytes()[:100])
    checked = cli("verify", tmp_path / "r")
    assert checked.code == 1
    assert file.name in checked.out + checked.err


def test_an_earlier_sweep_file_is_written_as_before(cli, sweep_file, tmp_path: Path) -> None:
    assert cli("run", sweep_file(SWEEP.format(sampler="euler")), "--out", tmp_path / "r", "--quiet").code == 0
    assert "previews" not in (tmp_path / "r" / "sweep.yaml").read_text()


@pytest.mark.parametrize("given", ["-1", "1.5", "many", "101"])
def test_wrong_numbers_are_refused(cli, sweep_file, tmp_path: Path, given: str) -> None:
    done = cli("run", sweep_file(SWEEP.format(sampler="euler")), "--set", f"previews={given}", "--out", tmp_path / "r")
    assert done.code == 2
    assert "previews" in done.err


@given(st.integers(1, 300), st.integers(1, 100))
def test_calls_are_spread_evenly(calls: int, count: int) -> None:
    found = preview_calls(calls, count)
    assert found == sorted(set(found))
    assert (found[-1], len(found)) == (calls - 1, min(calls, count))
    gaps = np.diff([-1, *found])
    assert gaps.max() - gaps.min() <= 1


def _numbers(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), int)
