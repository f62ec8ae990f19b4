"""`cfgsweep.run` and the object it returns: the same folder, errors and options as on the command line."""

from __future__ import annotations

import logging
import shutil
import signal
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import cfgsweep
from cfgsweep.storage.png import pixels_sha256
from tests.support import tiny_models as tiny
from tests.support.commands import wait_for

SETTINGS: dict[str, Any] = {
    "name": "small",
    "prompt": "a cat",
    "steps": 3,
    "guider": ["tnorm", "fullnorm"],
    "value": [0.05, 0.1],
}


@pytest.fixture
def sweep(tiny_model: Path) -> cfgsweep.Sweep:
    return cfgsweep.Sweep(model=str(tiny_model), **SETTINGS)


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tmp_path_factory) -> Path:
    sweep = cfgsweep.Sweep(model=str(tiny_model), **SETTINGS)
    return cfgsweep.run(sweep, out=tmp_path_factory.mktemp("finished") / "run", quiet=True).folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> cfgsweep.Run:
    """A copy of a run that is computed once."""
    return cfgsweep.open_run(shutil.copytree(finished, tmp_path / "run"))


def test_it_makes_the_folder_that_the_command_makes(cli, run, sweep_file, tiny_model, tmp_path) -> None:
    path = sweep_file(yaml.safe_dump({"model": str(tiny_model), **SETTINGS}))
    assert cli("run", path, "--out", tmp_path / "command").code == 0
    for name in ("sweep.yaml", "experiments.jsonl", "grids/small.png"):
        assert (run.folder / name).read_bytes() == (tmp_path / "command" / name).read_bytes()


def test_the_run_has_records_and_pictures_by_experiment(run, sweep) -> None:
    run = cfgsweep.run(sweep, out=run.folder, quiet=True)  # of which all is there
    assert len(run) == len(run.experiments) == 4
    assert run.sweep == sweep
    assert run.failed == []
    for result, experiment in zip(run, run.experiments, strict=True):
        assert run[experiment.id].experiment == experiment
        assert result.title == f"{experiment.guider.name}, value {experiment.value:g}"
        assert pixels_sha256(result.image) == result.record.pixels_sha256
    assert [record.id for record in run.records] == [e.id for e in run.experiments]
    with pytest.raises(cfgsweep.UserError, match="unknown experiment 'nothing'"):
        run["nothing"]


def test_a_finished_run_is_gone_on_with_and_opened(run, sweep) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.folder.glob("images/*")}
    again = cfgsweep.run(sweep, out=run.folder, quiet=True)
    opened = cfgsweep.open_run(str(run.folder))
    assert {path: path.stat().st_mtime_ns for path in run.folder.glob("images/*")} == before
    assert again.records == run.records == opened.records
    assert opened.experiments == run.experiments
    assert cfgsweep.plan(sweep, out=run.folder).pending == 0


