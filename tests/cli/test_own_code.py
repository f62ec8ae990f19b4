"""Guiders, schedules, metrics and distances in files of one's own: run with leave, and read without the files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import cfgsweep
from cfgsweep.config.absent import AbsentCode
from cfgsweep.storage.open_run import sweep_of_run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def records_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "experiments.jsonl").read_text().splitlines()]


def write_sweep(model: Path, **settings: Any) -> str:
    base = {"name": "own", "model": str(model), "prompt": "a cat", "steps": 3, "seed": 1}
    guiders = ["cfg", "mine.py:Mine", {"mine.py:Mine": {"gain": [0.5, "linear"]}}]
    Path("own.yaml").write_text(yaml.safe_dump({**base, "guider": guiders, **settings}))
    return "own.yaml"


@pytest.mark.slow
def test_the_template_s_test_passes_as_it_is(cli, here: Path) -> None:
    done = cli("guiders", "--new", "my_own.py")
    assert (done.code, done.out.split()) == (0, ["my_own.py", "test_my_own.py"])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_my_own.py"]
    tested = subprocess.run(command, capture_output=True, text=True, cwd=here)
    assert tested.returncode == 0, tested.stdout
    assert "1 passed" in tested.stdout
    (here / "my_own.py").write_text((here / "my_own.py").read_text().replace("ctx.scale *", "2 * ctx.scale *"))
    assert subprocess.run(command, capture_output=True, cwd=here).returncode == 1


@pytest.mark.parametrize("there", ["mine.py", "test_mine.py"])
def test_a_template_overwrites_nothing(cli, here: Path, there: str) -> None:
    Path(there).write_text("precious")
    refused = cli("guiders", "--new", "mine.py")
    assert refused.code == 2
    assert f"there is such a file already\n  given:   '{there}'" in refused.err
    assert [path.name for path in here.iterdir()] == [there]
    assert Path(there).read_text() == "precious"


@pytest.mark.parametrize("name", ["my-own.py", "mine.txt", "class.py", "mine"])
def test_a_template_has_the_name_of_a_module(cli, here: Path, name: str) -> None:
    refused = cli("guiders", "--new", name)
    assert refused.code == 2
    assert "not a name of a Python module" in refused.err
    assert not list(here.iterdir())


def test_a_sweep_with_a_guider_of_one_s_own(cli, here: Path, tiny_model: Path) -> None:
    assert cli("guiders", "--new", "mine.py").code == 0
    config, run = write_sweep(tiny_model), here / "r"
    for command in (["run", "--out", run], ["plan"], ["phase"]):
        refused = cli(command[0], config, *command[1:])
        assert refused.code == 2
        assert "own.yaml:3: guider.1: mine.py would run its code" in refused.err
        assert "--allow-code" in refused.err
    assert not run.exists()

    refused = cli("guiders", "mine.py:Mine")
    assert refused.code == 2
    assert "--allow-code" in refused.err
    assert "mine.py:Mine" in cli("guiders", "mine.py:Mine", "--allow-code").out
    planned = cli("plan", config, "--allow-code", "--json")
    assert json.loads(planned.out)["experiments"] == 4
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    records = records_of(run)
    assert [record["title"] for record in records] == [
        "cfg",
        "mine.py:Mine",
        "mine.py:Mine gain=0.5",
        "mine.py:Mine gain=(linear)",
    ]
    (code,) = {json.dumps(record["code"]) for record in records if "code" in record}
    assert list(json.loads(code)) == ["mine.py:Mine"]
    assert ["code" in record for record in records] == [False, True, True, True]
    cfg, plain, *others = (record["pixels_sha256"] for record in records)
    assert cfg == plain  # the template's formula is that of cfg
    assert len({cfg, *others}) == 3

    again = cli("run", config, "--out", run, "--allow-code")
    assert "4 of 4 pictures were there already" in again.out
    with open("mine.py", "a") as file:
        file.write("\n# another file\n")
    changed = cli("run", config, "--out", run, "--allow-code")
    assert "1 of 4 pictures were there already" in changed.out


def test_a_finished_run_is_read_without_the_file(cli, here: Path, tiny_model: Path) -> None:
    assert cli("guiders", "--new", "mine.py").code == 0
    Path("mine.py").write_text(Path("mine.py").read_text().replace('name = "mine"', "default_scale = 3.0"))
    config, run = write_sweep(tiny_model, schedule=["constant", "cosine"]), here / "r"
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    records, drawn = records_of(run), (run / "grids/own.png").read_bytes()
    assert {record["value"] for record in records} == {7.5, 3.0}
    Path("mine.py").write_text("raise SystemExit('this must not run')")

    _, _, experiments = sweep_of_run(run)
    assert [e.id for e in experiments] == [record["id"] for record in records]
    assert sum(isinstance(e.guider, AbsentCode) for e in experiments) == 6
    assert cli("verify", run).out == "8 of 8 pictures are there and whole, and nothing is amiss\n"
    assert cli("grid", run).code == 0
    assert (run / "grids/own.png").read_bytes() == drawn
    Path("mine.py").unlink()
    assert cli("grid", run, "--rows", "schedule").code == 0
    assert "cannot be read: No such file" in cli("run", config, "--out", run, "--allow-code").err


def test_an_exception_in_a_formula_of_one_s_own_has_its_file_and_line(cli, here: Path, tiny_model: Path) -> None:
    text = "from cfgsweep.guidance import Guider\n\n\nclass Wrong(Guider):\n    def combine(self, ctx):\n"
    Path("wrong.py").write_text(text + "        return ctx.cond + ctx.nothing\n")
    config = write_sweep(tiny_model, guider="wrong.py:Wrong", value=4.0)
    failed = cli("run", config, "--out", here / "r", "--allow-code")
    assert failed.code == 2
    assert "wrong.py, line 6: AttributeError: 'StepContext' object has no attribute 'nothing'" in failed.err
    assert "Traceback" not in failed.err


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("shape(self, value, steps):\n        return [1 / 0]", "line 6"),
        ("other(self):\n        pass", "NotImplementedError"),
    ],
)
def test_an_exception_in_a_schedule_of_one_s_own_is_told(
    cli, here: Path, tiny_model: Path, method: str, told: str
) -> None:
    text = "from cfgsweep.guidance.schedules import Schedule\n\n\nclass Wrong(Schedule):\n    def "
    Path("wrong.py").write_text(text + method + "\n")
    config = write_sweep(tiny_model, guider="cfg", schedule="wrong.py:Wrong", value=4.0)
    for command in ("plan", "run"):
        done = cli(command, config, "--allow-code", "--out", here / "r")
        assert done.code == 2
        assert "wrong.py" in done.err
        assert told in done.err


def test_a_file_that_only_a_record_names_is_not_run(cli, here: Path, tiny_model: Path) -> None:
    """Also as a parameter of a guider that is ours, and though code is allowed for the sweep at hand."""
    text = "from cfgsweep.guidance.schedules import Schedule\n\nclass Half(Schedule):\n"
    Path("half.py").write_text(text + "    def shape(self, value, steps):\n        return [value / 2] * steps\n")
    run = here / "r"
    config = write_sweep(tiny_model, guider={"apg": {"momentum": {"half.py:Half": {"max_val": -0.4}}}}, value=4.0)
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    Path("half.py").write_text("open('it-ran', 'w')\n")
    config = write_sweep(tiny_model, guider={"apg": {"momentum": {"linear": {"max_val": -0.4}}}}, value=4.0)
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    assert not Path("it-ran").exists()
    assert len(records_of(run)) == 2


def test_a_schedule_of_one_s_own(cli, here: Path, tiny_model: Path) -> None:
    text = "from cfgsweep.guidance.schedules import Schedule\n\nclass Half(Schedule):\n    after: float = 0.0\n\n"
    Path("half.py").write_text(
        text + "    def shape(self, value, steps):\n        return [value] + [self.after] * (steps - 1)\n"
    )
    schedules = ["half.py:Half", {"half.py:Half": {"after": [1.0, 2.0]}}]
    config, run = write_sweep(tiny_model, guider="cfg", schedule=schedules, value=4.0), here / "r"
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    assert all(list(record["code"]) == ["half.py:Half"] for record in records_of(run))
    with_curves = Image.open(run / "grids/own.png")
    Path("half.py").unlink()
    assert cli("verify", run).code == 0
    assert cli("grid", run).code == 0
    assert Image.open(run / "grids/own.png").height < with_curves.height  # no curves of schedules that are not known


MEASURES = """
from cfgsweep.metrics.base import GroupMetric, PictureMetric
from cfgsweep.metrics.distances import Distance
import numpy as np

