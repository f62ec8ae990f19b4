"""Searches with a denoiser whose distribution is known, and `cfgsweep phase`."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from cfgsweep.engine.cost import cost
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.execution.held_model import HeldModel
from cfgsweep.execution.local import LocalExecutor
from cfgsweep.execution.options import Options
from cfgsweep.execution.session import RunSession
from cfgsweep.metrics.distances import rms
from cfgsweep.models import device
from cfgsweep.models.load import load_model
from cfgsweep.phases.axis import Axis
from cfgsweep.phases.driver import PhaseDriver
from cfgsweep.phases.line_search import LineSearch
from cfgsweep.phases.search_range import SearchRange
from cfgsweep.sweep.schema import read_sweep
from cfgsweep.system.display import SilentDisplay
from tests.conftest import DEVICE
from tests.support.gaussian_mixture import Mixture

COLOURS = {"red": (0.2, -0.2, -0.2), "green": (-0.2, 0.2, -0.2), "blue": (-0.2, -0.2, 0.2)}


def driver_for(folder: Path, sweep_file, tmp_path: Path, guider: object = "cfg", **phase: float) -> PhaseDriver:
    """A search with the Gaussian mixture in place of the model of that folder."""
    where = {"low": 0.0, "high": 6.0, "scan": 24, "tolerance": 1e-3, **phase}
    settings = {"name": "x", "model": str(folder), "prompt": "red green blue", "seed": [1, 3, 5, 6, 8], "steps": 20}
    text = yaml.safe_dump({**settings, "sampler": "ddim", "guider": guider, "search": "value", "phase": where})
    sweep, _ = read_sweep(sweep_file(text))
    session = RunSession.begin(sweep, tmp_path / "run", Options(device=DEVICE, batch_size=8), SilentDisplay())
    executor = LocalExecutor(session)
    mixture: Any = Mixture(str(folder), COLOURS)
    executor._held = HeldModel(session.settings.source(str(folder)), session.settings.compute, mixture)
    bases = [replace(e, native_size=None) for e in session.expand(sweep.model_copy(update={"value": [0.0]}))]
    session.run_folder.create()
    begin = partial(LineSearch, SearchRange.of(sweep).scan, SearchRange.of(sweep).tolerance)
    return PhaseDriver(executor, Axis.of("value", bases), begin, bases, "pixels")


@pytest.mark.slow
def test_transitions_are_where_a_dense_scan_has_them(tiny_model, sweep_file, tmp_path) -> None:
    driver = driver_for(tiny_model, sweep_file, tmp_path)
    driver.run(None, SilentDisplay())
    denoiser, seen = driver.executor.held(driver.executor.source(driver.states[0].base)).denoiser, 0
    engine = Engine(denoiser, device.choose(DEVICE, "float32"), 8)
    for state in driver.states:
        values = np.linspace(0, 6, 121).tolist()
        done = {f.experiment.value: f.image for f in engine.run(Plan(driver.axis.at(state.base, v) for v in values))}
        pictures = [np.asarray(done[value], float) / 255 for value in values]
        jumps = [i for i in range(120) if rms(pictures[i], pictures[i + 1]) > 0.3]
        abrupt = [t for t in state.search.transitions if t.verdict == "abrupt"]
        assert len(abrupt) == len(jumps)
        for transition, jump in zip(abrupt, jumps, strict=True):
            assert values[jump] - 1e-3 <= transition.location <= values[jump + 1] + 1e-3
        seen += len(jumps)
    assert seen, "no seed changes its basin: the test shows nothing"


@pytest.mark.slow
def test_the_sides_of_a_transition_end_in_different_pictures(tiny_model, sweep_file, tmp_path) -> None:
    driver = driver_for(tiny_model, sweep_file, tmp_path)
    driver.run(None, SilentDisplay())
    partings = [curve for state in driver.states for curve in state.divergence]
    assert partings
    for curve in partings:
        assert len(curve) == 20
        assert curve[-1] > 0.1  # half-way from one colour to another


@pytest.mark.slow
def test_a_budget_stops_before_the_round_that_would_exceed_it(tiny_model, sweep_file, tmp_path) -> None:
    free = driver_for(tiny_model, sweep_file, tmp_path / "free")
    free.run(None, SilentDisplay())
    scan = cost([free.axis.at(state.base, v) for state in free.states for v in free.states[0].search.scan]).evaluations
    bounded = driver_for(tiny_model, sweep_file, tmp_path / "bounded")
    bounded.run(scan + 50, SilentDisplay())
    assert bounded.stopped
    assert all(len(state.rounds) == 1 for state in bounded.states)


# At the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def phase_file(sweep_file, tiny_model):
    """Write the file of a small search on the tiny model, with changes."""

    def write(**changes: object) -> Path:
        settings = {"name": "p", "model": str(tiny_model), "prompt": "a cat", "steps": 4, "guider": "cfg"}
        phase = {"low": 0.0, "high": 30.0, "scan": 9, "tolerance": 0.5, **changes.pop("phase", {})}  # type: ignore[dict-item]
        return sweep_file(yaml.safe_dump({**settings, "phase": phase, **changes}))

    return write


def test_it_writes_a_report_a_plot_and_ordinary_experiments(cli, phase_file, tmp_path) -> None:
    out = tmp_path / "out"
    outcome = cli("phase", phase_file(seed=[1, 2]), "--out", out, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    report = json.loads((out / "phase.json").read_text())
    assert [len(search["rounds"][0]) for search in report["searches"]] == [9, 9]
    with Image.open(out / "phase.png") as picture:
        assert picture.width > 600
    points = {point["id"] for search in report["searches"] for point in search["points"]}
    records = [json.loads(line) for line in (out / "experiments.jsonl").read_text().splitlines()]
    assert {record["id"] for record in records} == points
    before = {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()}
    again = cli("phase", phase_file(seed=[1, 2]), "--out", out, "--device", "cpu")
    assert again.code == 0
    assert json.loads((out / "phase.json").read_text()) == report
    assert {path.name: path.stat().st_mtime_ns for path in (out / "images").iterdir()} == before
    plan = json.loads(cli("plan", out / "sweep.yaml", "--out", out, "--json").out)
    assert plan["experiments"] == len(points)
    assert plan["pending"] == 0
    assert cli("grid", out).code == 0


@pytest.mark.slow
def test_a_killed_search_continues_to_the_same_report(cli, phase_file, tmp_path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cli("phase", phase_file(), "--out", whole, "--device", "cpu")
    cli("phase", phase_file(phase={"max_evaluations": 80}), "--out", cut, "--device", "cpu")
    some = sorted((cut / "images").iterdir())[0]
    some.write_bytes(b"half a picture")
    cli("phase", phase_file(), "--out", cut, "--device", "cpu")
    assert (cut / "phase.json").read_text() == (whole / "phase.json").read_text()


FOREIGN = ['{"solid": 0, "liquid": 100}', "[1, 2]", "phase: liquid", '{"name": "mine", "searches": []}']


@pytest.mark.slow
@pytest.mark.parametrize("content", FOREIGN)
def test_a_users_own_phase_json_is_kept(cli, sweep_file, phase_file, tiny_model, tmp_path, content: str) -> None:
    """In a run's own folder, where it makes no search of the run, and in the folder of a search."""
    settings = {"name": "s", "model": str(tiny_model), "prompt": "a cat", "steps": 4, "guider": "cfg"}
    run = tmp_path / "s"
    file = sweep_file(yaml.safe_dump({**settings, "value": [0.0, 2.0, 3.0, 5.0, 8.0]}))
    assert cli("run", file, "--out", run, "--device", "cpu").code == 0
    (run / "phase.json").write_text(content)
    assert cli("phase", run, "--device", "cpu").code == 0
    assert (run / "phase.json").read_text() == content
    assert (tmp_path / "s-phase/phase.json").exists()

    told = cli("phase", phase_file(), "--out", run, "--device", "cpu")
    assert told.code == 0
    assert "phase.before.json" in told.err
    assert (run / "phase.before.json").read_text() == content
    assert "searches" in json.loads((run / "phase.json").read_text())
    assert not cli("phase", phase_file(), "--out", run, "--device", "cpu").err
    assert not (run / "phase.before2.json").exists()