def test_the_grid_is_the_one_in_the_folder(run) -> None:
    from PIL import Image

    with Image.open(run.folder / "grids/small.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(run.grid()))
    across = run.grid(rows="guider")
    assert across.size == run.grid(rows="guider", cols="value").size != run.grid(rows="value").size
    assert len(run.grids(pages="guider")) == 2
    with pytest.raises(cfgsweep.UserError, match="several pages"):
        run.grid(pages="guider")
    with pytest.raises(cfgsweep.UserError, match="unknown axis"):
        run.grid(rows="sead")


def test_grids_are_written_where_the_command_writes_them(run, tmp_path) -> None:
    assert cfgsweep.grid(run, rows="value") == [run.folder / "grids/small-rows=value.png"]
    assert cfgsweep.grid(str(run.folder), out=tmp_path / "mine.png") == [tmp_path / "mine.png"]
    assert (tmp_path / "mine.png").is_file()


def test_verify_finds_what_is_damaged(run) -> None:
    assert cfgsweep.verify(run).ok
    run.folder.joinpath(f"images/{run.experiments[0].id}.png").write_bytes(b"nothing")
    found = run.verify()
    assert (found.ok, found.done, found.experiments) == (False, 3, 4)
    assert "damaged" in str(found)


def test_the_table_is_flat(run) -> None:
    table = run.to_pandas()
    assert table["guider"].tolist() == ["tnorm", "tnorm", "fullnorm", "fullnorm"]
    assert table["schedule"].tolist() == ["constant"] * 4
    assert table["value"].tolist() == [0.05, 0.1] * 2
    assert table["id"].tolist() == [e.id for e in run.experiments]
    assert not [column for column in table if column.startswith(("guider.", "schedule."))]
    cells = [cell for row in table.itertuples(index=False) for cell in row]
    assert not [cell for cell in cells if isinstance(cell, dict | list | tuple)]


def test_a_parameter_that_is_swept_has_a_column_with_its_defaults(tiny_model, tmp_path) -> None:
    guider = [{"cfg": {"stop": [0.5, 1.0]}}, {"pag": {"pag_scale": {"linear": {"max_val": 2.0}}}}, "prednorm"]
    sweep = cfgsweep.Sweep(model=str(tiny_model), **{**SETTINGS, "guider": guider, "value": 3.0})
    table = cfgsweep.run(sweep, out=tmp_path / "run", quiet=True).to_pandas()
    assert table["guider"].tolist() == ["cfg", "cfg", "pag", "prednorm"]
    assert table["guider.stop"].tolist() == [0.5, 1.0, 1.0, 1.0]
    assert table["guider.pag_scale"].isna().tolist() == [True, True, False, True]
    assert table["guider.pag_scale"][2] == "(linear max_val=2)"


def test_a_sweep_may_be_a_path_or_the_name_of_a_shipped_one(sweep, sweep_file, tiny_model, tmp_path) -> None:
    path = sweep_file(yaml.safe_dump({"model": str(tiny_model), **SETTINGS}))
    plans = [cfgsweep.plan(source, out=tmp_path / "nowhere") for source in (sweep, path, str(path))]
    assert plans[0] == plans[1] == plans[2]
    assert cfgsweep.plan("tnorm", out=tmp_path / "nowhere").experiments == 20
    with pytest.raises(cfgsweep.UserError, match="did you mean 'tnorm'"):
        cfgsweep.plan("tnrom")
    with pytest.raises(cfgsweep.UserError, match=r"tnrom\.yaml: cannot be read"):
        cfgsweep.plan("tnrom.yaml")


def test_overrides_change_fields_of_a_sweep_and_of_a_file(sweep, tmp_path) -> None:
    nowhere = tmp_path / "nowhere"
    assert cfgsweep.plan(sweep, out=nowhere, overrides={"value": [0.1], "seed": range(3)}).experiments == 2 * 3
    assert cfgsweep.plan(sweep, out=nowhere, overrides=["value=0.1", "guider.cfg.stop=0.5"][:1]).experiments == 2
    assert cfgsweep.plan("tnorm", out=nowhere, overrides={"guider": sweep.guider[0], "steps": 4}).experiments == 10
    assert sweep.steps == [3]
    with pytest.raises(cfgsweep.UserError, match="unknown key 'stepz'"):
        cfgsweep.plan(sweep, overrides={"stepz": 3})
    with pytest.raises(cfgsweep.UserError, match="not a value that a sweep file can have"):
        cfgsweep.plan(sweep, overrides={"steps": object()})


def test_errors_have_the_words_of_the_command_line_without_lines_of_a_file(cli, sweep_file, tiny_model) -> None:
    wrong = {**SETTINGS, "guider": "tnrom"}
    with pytest.raises(cfgsweep.UserError) as refused:
        cfgsweep.Sweep(model=str(tiny_model), **wrong)
    path = sweep_file(yaml.safe_dump({"model": str(tiny_model), **wrong}, sort_keys=False))
    said = cli("plan", path).err.removeprefix("error: ")
    first, *others = str(refused.value).splitlines()
    assert said.splitlines()[1:] == others
    assert said.splitlines()[0].endswith(first)
    assert first.startswith("guider")


@pytest.mark.parametrize(
    ("name", "given"),
    [("limit", 0), ("limit", -1), ("limit", 1.5), ("batch_size", 0), ("batch_size", 5000), ("batch_size", "3")],
)
def test_options_out_of_range_are_refused_before_anything_is_written(sweep, tmp_path, name: str, given: Any) -> None:
    with pytest.raises(cfgsweep.UserError, match="a whole number from 1"):
        cfgsweep.run(sweep, out=tmp_path / "run", quiet=True, **{name: given})
    assert not (tmp_path / "run").exists()


def test_runs_in_two_threads_have_the_pixels_of_one(run, sweep, tmp_path) -> None:
    filters = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda name: cfgsweep.run(sweep, out=tmp_path / name, quiet=True), ["a", "b"]))
    for other in runs:
        assert [r.pixels_sha256 for r in other.records] == [r.pixels_sha256 for r in run.records]
    assert warnings.filters == filters