class Width(PictureMetric):
    def measure(self, image, condition):
        return float(image.width)

class Count(GroupMetric):
    def measure(self, images):
        return float(len(images))

class Red(Distance):
    def embed(self, image):
        return np.asarray(image.convert("RGB"))[..., 0] / 255
"""


def test_metrics_of_one_s_own(cli, here: Path, tiny_model: Path) -> None:
    Path("my.py").write_text(MEASURES)
    metrics = ["my.py:Width", "my.py:Count"]
    config, run = write_sweep(tiny_model, guider="cfg", seed=[1, 2], value=[1, 2], metrics=metrics), here / "r"
    assert "metrics.0: my.py would run its code" in cli("run", config, "--out", run).err
    done = cli("run", config, "--out", run, "--allow-code")
    assert done.code == 0
    (width,) = {record["width"] for record in records_of(run)}
    assert all(record["metrics"] == {"my.py:Width": width, "my.py:Count": 2.0} for record in records_of(run))
    Path("my.py").write_text(MEASURES.replace("image.width", "image.width + 1"))
    assert cli("run", config, "--out", run, "--allow-code").code == 0
    assert {record["metrics"]["my.py:Width"] for record in records_of(run)} == {width + 1.0}
    Path("my.py").unlink()
    assert cli("grid", run, "--plot").code == 0


def test_a_search_by_a_parameter_and_a_distance_of_one_s_own(cli, here: Path, tiny_model: Path) -> None:
    assert cli("guiders", "--new", "mine.py").code == 0
    Path("my.py").write_text(MEASURES)
    settings = {"low": 0.5, "high": 2.0, "scan": 5, "tolerance": 0.5, "distance": "my.py:Red"}
    search = {"search": "guider.mine.py:Mine.gain", "phase": settings}
    config, run = write_sweep(tiny_model, guider="mine.py:Mine", value=4.0, **search), here / "r"
    refused = cli("phase", config, "--out", run)
    assert refused.code == 2
    assert "mine.py would run its code" in refused.err
    found = cli("phase", config, "--out", run, "--allow-code")
    assert found.code == 0, found.err
    assert json.loads((run / "phase.json").read_text())["distance"] == "my.py:Red"
    Path("my.py").unlink()
    Path("mine.py").unlink()
    assert cli("verify", run).code == 0
    again = cli("phase", run, "--out", run)
    assert again.code == 2
    assert "mine.py would run its code" in again.err


def test_python_takes_files_of_one_s_own_with_leave(here: Path, tiny_model: Path) -> None:
    cfgsweep.guiders(new="mine.py")
    fields = {"name": "own", "model": str(tiny_model), "prompt": "a cat", "steps": 2, "guider": "mine.py:Mine"}
    with pytest.raises(cfgsweep.UserError, match=r"guider: mine.py would run its code"):
        cfgsweep.Sweep(**fields)
    with cfgsweep.allow_code():
        sweep = cfgsweep.Sweep(**fields)
    run = cfgsweep.run(sweep, out="r", quiet=True)
    (record,) = run.records
    assert list(record.as_json()["code"]) == ["mine.py:Mine"]
    with cfgsweep.allow_code():
        assert cfgsweep.plan("r/sweep.yaml", out="r").as_json()["pending"] == 0
