"""`guider: all` on a model that some of them cannot guide: the run says which it leaves out, and ends whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfgsweep.guidance import GUIDERS
from cfgsweep.sweep.schema import read_sweep
from tests.support.pipeline_sweeps import sweep_of
from tests.support.run_state import records_of

CPU = ("--device", "cpu", "--batch-size", 3)


@pytest.mark.slow
def test_guiders_whose_layers_a_model_lacks_are_left_out_of_the_run(
    cli, flux: Path, tmp_path: Path, sweep_file
) -> None:
    run, file = tmp_path / "run", sweep_file(sweep_of(flux, guider="all", sampler="euler"))
    done = cli("run", file, "--out", run, *CPU)
    assert done.code == 0, done.err
    lacking = {"pag", "seg", "slg", "autoguidance"}  # a Flux has no layer `mid`
    for name in lacking:
        assert f"NOTICE: {name} is left out on {flux}: " in done.err
    records = records_of(run)
    ran = {record["guider"] for record in records}
    assert {record["status"] for record in records} == {"done"}
    assert not ran & lacking
    assert {"cfg", "tnorm", "cfg_pp", "apg"} <= ran <= set(GUIDERS)
    sweep, _ = read_sweep(run / "sweep.yaml")
    assert {entry["guider"] for entry in sweep.exclude} == set(GUIDERS.built_in()) - ran
    verified = cli("verify", run)
    assert verified.out.startswith(f"{len(ran)} of {len(ran)} pictures are there and whole")
    again = cli("run", run, *CPU)
    assert f"{len(ran)} of {len(ran)} pictures were there already" in again.out


@pytest.mark.slow
def test_a_guider_that_is_named_beside_the_group_is_not_left_out(cli, flux: Path, tmp_path: Path, sweep_file) -> None:
    text = sweep_of(flux, guider=["all", {"pag": {"value": 3}}], sampler="euler")
    refused = cli("run", sweep_file(text), "--out", tmp_path / "run", *CPU)
    assert refused.code == 2
    assert "guider pag" in refused.err


def test_what_is_left_out_is_in_no_table(cli, tmp_path: Path, sweep_file) -> None:
    text = "name: d\nmodel: digits\nlabel: 1\nsteps: 2\nguider: all\nvalue: 2\nmetrics: [contrast]\n"
    done = cli("run", sweep_file(text), "--out", tmp_path / "run")
    assert done.code == 0, done.err
    assert "NOTICE: pag is left out on digits: " in done.err
    rows = [line.split()[0] for line in (done.out + done.err).splitlines() if line.strip()]
    assert "apg" in rows
    assert "pag" not in rows
