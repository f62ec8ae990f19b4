"""`cfgsweep plan` refuses samplers that a pipeline does not take, as `run` does, without its weights."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from huggingface_hub import constants

from cfgsweep.errors import UserError
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines
from tests.support.pipeline_sweeps import sweep_of
from tests.support.single_file import in_hub_cache

SHORT = {"call": {"max_sequence_length": 16}, "negative_prompt": "bad"}


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without its weights: a plan reads none."""
    folder = tmp_path_factory.mktemp("models") / "flux"
    tiny_pipelines.save("flux", folder)
    for file in folder.rglob("*.safetensors"):
        file.unlink()
    return folder


def test_a_sampler_that_the_pipeline_refuses_is_refused(cli, sweep_file, flux: Path, tmp_path: Path) -> None:
    path = sweep_file(sweep_of(flux, sampler=["unipc", "heun"], **SHORT))
    refused = cli("plan", path, "--out", tmp_path / "run")
    assert refused.code == 2
    assert "sampler" in refused.err
    with pytest.raises(UserError) as at_run:
        recorded.denoiser("flux").check_sampling(recorded.tried("flux", sampler="heun"))
    assert "`set_timesteps` does not support custom sigmas" in at_run.value.problem
    assert " ".join(at_run.value.problem.split()) in " ".join(refused.err.split())


def test_configurations_in_the_hubs_cache_serve_as_well(offline, cli, sweep_file, flux: Path, tmp_path: Path) -> None:
    cached = in_hub_cache(flux, "some/flux", Path(constants.HF_HUB_CACHE))
    path = sweep_file(sweep_of("some/flux", sampler="heun", **SHORT))
    refused = cli("plan", path, "--out", tmp_path / "run")
    assert refused.code == 2
    assert "`set_timesteps` does not support custom sigmas" in " ".join(refused.err.split())
    shutil.rmtree(cached / "tokenizer")  # some files alone are in the cache: the run says what is missing
    assert cli("plan", path, "--out", tmp_path / "run").code == 0


@pytest.mark.parametrize("sampler", [recorded.slow("model"), "unipc", recorded.slow("euler")])
def test_samplers_that_it_takes_are_planned(sampler: str, cli, sweep_file, flux: Path, tmp_path: Path) -> None:
    planned = cli("plan", sweep_file(sweep_of(flux, sampler=sampler, **SHORT)), "--out", tmp_path / "run")
    assert planned.code == 0, planned.err


@pytest.mark.slow
def test_what_cannot_be_recorded_without_weights_is_left_to_the_run(cli, sweep_file, tmp_path: Path) -> None:
    tiny_pipelines.save("mochi", tmp_path / "mochi")
    call = {"max_sequence_length": 16, "num_frames": 7}
    text = sweep_of(tmp_path / "mochi", sampler="euler", call=call, negative_prompt="bad")
    planned = cli("plan", sweep_file(text), "--out", tmp_path / "run")
    assert planned.code == 0, planned.err
