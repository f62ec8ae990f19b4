"""Parts of a sweep that are computed apart and merged are the run of one process: pictures, records, grids."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cfgsweep
from cfgsweep.errors import UserError
from cfgsweep.execution.job import Job
from cfgsweep.system.locks import held

SWEEP = """\
name: s
model: digits
label: [0, 3]
seed: [1, 2]
steps: 3
guider: [cfg, cfg_zero]
value: [1.5, 3]
metrics: [contrast, diversity]
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The run in one process, `whole`, and its three shards, `run`, not merged."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / "s.yaml").write_text(SWEEP)
    cfgsweep.run(folder / "s.yaml", out=folder / "whole", quiet=True)
    for number in (1, 2, 3):
        cfgsweep.run(folder / "s.yaml", out=folder / "run", shard=f"{number}/3", quiet=True)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """A folder with the three shards."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def lines(folder: Path) -> list[str]:
    return (folder / "experiments.jsonl").read_text().splitlines()


def test_what_is_merged_is_the_run_of_one_process(made: Path, run: Path, cli) -> None:
    done = cli("merge", run)
    assert done.code == 0, done.err
    assert f"{run}: 16 of 16 pictures, 16 new\n" in done.out
    assert lines(run) == lines(made / "whole")
    for picture in (made / "whole/images").iterdir():
        assert (run / "images" / picture.name).read_bytes() == picture.read_bytes()
    assert (run / "grids/s.png").read_bytes() == (made / "whole/grids/s.png").read_bytes()
    assert (run / "sweep.yaml").read_bytes() == (made / "whole/sweep.yaml").read_bytes()
    assert len(list((run / "page/thumbs").iterdir())) == len(list((made / "whole/page/thumbs").iterdir()))
    assert cli("verify", run).code == 0


def test_each_picture_is_in_one_shard(made: Path) -> None:
    names = [path.stem for path in (made / "run").glob("shards/*/images/*.png")]
    assert sorted(names) == sorted(json.loads(line)["id"] for line in lines(made / "whole"))


def test_merging_again_changes_nothing(run: Path, cli) -> None:
    cfgsweep.merge(run, quiet=True)
    assert json.loads((run / "environment.json").read_text())["command"] == "python", "not that of a shard"
    before = lines(run)
    assert f"{run}: 16 of 16 pictures, 0 new" in cli("merge", run).out
    assert lines(run) == before


def test_a_missing_shard_is_named_with_the_command_that_makes_it(made: Path, run: Path, cli) -> None:
    """The command is run, and merging again adds what it made."""
    shutil.rmtree(run / "shards/2-of-3")
    done = cli("merge", run)
    assert done.code == 1
    assert cli(*command_of("shard 2 of 3: not begun: ", done.out)).code == 0
    assert cli("merge", run).code == 0
    assert lines(run) == lines(made / "whole")


def command_of(line: str, said: str) -> list[str]:
    """The words of the command in the line of `merge` that begins so."""
    (found,) = (each for each in said.splitlines() if each.startswith(f"{line}cfgsweep "))
    return shlex.split(found.removeprefix(f"{line}cfgsweep "))


def test_the_command_of_a_missing_shard_has_what_the_others_were_given(tmp_path: Path, cli, sweep_file) -> None:
    """Also after --set, which is in the sweep, and with records of an earlier sweep in a shard."""
    file, run = sweep_file(SWEEP), tmp_path / "a run"
    given = ("--set", "value=2", "--set", "seed=[1]", "--batch-size", 3, "--quiet", "--out", run)
    assert cli("run", file, "--shard", "1/2", "--limit", 1, *given).code == 0
    assert cli("run", file, "--shard", "1/2", *given, "--set", "value=3").code == 0
    (run / "shards/1-of-2/environment.json").write_text(
        (run / "shards/1-of-2/environment.json")
        .read_text()
        .replace('"command": "', '"command": "cfgsweep run s.yaml --device cpu --batch-size=3 --limit 9 --set a=b')
    )
    words = command_of("shard 2 of 2: not begun: ", cli("merge", run).out)
    assert words == ["run", str(run), "--shard", "2/2", "--device", "cpu", "--batch-size=3"]
    assert cli(*words).code == 0
    done = cli("merge", run)
    assert f"{run}: 4 of 4 pictures, 2 new" in done.out
    assert {json.loads(line)["value"] for line in lines(run)} == {3}


def test_pictures_that_failed_are_told_with_the_missing_ones(run: Path, cli) -> None:
    victim = lines(run / "shards/2-of-3")[0]
    failed = {**json.loads(victim), "status": "failed", "reason": "for a test"}
    file = run / "shards/2-of-3/experiments.jsonl"
    file.write_text(file.read_text().replace(victim, json.dumps(failed)))
    done = cli("merge", run)
    assert done.code == 1
    assert cli(*command_of("shard 2 of 3: 1 failed: ", done.out)).code == 0
    again = cli("merge", run)
    assert (again.code, f"{run}: 16 of 16 pictures, 1 new" in again.out) == (0, True)


def test_the_folder_of_a_shard_knows_that_it_is_one(made: Path, run: Path, cli) -> None:
    """Running it again computes its own part alone, wherever it is, also where its environment.json is lost."""
    shard = run / "shards/3-of-3"
    whole = lines(shard)
    for damage in (lambda: None, lambda: (shard / "environment.json").unlink()):
        for picture in sorted((shard / "images").iterdir())[:2]:
            picture.unlink()
        damage()
        done = cli("run", shard)
        assert (done.code, lines(shard)) == (0, whole), done.err
        assert f"shard 3/3: {len(whole)} of 16 pictures" in done.out + done.err
    assert not list((shard / "grids").iterdir())
    assert (
        cli("verify", shard).out == f"{len(whole)} of {len(whole)} pictures are there and whole, and nothing is amiss\n"
    )
    elsewhere = made / "elsewhere"
    shutil.copytree(made / "run/shards/1-of-3", elsewhere)
    assert len(cfgsweep.run(elsewhere, quiet=True).experiments) == len(lines(elsewhere))
    assert cfgsweep.plan(elsewhere).pending == 0
    other = cli("run", shard, "--shard", "1/3")
    assert (other.code, "the folder of another shard" in other.err) == (2, True)
    shutil.rmtree(shard)
    shutil.copytree(run / "shards/1-of-3", shard)
    refused(cli("merge", run), "the folder of another shard", run, "3-of-3")


def test_all_shards_cut_what_the_model_does_not_refuse(tmp_path: Path, cli, sweep_file) -> None:
    """Also one that has nothing to compute."""
    text = "name: g\nmodel: digits\nlabel: 1\nsteps: 2\nguider: all\nvalue: 2\n"
    for number in (1, 2, 40):
        done = cli("run", sweep_file(text), "--out", tmp_path / "run", "--shard", f"{number}/40", "--quiet")
        assert done.code == 0, done.err
    merged = cli("merge", tmp_path / "run")
    assert merged.code == 1, merged.err
    assert "shard 3 of 40: not begun" in merged.out
    assert "shard 1 of 40" not in merged.out + merged.err
    assert "pag" not in {json.loads(line)["guider"] for line in lines(tmp_path / "run")}


def test_a_shard_has_neither_controls_nor_numbers_of_groups(tmp_path: Path, cli, sweep_file) -> None:
    text = SWEEP.replace("guider: [cfg, cfg_zero]", "guider: [cfg, tnorm]") + "compare: {}\n"
    done = cli("run", sweep_file(text), "--out", tmp_path / "run", "--shard", "1/1")
    assert done.code == 0, done.err
    assert "controls" not in done.out + done.err
    assert {"contrast"} == {
        name for line in lines(tmp_path / "run/shards/1-of-1") for name in json.loads(line)["metrics"]
    }
    assert not list((tmp_path / "run/shards/1-of-1/grids").iterdir())
    assert "index.html" not in done.out
    assert f"`cfgsweep merge {tmp_path / 'run'}`" in " ".join((done.out + done.err).split())


def test_a_shard_that_is_interrupted_says_what_is_missing(made: Path, tmp_path: Path, monkeypatch, capfd) -> None:
    save = Job.save

    def stopping(job: Job, *given: object) -> None:
        save(job, *given)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Job, "save", stopping)
        with pytest.raises(KeyboardInterrupt):
            cfgsweep.run(made / "s.yaml", out=tmp_path / "run", shard="2/3")
    shard = tmp_path / "run/shards/2-of-3"
    left = len(lines(made / "run/shards/2-of-3")) - len(lines(shard))
    assert f"{left} pictures are still missing in this shard" in "".join(capfd.readouterr())
    assert not list((shard / "grids").iterdir())
    assert not (shard / "page").exists()
    cfgsweep.run(shard, quiet=True)
    assert lines(shard) == lines(made / "run/shards/2-of-3")


def test_nothing_is_copied_where_a_metric_cannot_be_had(run: Path, cli) -> None:
    for number in (1, 2, 3):
        file = run / f"shards/{number}-of-3/sweep.yaml"
        file.write_text(file.read_text().replace("- contrast", "- clip_score: {model: nowhere}"))
    done = cli("merge", run)
    assert (done.code, "clip_score" in done.err) == (2, True)
    assert not (run / "experiments.jsonl").exists()


def test_numbers_that_shards_have_measured_otherwise_are_measured_anew(made: Path, run: Path) -> None:
    """Those of the first shard count, by metric and model; another shard's have other weights here."""
    for number, weights in ((1, "a"), (2, "b"), (3, "a")):
        shard = run / f"shards/{number}-of-3"
        (shard / "metrics.json").write_text(json.dumps({"other": {"digits": {"weights": weights}}}))
        records = [json.loads(line) for line in lines(shard)]
        for record in records:
            record["metrics"]["other"] = number
        (shard / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    cfgsweep.merge(run, quiet=True)
    assert json.loads((run / "metrics.json").read_text())["other"] == {"digits": {"weights": "a"}}
    found = [json.loads(line)["metrics"] for line in lines(run)]
    assert {numbers.get("other") for numbers in found} == {1, 3, None}
    assert [numbers["diversity"] for numbers in found] == [
        json.loads(line)["metrics"]["diversity"] for line in lines(made / "whole")
    ]


def test_what_only_later_shards_have_is_compared_with_them(run: Path, cli) -> None:
    for number, rows in ((1, None), (2, 4), (3, 5)):
        file = run / f"shards/{number}-of-3/environment.json"
        found = json.loads(file.read_text())
        if rows is not None:
            found["models"]["other"] = {"runs": "other", "batch_sizes": {"8x8": rows}}
        file.write_text(json.dumps(found))
    done = cli("merge", run)
    refused(done, "another batch size of other at 8x8", run, "3-of-3")
    assert "allowed: 4, as in" in done.err


def test_merging_waits_for_no_shard_and_takes_what_is_whole(made: Path, run: Path, cli) -> None:
    """A shard at work has temporary files, a record that is half written, and a lock."""
    shard = run / "shards/2-of-3"
    file, all_of_it = shard / "experiments.jsonl", (shard / "experiments.jsonl").read_bytes()
    file.write_bytes(all_of_it[: len(all_of_it) // 2])
    (shard / "images/.x.png.0123abcd.tmp").write_bytes(b"half")
    with held(shard, False, print):
        assert cli("merge", run).code == 1
    assert not list((run / "images").glob(".*"))
    file.write_bytes(all_of_it)
    assert cli("merge", run).code == 0
    assert lines(run) == lines(made / "whole")


def test_a_sweep_that_grew_is_merged_into_the_same_run(run: Path, cli, sweep_file) -> None:
    """What the earlier sweep had stays, and shards give only what is of the new one."""
    cfgsweep.merge(run, quiet=True)
    file = sweep_file(SWEEP.replace("seed: [1, 2]", "seed: [1, 4]"))
    for number in (1, 2, 3):
        assert cli("run", file, "--out", run, "--shard", f"{number}/3", "--quiet").code == 0
    done = cli("merge", run)
    assert (done.code, f"{run}: 16 of 16 pictures, 8 new" in done.out) == (0, True), done.err
    assert {json.loads(line)["seed"] for line in lines(run)} == {1, 2, 4}
    assert (run / "sweep-1.yaml").is_file()
    assert cli("verify", run).code == 0


def test_nothing_is_computed_into_what_is_no_run(made: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "out"
    (out / "shards").mkdir(parents=True)
    (out / "shards/model-00001-of-00002.safetensors").write_text("mine")
    done = cli("run", made / "s.yaml", "--out", out, "--shard", "1/2")
    assert (done.code, "there is something else here already" in done.err) == (2, True)
    (out / "shards/model-00001-of-00002.safetensors").unlink()
    (out / "shards/1-of-2").symlink_to(tmp_path)
    linked = cli("run", made / "s.yaml", "--out", out, "--shard", "1/2")
    assert (linked.code, "a link" in linked.err) == (2, True)


def test_a_plan_of_shards_is_of_those_that_are_run(made: Path, cli) -> None:
    """What is in the folders of shards already is left out."""
    new = cfgsweep.plan(made / "s.yaml", out=made / "nothing", shards=3).shards
    done = cfgsweep.plan(made / "s.yaml", out=made / "run", shards=3).shards
    assert (done.largest, done.evaluations) == (0, 0)
    own = [json.loads(line) for n in (1, 2, 3) for line in lines(made / f"run/shards/{n}-of-3")]
    assert 0 < new.largest < new.evaluations
    assert new.evaluations <= sum(one["evaluations"]["own"] + one["evaluations"]["shared"] for one in own)
    assert cfgsweep.plan(made / "s.yaml", out=made / "run", shards=2).shards.largest > 0


def test_a_plan_says_what_shards_have_already(run: Path, made: Path, cli) -> None:
    there = len(lines(run / "shards/1-of-3")) + len(lines(run / "shards/2-of-3"))
    shutil.rmtree(run / "shards/3-of-3")
    said = cli("plan", made / "s.yaml", "--out", run, "--shards", 3).out
    assert f"  in 3 shards, which have {there} pictures already: " in said
    assert "already: " not in cli("plan", made / "s.yaml", "--out", made / "nothing", "--shards", 3).out


def test_the_kind_of_processor_that_a_run_was_begun_on_is_kept(made: Path, run: Path, cli) -> None:
    """Every later run on another kind says so."""
    file = run / "shards/1-of-3/environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "capability": "AVX of old"}))
    for _ in range(2):
        next((run / "shards/1-of-3/images").iterdir()).unlink()
        assert "this run was begun on cpu with AVX of old" in cli("run", run / "shards/1-of-3").err
        assert json.loads(file.read_text())["capability"] == "AVX of old"


def test_a_shard_that_was_stopped_is_merged_as_far_as_it_is(made: Path, run: Path, cli) -> None:
    shutil.rmtree(run / "shards/3-of-3")
    assert cli("run", made / "s.yaml", "--out", run, "--shard", "3/3", "--limit", "1", "--quiet").code == 0
    done = cli("merge", run)
    assert done.code == 1
    assert "shard 3 of 3: " in done.out
    assert " missing: cfgsweep run " in done.out
    assert cli("run", made / "s.yaml", "--out", run, "--shard", "3/3", "--quiet").code == 0
    assert cli("merge", run).code == 0
    assert lines(run) == lines(made / "whole")


def test_damaged_pictures_are_not_merged(run: Path, cli) -> None:
    victim = next((run / "shards/1-of-3/images").glob("*.png"))
    victim.write_bytes(victim.read_bytes()[:-30])
    done = cli("merge", run)
    assert done.code == 1
    assert "shard 1 of 3: 1 missing: " in done.out
    assert not (run / "images" / victim.name).exists()


def test_shards_of_another_sweep_are_refused(run: Path, cli) -> None:
    text = (run / "shards/2-of-3/sweep.yaml").read_text()
    (run / "shards/2-of-3/sweep.yaml").write_text(text.replace("steps: 3", "steps: 4"))
    done = cli("merge", run)
    refused(done, "another sweep: steps\n  given:   4\n  allowed: 3, as in ", run, "2-of-3")
    (run / "shards/2-of-3/sweep.yaml").write_text("damaged: [")
    refused(cli("merge", run), "another sweep\n  allowed: that of ", run, "2-of-3")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"device_name": "NVIDIA H100"}, "another kind of device"),
        ({"capability": "AVX2 of old"}, "another kind of processor"),
        ({"dtype": "bfloat16"}, "another dtype"),
        ({"models": {"digits": {"runs": "digits", "fingerprint": "0" * 64}}}, "another fingerprint of digits"),
        (
            {"models": {"digits": {"runs": "digits", "batch_sizes": {"16x16": 3}}}},
            "another batch size of digits at 16x16",
        ),
    ],
)
def test_shards_that_were_computed_otherwise_are_refused(run: Path, cli, changed, problem: str) -> None:
    file = run / "shards/3-of-3/environment.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    refused(cli("merge", run), problem, run, "3-of-3")


