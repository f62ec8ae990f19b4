"""`start` and `fork` in sweep files: what they expand to, their ids and titles, and the errors of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from diffusers import DEISMultistepScheduler, PNDMScheduler
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.samplers import Fork, UTurn
from cfgsweep.storage.experiment_of_record import _candidates, current_ids
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from tests.support import tiny_models as tiny
from tests.support.json_schemas import checker

BASE: dict[str, Any] = {"name": "x", "model": "digits", "label": 3, "guider": "cfg", "steps": 10}
STARTS: list[tuple[Any, list[UTurn | None]]] = [
    ("none", [None]),
    (None, [None]),
    ({"noise": 0}, [None]),
    ({"noise": 0.3}, [UTurn(0.3)]),
    ({"noise": [0, 0.3, 1], "image": "from"}, [None, UTurn(0.3), UTurn(1.0)]),
    ({"noise": {"range": [0.1, 0.3, 0.1]}}, [UTurn(0.1), UTurn(0.2), UTurn(0.3)]),
    (["none", {"noise": 0.5, "seeds": 3}], [None, UTurn(0.5), UTurn(0.5, 1), UTurn(0.5, 2)]),
    ({"noise": [0, 0.5], "seeds": [4]}, [None, UTurn(0.5, 4)]),
]
FORKS: list[tuple[Any, list[Fork | None]]] = [
    ("none", [None]),
    ({"at": 0.2}, [Fork(0.2)]),
    ({"at": [0.2, 5], "seeds": 2}, [Fork(0.2), Fork(0.2, 1), Fork(5.0), Fork(5.0, 1)]),
    ([None, {"at": 0.5, "amount": [0.1, 1], "seeds": [7]}], [None, Fork(0.5, 7, 0.1), Fork(0.5, 7, 1.0)]),
]
CASES = [("start", *case) for case in STARTS] + [("fork", *case) for case in FORKS]


def experiments(**changes: Any) -> list[Experiment]:
    return expand(Sweep(**{**BASE, **changes}))


@pytest.mark.parametrize(("axis", "given", "wanted"), CASES)
def test_the_axis_is_every_combination(axis: str, given: Any, wanted: list[Any]) -> None:
    assert [getattr(e, axis) for e in experiments(**{axis: given})] == wanted
    checker().validate({**BASE, axis: given})
    written = as_written(Sweep(**BASE, **{axis: given}))
    assert (axis in written) == (wanted != [None])
    assert getattr(Sweep(**written), axis) == wanted


@pytest.mark.parametrize(
    ("axis", "given", "words"),
    [
        ("start", [], "the axis is empty"),
        ("start", 0.3, "'noise' is missing"),
        ("start", {"noise": 1.1}, "not a value of it"),
        ("start", {"noise": "0.3"}, "not a value of it"),
        ("start", {"noise": True}, "not a value of it"),
        ("start", {"noise": []}, "the axis is empty"),
        ("start", {"nosie": 0.3}, "'noise' is missing"),
        ("start", {"noise": 0.3, "sedes": 2}, "seeds"),
        ("start", {"noise": 0.3, "seeds": 0}, "not seeds"),
        ("start", {"noise": 0.3, "seeds": [1, 1]}, "not seeds"),
        ("start", {"noise": 0.3, "image": "nowhere.png"}, "nowhere.png"),
        ("start", {"noise": [0.3, 0.3]}, "the same value twice"),
        ("start", {"noise": 0.01}, "no step is left at this noise"),
        ("fork", {"seeds": 8}, "'at' is missing"),
        ("fork", {"at": 0}, "not a value of it"),
        ("fork", {"at": 2.5}, "not a value of it"),
        ("fork", {"at": 0.5, "amount": 0}, "not a value of it"),
        ("fork", {"at": 0.01}, "a fork there would do nothing"),
        ("fork", {"at": 10}, "a fork there would do nothing"),
    ],
)
def test_what_is_none_is_refused(axis: str, given: Any, words: str) -> None:
    with pytest.raises(UserError) as refused:
        experiments(**{axis: given})
    assert words in str(refused.value)
    assert axis in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler": "pndm", "start": {"noise": 0.5}}, "pndm cannot begin at a later step"),
        ({"sampler": "pndm", "fork": {"at": 0.5}}, "pndm cannot begin at a later step"),
        ({"sampler": "ddpm", "fork": {"at": 9}}, "before a step from 1 to 8"),
        ({"sampler": "ddpm", "fork": {"at": 0.5, "amount": 0.5}}, "there is no amount to choose"),
        ({"guider": {"cfg": {"zero_init_steps": 2}}, "fork": {"at": 2}}, "before a step from 3 to 9"),
        ({"label": None, "prompt": "a", "model": "emoji", "call": {"eta": 0.5}, "start": {"noise": 0.5}}, "`call`"),
    ],
)
def test_a_plan_refuses_what_cannot_be_made(cli, sweep_file, changes: dict[str, Any], words: str) -> None:
    given = {key: value for key, value in {**BASE, **changes}.items() if value is not None}
    refused = cli("plan", sweep_file(json.dumps(given)))
    assert refused.code == 2
    assert words in refused.err


@pytest.mark.parametrize(
    ("scheduler", "takes"),
    [(DEISMultistepScheduler(), True), (PNDMScheduler(skip_prk_steps=False), False)],
)
def test_a_models_own_scheduler_is_known_by_its_class(
    cli, sweep_file, saved, scheduler: Any, takes: bool, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = saved(tiny.labelled_unet(scheduler))
    given = {**BASE, "model": str(folder), "label": 1, "sampler": "model", "start": {"noise": 0.5}}
    planned = cli("plan", sweep_file(json.dumps(given)))
    assert planned.code == (0 if takes else 2), planned.err
    assert not takes or cli("run", sweep_file(json.dumps(given))).code == 0
    assert takes or "model cannot begin at a later step" in planned.err


def test_ids_are_new_only_where_a_turn_is_given() -> None:
    plain, turned, other = experiments(start={"noise": [0, 0.3, 0.4]})
    assert plain.id == experiments()[0].id
    ids = {
        e.id for e in experiments(start={"noise": [0, 0.3, 0.4], "seeds": 2}, fork=["none", {"at": 0.5, "seeds": 2}])
    }
    assert len(ids) == 15
    assert len({plain.id, turned.id, other.id}) == 3
    assert turned.legacy_id is None


def test_titles_conditions_and_zips() -> None:
    starts = {"noise": [0, 0.3, 0.6], "seeds": 2}
    some = experiments(start=starts, fork=["none", {"at": 0.5}])
    assert title(some[0], varying(some)) == "fork none, start none"
    assert title(some[-1], varying(some)) == "fork 0.5, start 0.6 seed 1"
    kept = experiments(start=starts, exclude=[{"start": "> 0.5"}])
    assert [e.start for e in kept] == [None, UTurn(0.3), UTurn(0.3, 1)]
    assert [e.start for e in experiments(start=starts, exclude=[{"start": [0.3, "none"]}])] == [
        UTurn(0.6),
        UTurn(0.6, 1),
    ]
    one = experiments(start=starts, exclude=[{"start": {"noise": [0.3, 0.6], "seeds": [1]}}])
    assert [e.start for e in one] == [None, UTurn(0.3), UTurn(0.6)]
    zipped = experiments(start={"noise": [0, 0.5]}, seed=[1, 2], zip=["start", "seed"])
    assert [(e.start, e.seed) for e in zipped] == [(None, 1), (UTurn(0.5), 2)]


def test_a_run_from_the_command_line(cli, sweep_file, tmp_path: Path) -> None:
    """With a picture file, which a model of labels takes too; the records say it all."""
    Image.new("RGB", (8, 8), "white").save(tmp_path / "w.png")
    starts = [{"noise": [0, 0.5]}, {"noise": 0.5, "image": "w.png", "seeds": 2}]
    given = {**BASE, "value": 2, "start": starts, "fork": ["none", {"at": 0.5, "seeds": [0, 1]}]}
    given |= {"exclude": [{"start": {"noise": 0.5, "image": str(tmp_path / "w.png"), "seeds": 2}, "fork": 0.5}]}
    config = sweep_file(json.dumps(given))
    planned = json.loads(cli("plan", config, "--json").out)
    # 3 ways from noise, of which two share the first half, a U-turn of 5 steps of each, and 2 of the file
    assert planned["experiments"] == 8
    assert planned["evaluations"] == 20 + 2 * 10 + 3 * 10 + 2 * 10
    done = cli("run", config, "--out", tmp_path / "r")
    assert done.code == 0, done.err
    records = [record.as_json() for record in RunFolder(tmp_path / "r").records().values()]
    assert sum(record["evaluations"]["own"] for record in records) <= planned["evaluations"]
    assert [record.get("fork") for record in records].count({"at": 0.5, "seed": 1}) == 2
    files = [record["start"]["image"] for record in records if "image" in record.get("start", {})]
    assert len(files) == 2
    assert len({record["pixels_sha256"] for record in records}) == 8
    assert cli("verify", tmp_path / "r").code == 0
    again = json.loads(cli("plan", tmp_path / "r/sweep.yaml", "--out", tmp_path / "r", "--json").out)
    assert again["pending"] == 0
    assert [copy.read_bytes() for copy in tmp_path.glob("r/inputs/*/w.png")] == [(tmp_path / "w.png").read_bytes()]
    chosen = cli("grid", tmp_path / "r", "--where", "start>0.2", "--where", "fork=0.5")
    assert chosen.code == 0, chosen.err


def test_a_record_leads_back_to_its_experiment(cli, sweep_file, tmp_path: Path) -> None:
    given = {**BASE, "start": {"noise": [0.5], "seeds": 2}, "fork": {"at": 3, "amount": 0.25}}
    assert cli("run", sweep_file(json.dumps(given)), "--out", tmp_path / "r").code == 0
    records = RunFolder(tmp_path / "r").records().values()
    found = {e.id for record in records for e in _candidates(record, (8, 8))}
    assert {record.id for record in records} <= found
    assert current_ids(records) == {record.id: record.id for record in records}