@pytest.mark.parametrize("cut", [0, 40])
def test_a_damaged_report_is_replaced(cli, phase_file, tmp_path, cut: int) -> None:
    out = tmp_path / "out"
    cli("phase", phase_file(), "--out", out, "--device", "cpu")
    report = (out / "phase.json").read_text()
    (out / "phase.json").write_text(report[:cut])
    assert "no whole report" in cli("verify", out).out
    assert not cli("phase", phase_file(), "--out", out, "--device", "cpu").err
    assert (out / "phase.json").read_text() == report
    assert not list(out.glob("*.before*"))


@pytest.mark.slow
def test_the_sweep_file_of_a_search_can_be_searched_again(cli, phase_file, tmp_path) -> None:
    out = tmp_path / "out"
    file = phase_file(seed=[1, 2], guider=["cfg", "tnorm"], phase={"scan": 5})
    assert cli("phase", file, "--out", out, "--device", "cpu").code == 0
    first = json.loads((out / "phase.json").read_text())
    outcome = cli("phase", out, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    again = json.loads((out / "phase.json").read_text())
    assert [search["points"] for search in again["searches"]] == [search["points"] for search in first["searches"]]


def test_json_alone_and_flags(cli, phase_file, tmp_path) -> None:
    flags = ("--low", 1, "--high", 9, "--scan", 6, "--tolerance", 0.9, "--distance", "pixels")
    outcome = cli("phase", phase_file(), "--out", tmp_path / "o", "--device", "cpu", "--json", *flags)
    report = json.loads(outcome.out)
    assert (report["low"], report["high"], report["tolerance"], report["distance"]) == (1, 9, 0.9, "pixels")
    assert len(report["searches"][0]["rounds"][0]) == 6


def test_a_finished_sweep_is_the_scan(cli, sweep_file, tiny_model, tmp_path) -> None:
    settings = {"name": "s", "model": str(tiny_model), "prompt": "a cat", "steps": 4, "guider": "cfg"}
    values = [0.0, 2.0, 3.0, 5.0, 8.0, 12.0]
    text = yaml.safe_dump({**settings, "value": values})
    run = tmp_path / "s"
    assert cli("run", sweep_file(text), "--out", run, "--device", "cpu", "--batch-size", 3).code == 0
    outcome = cli("phase", run, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    assert "6 pictures of" in outcome.out
    environment = json.loads((tmp_path / "s-phase" / "environment.json").read_text())
    (model,) = environment["models"].values()
    assert list(model["batch_sizes"].values()) == [3]  # as the pictures it begins with
    report = json.loads((tmp_path / "s-phase" / "phase.json").read_text())
    assert report["searches"][0]["rounds"][0] == values
    assert cli("phase", tmp_path / "s-phase", "--device", "cpu").code == 0  # goes on in its own folder
    assert not (tmp_path / "s-phase-phase").exists()


def test_a_parameter_is_searched_by_name(cli, phase_file, tmp_path) -> None:
    phase = {"low": 0.0, "high": 1.0, "scan": 5, "tolerance": 0.2}
    guider = {"cfg": {"guidance_rescale": 0.0, "start": 0.25}}
    file = phase_file(search="guider.cfg.guidance_rescale", guider=guider, value=9, phase=phase)
    assert cli("phase", file, "--out", tmp_path / "o", "--device", "cpu").code == 0
    records = [json.loads(line) for line in (tmp_path / "o" / "experiments.jsonl").read_text().splitlines()]
    assert len(records) >= 5
    assert all(record["value"] == 9 for record in records)
    assert {"cfg": {"start": 0.25, "guidance_rescale": 0.25}} in [record["guider"] for record in records]
    assert cli("plan", tmp_path / "o" / "sweep.yaml", "--out", tmp_path / "o").code == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"phase": {"low": 5, "high": 5}}, "the range is empty"),
        ({"phase": {"tolerance": 1e-17}}, "not a tolerance for this range"),
        ({"phase": {"tolerance": 31}}, "not a tolerance for this range"),
        ({"phase": {"scan": 2}}, "scan"),
        ({"phase": {"distance": "layuot"}}, "did you mean 'layout'"),
        ({"phase": {"distance": "clip"}}, "its weights are not on this machine"),
        ({"phase": {"distance": "lpips"}}, "it takes torchvision"),
        ({"phase": {"distance": "dreamsim=nowhere"}}, "it takes the package dreamsim"),
        ({"phase": {"wide": 2}}, "unknown key 'wide'"),
        ({"search": "guider.cfg.layers"}, "unknown numeric parameter of cfg 'layers'"),
        ({"search": "guider.tnorm.start"}, "the sweep has a guider without it"),
        ({"phase": {"low": [0, 1]}}, "more than there are settings to search"),
        ({"search": "seed"}, "not a setting that can be searched"),
        ({"search": "guider.cfg.start", "value": 5}, "guider.cfg.start = "),
    ],
)
def test_bad_input_is_refused_before_any_model_loads(cli, phase_file, tmp_path, changes, message: str) -> None:
    outcome = cli("phase", phase_file(**changes), "--out", tmp_path / "o", "--device", "cpu")
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("distance", ["layout", "pixels", "ssim", "latents", "features"])
def test_every_distance_is_symmetric_and_grows_with_the_difference(distance: str, tiny_model) -> None:
    """Zero from a picture to itself, symmetric, and larger for pictures that differ more."""
    from cfgsweep.metrics import distances
    from cfgsweep.models.source import Source

    generator = np.random.default_rng(0)
    one = generator.integers(0, 255, (16, 16, 3))
    near = np.clip(one + generator.integers(-9, 9, one.shape), 0, 255)
    pictures = [Image.fromarray(x.astype(np.uint8)) for x in (one, near, generator.integers(0, 255, (16, 16, 3)))]
    denoiser = load_model(Source("tiny", str(tiny_model)), device.choose(DEVICE, "float32"))
    chosen = distances.choose(distance, lambda: denoiser)
    a, b, c = (chosen.embed(picture) for picture in pictures)
    assert chosen.measure(a, chosen.embed(pictures[0])) == 0
    assert chosen.measure(a, b) == pytest.approx(chosen.measure(b, a))
    assert 0 < chosen.measure(a, b) < chosen.measure(a, c)