def test_shards_of_other_versions_are_refused(run: Path, cli) -> None:
    """Versions are those of their records, of which one may be made later than others; else of environment.json."""
    shard = run / "shards/3-of-3"
    environment, records = json.loads((shard / "environment.json").read_text()), lines(shard)
    (shard / "environment.json").write_text(json.dumps({**environment, "versions": {"torch": "1"}}))
    with_others = [json.loads(line) for line in records]
    with_others[-1]["versions"]["torch"] = "1"
    without = [{name: value for name, value in json.loads(line).items() if name != "versions"} for line in records]
    for one in (with_others, without):
        (shard / "experiments.jsonl").write_text("".join(json.dumps(record) + "\n" for record in one))
        refused(cli("merge", run), "another version of torch", run, "3-of-3")
    (shard / "experiments.jsonl").write_text("".join(f"{line}\n" for line in records))
    assert cli("merge", run).code == 0


def test_later_pictures_of_other_versions_are_told(run: Path, cli) -> None:
    shard = run / "shards/3-of-3"
    environment = json.loads((shard / "environment.json").read_text())
    versions = {**environment["versions"], "cfgsweep": "0.0", "python": "3", "torch": "1", "pillow": "2"}
    (shard / "environment.json").write_text(json.dumps({**environment, "versions": versions}))
    next((shard / "images").iterdir()).unlink()
    said = cli("run", shard).err
    now = environment["versions"]
    assert "this run was last computed with cfgsweep 0.0, torch 1, pillow 2, here is " in said
    here = ", ".join(f"{name} {now[name]}" for name in ("cfgsweep", "torch", "pillow"))
    assert f"here is {here}: new pictures may differ" in said
    assert "last computed with" not in cli("run", shard).err


