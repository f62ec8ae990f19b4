"""Runs with `call` at the command line: its inputs reach the pipeline, and a record leads back to its experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from PIL import Image

from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.run_folder import RunFolder
from tests.support.engine_runs import largest_difference
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of

CPU = ("--device", "cpu", "--batch-size", 3)


def sweep(flux: Path, **settings: Any) -> str:
    return sweep_of(flux, **{"value": 3.0, "negative_prompt": "bad", **settings})


@pytest.mark.slow
def test_inputs_of_the_call_are_axes_of_a_run(cli, flux: Path, tmp_path: Path, sweep_file) -> None:
    """Embedded guidance by two scales: the pictures of the pipeline with them, found again, and not made twice."""
    run = tmp_path / "run"
    axes = {"max_sequence_length": 16, "guidance_scale": [1.0, 3.5], "sigmas": [[1.0, 0.4]]}
    file = sweep_file(sweep(flux, call=axes))
    arguments = ("run", file, "--out", run, *CPU)
    done = cli(*arguments)
    assert done.code == 0, done.err
    records = records_of(run)
    assert [record["call"] for record in records] == [
        {"guidance_scale": scale, "max_sequence_length": 16, "sigmas": [1.0, 0.4]} for scale in (1.0, 3.5)
    ]
    pipeline: Any = DiffusionPipeline.from_pretrained(flux)
    pipeline.set_progress_bar_config(disable=True)
    for record in records:
        theirs = pipeline(
            "a cat",
            negative_prompt="bad",
            true_cfg_scale=3.0,
            num_inference_steps=2,
            height=32,
            width=32,
            generator=torch.Generator().manual_seed(0),
            **record["call"],
        ).images[0]
        with Image.open(run / "images" / f"{record['id']}.png") as ours:
            assert largest_difference(ours, theirs) <= 1
    assert len({record["pixels_sha256"] for record in records}) == 2
    assert all(old == new for old, new in current_ids(RunFolder(run).records().values()).items())
    before = {path: path.stat().st_mtime_ns for path in (run / "images").iterdir()}
    assert cli(*arguments).code == 0
    assert cli("run", run / "sweep.yaml", "--out", run, *CPU).code == 0
    assert {path: path.stat().st_mtime_ns for path in (run / "images").iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"call": {"frames": 3}}, "frames"),
        ({"call": {"max_sequence_length": "long"}}, "the model cannot be run"),
        ({"negative_prompt": None}, "does not guide where the negative prompt is left out"),
    ],
)
def test_what_the_pipeline_does_not_take_is_refused_before_the_run(
    cli, flux: Path, tmp_path: Path, sweep_file, settings: dict[str, Any], said: str
) -> None:
    file = sweep_file(sweep(flux, **{"call": {"max_sequence_length": 16}, **settings}))
    refused = cli("run", file, "--out", tmp_path / "run", *CPU)
    assert refused.code == 2
    assert said in refused.err
    assert "Traceback" not in refused.err
    assert not list((tmp_path / "run").glob("images/*"))
