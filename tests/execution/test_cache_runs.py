"""Runs with `cache`: a resume gives the same pixels, ids come from records, models without such caches refuse them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cfgsweep.storage.experiment_of_record import current_ids
from cfgsweep.storage.run_folder import RunFolder
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of

CACHES = ["none", {"first_block": {"threshold": 3.0}}, {"taylorseer": {"disable_cache_before_step": 2}}]


def pixels(run: Path) -> dict[str, str]:
    return {record["id"]: record["pixels_sha256"] for record in records_of(run)}


@pytest.mark.slow
def test_a_resumed_run_is_that_of_one_go(cli, flux: Path, tmp_path: Path, sweep_file) -> None:
    settings = {"call": {"max_sequence_length": 16}, "steps": 6, "value": [1, 4], "cache": CACHES}
    file = sweep_file(sweep_of(flux, **settings))
    cpu = ("--device", "cpu", "--batch-size", 2)
    assert cli("run", file, "--out", tmp_path / "whole", *cpu).code == 0
    for limit in (1, 2, 99):
        done = cli("run", file, "--out", tmp_path / "parts", "--limit", limit, *cpu)
        assert done.code == 0, done.err
    whole = pixels(tmp_path / "whole")
    assert len(whole) == len(set(whole.values())) == 6
    assert pixels(tmp_path / "parts") == whole
    records = RunFolder(tmp_path / "whole").records().values()
    assert all(old == new for old, new in current_ids(records).items())
    assert sorted(str(record.as_json().get("cache", "none")) for record in records) == sorted(
        2 * list(map(str, CACHES))
    )


@pytest.mark.parametrize("model", ["labelled", "tiny_model"])
def test_models_with_a_denoiser_of_their_own_refuse_a_cache(
    cli, model: str, request, tmp_path: Path, sweep_file
) -> None:
    folder = request.getfixturevalue(model)
    condition = {"label": 1} if model == "labelled" else {"prompt": "a cat"}
    text = yaml.safe_dump({"name": "s", "model": str(folder), **condition, "guider": "cfg", "cache": "taylorseer"})
    done = cli("run", sweep_file(text), "--out", tmp_path / "run", "--device", "cpu")
    assert done.code == 2
    assert "a step cache is taken by recorded pipelines alone" in done.err