def refused(done, problem: str, run: Path, shard: str) -> None:
    assert done.code == 2
    assert problem in done.err
    assert shard in done.err
    assert not (run / "experiments.jsonl").exists()


def test_shards_of_different_cuts_are_refused(made: Path, run: Path, cli) -> None:
    shutil.copytree(run / "shards/1-of-3", run / "shards/1-of-4")
    done = cli("merge", run)
    assert (done.code, "shards of different cuts" in done.err) == (2, True)


def test_nothing_is_copied_where_there_are_no_such_actors(run: Path, cli) -> None:
    done = cli("merge", run, "--gpus", 100_000)
    assert (done.code, "error: --gpus: " in done.err) == (2, True)
    assert [path.name for path in run.iterdir()] == ["shards"]


@pytest.mark.parametrize("below", ["shards", "shards/1-of-3"])
def test_a_folder_below_that_of_the_run_is_refused(run: Path, cli, below: str) -> None:
    done = cli("merge", run / below)
    assert (done.code, f"no shards to merge\n  name {run}\n" in done.err) == (2, True)


def test_a_folder_without_shards_is_refused(tmp_path: Path, cli) -> None:
    done = cli("merge", tmp_path)
    assert (done.code, "no shards to merge" in done.err) == (2, True)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/3", "1/9999999"])
def test_what_is_no_shard_is_refused(text: str, made: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no shard"):
        cfgsweep.run(made / "s.yaml", out=tmp_path / "out", shard=text)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_run_that_goes_on_on_another_kind_of_cpu_says_so(made: Path, tmp_path: Path) -> None:
    """PyTorch's code for CPUs without vector instructions, as ATEN_CPU_CAPABILITY chooses it."""
    out, default = tmp_path / "out", {"ATEN_CPU_CAPABILITY": "default"}
    first, second = (
        subprocess.run(
            [sys.executable, "-m", "cfgsweep", "run", made / "s.yaml", "--out", out, "--limit", "1"],
            env={**os.environ, **kind},
            capture_output=True,
            text=True,
            check=True,
        )
        for kind in ({}, default)
    )
    assert "this run was begun on" not in first.stderr + first.stdout
    assert "; here it is cpu with DEFAULT, and new pictures may differ" in second.stderr + second.stdout