def test_pictures_that_fail_are_listed_or_raise(saved, tmp_path) -> None:
    import torch

    pipeline = tiny.labelled_unet()
    pipeline.unet.class_embedding.weight.data[2] = torch.nan
    sweep = cfgsweep.Sweep(name="f", model=str(saved(pipeline)), label=[1, 2], steps=2, guider="cfg")
    run = cfgsweep.run(sweep, out=tmp_path / "run", quiet=True)
    assert [result.experiment.label for result in run] == [1]
    (failed,) = run.failed
    assert failed.experiment.label == 2
    assert "not finite" in failed.reason
    assert "not finite" in run._repr_html_()
    with pytest.raises(cfgsweep.UserError, match="has no picture"):
        failed.image  # noqa: B018
    assert run.to_pandas()["status"].tolist() == ["done", "failed"]
    assert run.failed_now == run.failed
    with pytest.raises(cfgsweep.RunFailed, match="not finite"):
        cfgsweep.run(sweep, out=tmp_path / "run", quiet=True, fail_fast=True)
    more = sweep.model_copy(update={"label": [3, 1, 2]})
    part = cfgsweep.run(more, out=tmp_path / "run", quiet=True, limit=1)
    assert ([f.experiment.label for f in part.failed], part.failed_now) == ([2], [])


def test_a_folder_of_version_0_1_is_opened_with_its_pictures() -> None:
    run = cfgsweep.open_run(Path(__file__).parents[2] / "outputs" / "gallery" / "tnorm")
    assert [result.status for result in run.results.values()] == ["done"] * 20
    first = next(iter(run))
    assert pixels_sha256(first.image) == first.record.pixels_sha256
    assert first._repr_png_().startswith(b"\x89PNG")


def test_options_mean_what_they_mean_on_the_command_line(sweep, tmp_path) -> None:
    part = cfgsweep.run(sweep, out=tmp_path / "run", quiet=True, limit=1, batch_size=4)
    assert len(part) == 1
    assert part[part.experiments[-1].id].status == "missing"
    with pytest.raises(cfgsweep.UserError, match="this run was made otherwise"):
        cfgsweep.run(sweep, out=tmp_path / "run", quiet=True, batch_size=8)
    with pytest.raises(cfgsweep.UserError, match="unknown device"):
        cfgsweep.run(sweep, out=tmp_path / "another", quiet=True, device="tpu")


@pytest.mark.slow
def test_an_interrupt_leaves_a_whole_folder_that_is_gone_on_with(sweep, tiny_model, tmp_path) -> None:
    """In a process without our signal handlers, as a notebook's kernel is: Python itself raises KeyboardInterrupt."""
    settings = {"model": str(tiny_model), **SETTINGS, "seed": list(range(20)), "steps": 40}
    code = (
        "import cfgsweep, sys\n"
        f"sweep = cfgsweep.Sweep(**{settings!r})\n"
        "try:\n    cfgsweep.run(sweep, out=sys.argv[1], quiet=True)\n"
        "except KeyboardInterrupt:\n    print('interrupted')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, tmp_path / "run"], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.glob("run/images/*.png")), process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert said == "interrupted\n"
    run = cfgsweep.open_run(tmp_path / "run")
    assert run.verify().ok
    assert 0 < len(run) < 80
    assert (tmp_path / "run/grids/small.png").is_file()
    assert len(cfgsweep.run(cfgsweep.Sweep(**settings), out=tmp_path / "run", quiet=True)) == 80


def test_nothing_global_is_left_behind(sweep, tmp_path) -> None:
    before = _global_state()
    cfgsweep.run(sweep, out=tmp_path / "run", quiet=True)
    assert _global_state() == before


def _global_state() -> list[object]:
    import diffusers
    import torch
    import transformers

    return [
        [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
        [logging.getLogger(name).level for name in ("", "diffusers", "transformers", "huggingface_hub")],
        [library.utils.logging.get_verbosity() for library in (diffusers, transformers)],
        list(warnings.filters),
        torch.get_num_threads(),
    ]