def test_an_encoder_from_a_folder(tmp_path) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    from cfgsweep.metrics import distances

    small = {"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {**small, "image_size": 16, "patch_size": 8}
    CLIPModel(CLIPConfig(text_config=small, vision_config=vision, projection_dim=8)).save_pretrained(tmp_path)
    size = {"height": 16, "width": 16}
    CLIPImageProcessor(size={"shortest_edge": 16}, crop_size=size).save_pretrained(tmp_path)
    chosen = distances.choose(f"clip={tmp_path}", lambda: pytest.fail("no denoiser is needed"))
    black, white = (chosen.embed(Image.new("RGB", (16, 16), colour)) for colour in ("black", "white"))
    assert chosen.measure(black, white) > 0


@pytest.mark.slow
def test_searches_share_batches(tiny_model, sweep_file, tmp_path) -> None:
    """All searches of a round are computed together, in fewer batches than one search after the other."""
    together = driver_for(tiny_model, sweep_file, tmp_path / "together")
    together.run(None, SilentDisplay())
    alone = 0
    for base in together.states:
        driver = driver_for(tiny_model, sweep_file, tmp_path / f"seed{base.base.seed}")
        driver.states = [state for state in driver.states if dataclasses.replace(state.base) == base.base]
        driver.run(None, SilentDisplay())
        alone += driver.batches
    assert together.batches < alone
