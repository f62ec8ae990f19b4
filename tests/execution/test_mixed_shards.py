"""Shards that two kinds of CPUs have computed: joined with `--mixed` where every root is of one kind."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import cfgsweep
from cfgsweep.reports import write
from cfgsweep.reports.drawing import Drawing
from cfgsweep.reports.grid_render import Page
from tests.support.commands import command
from tests.support.other_kind import ENVIRONMENT, HERE, OTHER, has_another_kind
from tests.support.run_state import records_of

pytestmark = has_another_kind

SWEEP = """\
name: m
model: digits
label: [0, 3]
seed: [1, 2]
steps: 2
guider: [cfg, cfg_zero]
value: 3
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`halves`, shards of two roots, each with one; and `thirds`, of which the last two have parts of one root."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "m.yaml").write_text(SWEEP)
    for name, count in (("halves", 2), ("thirds", 3)):
        for number in range(1, count):
            cfgsweep.run(folder / "m.yaml", out=folder / name, shard=f"{number}/{count}", quiet=True)
        words = command("run", folder / "m.yaml", "--out", folder / name, "--shard", f"{count}/{count}", "--quiet")
        subprocess.run(words, env=ENVIRONMENT, check=True)
    return folder


def copied(made: Path, name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / name, tmp_path / "run"))


def kinds(run: Path) -> dict[int, set[str]]:
    """The capabilities of every seed's pictures."""
    found: dict[int, set[str]] = {}
    for record in records_of(run):
        assert record["device_name"] == "cpu"
        found.setdefault(record["seed"], set()).add(record["capability"])
    return found


def test_shards_of_two_kinds_are_joined_only_with_mixed(made: Path, tmp_path: Path, cli, monkeypatch) -> None:
    run = copied(made, "halves", tmp_path)
    refused = cli("merge", run)
    assert (refused.code, "another kind of processor" in refused.err) == (2, True)
    assert not (run / "experiments.jsonl").exists()

    captions, draw = [], write.page_drawing

    def drawn(page: Page, *rest: Any) -> Drawing:
        captions.append(page.caption)
        return draw(page, *rest)

    monkeypatch.setattr(write, "page_drawing", drawn)
    done = cli("merge", run, "--mixed")
    assert done.code == 0, done.err
    assert kinds(run) == {1: {HERE}, 2: {OTHER}}
    (caption,) = captions
    assert caption.endswith(f"2 kinds of device: 4 on cpu with {HERE}, 4 on cpu with {OTHER}")
    environment = json.loads((run / "environment.json").read_text())
    assert [kind["capability"] for kind in environment["kinds"]] == [HERE, OTHER]
    assert cli("merge", run).code == 0, "the run is mixed, and stays so"


def test_parts_of_one_root_are_of_one_kind(made: Path, tmp_path: Path, cli) -> None:
    run = copied(made, "thirds", tmp_path)
    refused = cli("merge", run, "--mixed")
    assert refused.code == 2
    assert "another kind of device for the initial noise of seed 2" in refused.err
    assert f"cpu with {HERE}, as in {run / 'shards/2-of-3'}" in refused.err.replace("\n", "")
    assert not (run / "experiments.jsonl").exists()


def test_a_shard_that_went_on_on_another_kind_is_not_of_one_kind(made: Path, tmp_path: Path, cli) -> None:
    """Its environment.json has the kind on which it was begun."""
    run = copied(made, "halves", tmp_path)
    records = run / "shards/1-of-2/experiments.jsonl"
    begun = json.dumps(HERE)
    first, rest = records.read_text().split("\n", 1)
    records.write_text("\n".join([first, rest.replace(begun, json.dumps(OTHER))]))
    refused = cli("merge", run)
    assert (refused.code, "1-of-2: another kind of processor" in refused.err.replace("\n", "")) == (2, True)
    assert "`--mixed` allows it" in refused.err
    assert "another kind of device for the initial noise of seed 1" in cli("merge", run, "--mixed").err


def test_a_mixed_run_goes_on_in_one_process_with_a_notice(made: Path, tmp_path: Path, cli) -> None:
    """Of a root whose other pictures are of another kind; not of one that has been begun here."""
    run = copied(made, "halves", tmp_path)
    assert cli("merge", run, "--mixed").code == 0
    by_seed = {record["seed"]: record for record in records_of(run)}
    (run / by_seed[1]["image"]).unlink()
    assert "may differ in their last bits" not in cli("run", run).err
    (run / by_seed[2]["image"]).unlink()
    done = cli("run", run)
    said = " ".join(done.err.split())
    assert f"1 picture will be made on cpu with {HERE}, others of the same initial noise on cpu with {OTHER}" in said
    assert kinds(run) == {1: {HERE}, 2: {HERE, OTHER}}


def test_controls_and_searches_know_the_kinds_of_what_they_are_compared_with(made: Path, tmp_path: Path, cli) -> None:
    run = copied(made, "halves", tmp_path)
    assert cli("merge", run, "--mixed").code == 0
    searched = cli("phase", run, "--low", 2, "--high", 4, "--scan", 5, "--tolerance", 1, "--no-page")
    assert f"initial noise on cpu with {OTHER}: they may differ" in " ".join(searched.err.split())
    controlled = cli("run", run, "--set", "metrics=[contrast]", "--set", "compare={}", "--no-page")
    assert controlled.code == 0, controlled.err
    assert "of the same initial noise on" in " ".join(controlled.err.split())
    assert any("control_of" in record for record in records_of(run))


def test_a_search_that_goes_on_knows_the_kinds_of_its_earlier_rounds(made: Path, tmp_path: Path, cli) -> None:
    """The first round is there, so that nothing of it is computed again; later ones have other values."""
    run, search = copied(made, "halves", tmp_path), tmp_path / "run-phase"
    assert cli("merge", run, "--mixed").code == 0
    words = ("--low", 2, "--high", 4, "--tolerance", 0.1, "--no-page")
    first = command("phase", run, *words, "--scan", 5, "--set", "phase.max_evaluations=100")
    subprocess.run(first, env=ENVIRONMENT, check=True)
    began = records_of(search)
    gone_on = cli("phase", search, *words, "--set", "phase.max_evaluations=null")
    assert len(records_of(search)) > len(began), "there was no other round"
    assert f"initial noise on cpu with {OTHER}: they may differ" in " ".join(gone_on.err.split())


def test_one_process_has_one_kind(made: Path, cli) -> None:
    refused = cli("run", made / "m.yaml", "--mixed")
    assert (refused.code, "one process computes on one kind of device" in refused.err) == (2, True)
