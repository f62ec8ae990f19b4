"""Windows of U-turns and forks: known curves are located, intervals cover, and the command's words are right."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cfgsweep.phases.windows import Window
from cfgsweep.storage.drawings import is_any_drawing
from cfgsweep.storage.run_folder import RunFolder

NOISE = np.linspace(0, 1, 11)


def thresholds(centre: float, spread: float, pictures: int, seed: int) -> np.ndarray:
    """Every picture keeps its class up to a noise of its own, which is evenly distributed."""
    lost_at = np.random.default_rng(seed).uniform(centre - spread, centre + spread, pictures)
    return (NOISE[None] < lost_at[:, None]).astype(float)


def test_a_known_curve_is_located() -> None:
    """Evenly spread thresholds give a straight line: half-way in its middle, and 10 to 90 % is 0.8 of it."""
    window = Window.of("x", NOISE, thresholds(0.55, 0.25, 4000, 0))
    assert window.location is not None
    assert window.width is not None
    assert window.location.value == pytest.approx(0.55, abs=0.02)
    assert window.width.value == pytest.approx(0.8 * 0.5, abs=0.03)
    assert window.ends == pytest.approx((0.35, 0.75), abs=0.02)
    assert window.location.low < window.location.value < window.location.high
    assert window.points[0].mean == 1.0


@pytest.mark.slow
def test_intervals_of_the_location_cover_at_their_rate() -> None:
    true = Window.of("x", NOISE, thresholds(0.5, 0.3, 20_000, 0)).location
    assert true is not None
    found = [Window.of("x", NOISE, thresholds(0.5, 0.3, 60, seed)).location for seed in range(1, 61)]
    covered = [one is not None and one.low <= true.value <= one.high for one in found]
    assert sum(covered) >= 51  # of 60; fewer have a probability below 1 % at a rate of 95 %


def test_a_curve_without_a_change_has_no_window() -> None:
    assert Window.of("x", NOISE, np.ones((30, 11))).location is None
    noise = (np.random.default_rng(0).random((30, 11)) < 0.5).astype(float)
    assert Window.of("x", NOISE, noise).location is None


def test_a_fall_between_two_places_is_told() -> None:
    numbers = (NOISE[None] < 0.45).astype(float).repeat(20, axis=0)
    (told,) = Window.of("x", NOISE, numbers).notes()
    assert "between 0.4 and 0.5, where nothing was tried" in told
    assert list(Window.of("x", NOISE, thresholds(0.55, 0.25, 400, 0)).notes()) == []


SWEEP = {"name": "w", "model": "digits", "label": [0, 1, 2, 3], "seed": [1, 2], "steps": 6, "guider": "cfg", "value": 0}


@pytest.mark.slow
def test_the_command_draws_and_tells(cli, sweep_file, tmp_path: Path) -> None:
    """At scale 0 the label has no effect, and a picture that is all noise again is another one."""
    given = {**SWEEP, "seed": list(range(12)), "label": 1, "value": [0, 2]}
    given |= {"start": {"noise": [0, 0.5, 1], "seeds": 2}, "metrics": "kept"}
    done = cli("run", sweep_file(json.dumps(given)), "--out", tmp_path / "r")
    assert done.code == 0, done.err
    for record in RunFolder(tmp_path / "r").records().values():
        assert record.metrics["kept"] in ((0.0, 1.0) if record.start else (1.0,))
    shown = cli("window", tmp_path / "r")
    assert shown.code == 0, shown.err
    assert "value 2  12        1.00   1.00  no change shown" in shown.out
    assert is_any_drawing(tmp_path / "r/grids/w-window.png")
    found = json.loads(cli("window", tmp_path / "r", "--json", "--where", "value=0").out)["windows"]
    assert len(found) == 1
    assert found[0]["pictures"] == 12
    assert 0 < found[0]["location"]["low"] <= found[0]["location"]["value"] <= found[0]["location"]["high"] < 1
    assert cli("grid", tmp_path / "r", "--plot").code == 0
    assert cli("verify", tmp_path / "r").code == 0
    refused = cli("window", tmp_path / "r", "--metric", "contrast")
    assert refused.code == 2
    assert "was not measured in this run" in refused.err


def test_pictures_that_are_one_and_the_same_are_told(cli, sweep_file, tmp_path: Path) -> None:
    given = {**SWEEP, "seed": [1, 2, 3, 4, 5], "label": [0, 1], "start": {"noise": [0, 0.5, 1]}}
    given |= {"value": [0, 2], "metrics": ["kept", "contrast"]}
    assert cli("run", sweep_file(json.dumps(given)), "--out", tmp_path / "r", "--quiet").code == 0
    told = [line for line in cli("window", tmp_path / "r").out.splitlines() if "count as" in line]
    assert [line.partition(":")[0] for line in told] == ["value 0"]
    assert "its 10 pictures count as 5" in told[0]
    assert cli("window", tmp_path / "r", "--metric", "contrast").code == 0
    drawn = {path.name for path in (tmp_path / "r/grids").glob("w-window*")}
    assert drawn == {"w-window.png", "w-window=contrast.png"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": {"noise": [0.5, 1]}, "metrics": "kept"}, "add it: noise: [0, ...]"),
        ({"fork": {"at": 0.5}, "metrics": "kept"}, "add it: [none, {at: ...}]"),
        ({"metrics": "kept"}, "there is none"),
    ],
)
def test_kept_needs_the_picture_itself(cli, sweep_file, tmp_path: Path, changes: dict, words: str) -> None:
    refused = cli("run", sweep_file(json.dumps({**SWEEP, **changes})), "--out", tmp_path / "r")
    assert refused.code == 2
    assert words in refused.err
    assert not (tmp_path / "r").exists()


def test_forks_of_one_picture_are_a_group(cli, sweep_file, tmp_path: Path) -> None:
    given = {**SWEEP, "label": 1, "fork": ["none", {"at": [2, 5], "seeds": 3}], "metrics": ["kept", "diversity"]}
    assert cli("run", sweep_file(json.dumps(given)), "--out", tmp_path / "r").code == 0
    found: dict[tuple, set[float]] = {}
    for record in RunFolder(tmp_path / "r").records().values():
        if record.fork:
            found.setdefault((record.seed, record.fork["at"]), set()).add(record.metrics["diversity"])
        else:
            assert "diversity" not in record.metrics
    assert [len(numbers) for numbers in found.values()] == [1, 1, 1, 1]
    early, late = ([numbers.pop() for (_, at), numbers in found.items() if at == place] for place in (2, 5))
    assert min(early) > max(late)
    refused = cli("window", tmp_path / "r")
    assert "too few for a window" in refused.err
    assert refused.code == 2


def test_of_u_turns_of_files_another_metric_than_kept_is_advised(cli, sweep_file, tmp_path: Path) -> None:
    Image.new("RGB", (28, 28), "grey").save(tmp_path / "grey.png")
    given = {**SWEEP, "start": {"noise": [0.5, 1], "image": str(tmp_path / "grey.png")}, "metrics": "contrast"}
    done = cli("run", sweep_file(json.dumps(given)), "--out", tmp_path / "r", "--quiet")
    assert done.code == 0, done.err
    refused = cli("window", tmp_path / "r")
    assert refused.code == 2
    assert "allowed: contrast" in refused.err
    assert "kept cannot be measured of U-turns of files" in refused.err
    assert "metrics: kept" not in refused.err
