"""Map searches on planes whose kinds of pictures are known, and `cfgsweep phase` with two settings."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cfgsweep.metrics.distances import rms
from cfgsweep.phases.map_search import MapSearch
from cfgsweep.phases.search_range import SearchRange
from tests.support.page_data import WrittenPage

ACROSS = SearchRange(tuple(np.linspace(0, 2, 9).tolist()), 0.05)
UP = SearchRange(tuple(np.linspace(-1, 1, 7).tolist()), 0.05)
KINDS = np.eye(3)


def mapped(kind_at) -> MapSearch:
    found = MapSearch(ACROSS, UP, rms)
    for _ in range(20):
        points = found.next_points(8)
        if not points:
            return found
        assert not found.points.keys() & set(points)
        found.add_points({(x, y): KINDS[kind_at(x, y)] + 0.02 * np.sin(x + y) for x, y in points})
    raise AssertionError("the map does not end")


@given(slope=st.floats(-1, 1), middle=st.floats(0.6, 1.4))
@settings(max_examples=30)
def test_only_the_border_between_kinds_is_refined(slope: float, middle: float) -> None:
    found = mapped(lambda x, y: int(x > middle + slope * y))
    kinds = found.kinds
    assert len(set(kinds.values())) == 2
    for left, right, bottom, top in found.cells:
        here = {kinds[x, y] for x in (left, right) for y in (bottom, top)}
        if len(here) > 1:
            assert right - left <= ACROSS.tolerance
            assert top - bottom <= UP.tolerance
    full = (2 / 0.03125 + 1) * (2 / 0.0416 + 1)  # the finest grid there is
    assert len(found.points) < 0.5 * full
    sides = {kind: {x > middle + slope * y for (x, y), k in kinds.items() if k == kind} for kind in (0, 1)}
    assert all(len(side) == 1 for side in sides.values())


def test_a_plane_of_one_kind_takes_the_first_grid_alone() -> None:
    found = MapSearch(ACROSS, UP, rms)
    found.floor = 0.1
    found.add_points({point: KINDS[0] + 0.01 * point[0] for point in found.next_points(8)})
    assert found.next_points(8) == []
    assert set(found.kinds.values()) == {0}
    assert len(found.points) == 9 * 7


def test_three_kinds_meet_and_each_has_a_typical_picture() -> None:
    found = mapped(lambda x, y: 0 if y > 0.1 else 1 + int(x > 1.05))
    assert len(set(found.kinds.values())) == 3
    typical = found.typical_points()
    assert len({found.kinds[point] for point in typical}) == 3


def test_the_command_writes_a_map(cli, sweep_file, tiny_model, tmp_path) -> None:
    settings = {
        "name": "m",
        "model": str(tiny_model),
        "prompt": "a cat",
        "steps": 3,
        "guider": {"cfg": {"guidance_rescale": 0.0}},
        "seed": [1, 2],
        "search": ["value", "guider.cfg.guidance_rescale"],
        "phase": {"low": [0, 0], "high": [40, 1], "scan": 5, "tolerance": [6, 0.15]},
    }
    out = tmp_path / "out"
    outcome = cli("phase", sweep_file(yaml.safe_dump(settings)), "--out", out, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    report = json.loads((out / "phase.json").read_text())
    assert [search["rounds"][0].__len__() for search in report["searches"]] == [25, 25]
    assert (out / "phase.png").stat().st_size > 0
    plan = json.loads(cli("plan", out / "sweep.yaml", "--out", out, "--json").out)
    assert plan["pending"] == 0
    assert plan["experiments"] == sum(len(search["points"]) for search in report["searches"])
    page = WrittenPage(out / "page")
    assert [found["title"] for found in page.plan["maps"]] == ["seed 1", "seed 2"]
    for found, search in zip(page.plan["maps"], report["searches"], strict=True):
        assert found["across"] == {"name": "value", "label": "value", "low": 0, "high": 40, "tolerance": 6}
        assert (found["up"]["name"], found["up"]["label"]) == ("guider.cfg.guidance_rescale", "cfg guidance_rescale")
        points = {page.plan["ids"][point["cell"]]: point for point in found["points"]}
        for point, kind in zip(search["points"], search["kinds"], strict=True):
            shown = points[point["id"]]
            assert ([shown["x"], shown["y"]], shown["kind"]) == (point["value"], kind)
        assert [f"images/{page.plan['ids'][cell]}.png" for cell in found["typical"]] == [
            typical["image"] for typical in search["typical"]
        ]
        check_areas(found)


def check_areas(found: dict) -> None:
    """They cover the plane, and tell the kinds of the pictures at their corners."""
    kinds = {(point["x"], point["y"]): point["kind"] for point in found["points"]}
    for area in found["areas"]:
        corners = {kinds[x, y] for x in (area["left"], area["right"]) for y in (area["bottom"], area["top"])}
        assert area["kind"] == (corners.pop() if len(corners) == 1 else None)
    sizes = [(area["right"] - area["left"]) * (area["top"] - area["bottom"]) for area in found["areas"]]
    assert sum(sizes) == pytest.approx(40)
    assert max(area["right"] for area in found["areas"]) == 40


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (["value", "value"], "twice"),
        (["value", "guider.cfg.guidance_rescale", "guider.cfg.start"], "at most 2"),
    ],
)
def test_invalid_maps_are_refused(cli, sweep_file, tmp_path, search: list[str], message: str) -> None:
    settings = {"name": "m", "model": "emoji", "prompt": "a", "guider": "cfg", "search": search}
    text = yaml.safe_dump({**settings, "phase": {"low": 0, "high": 1}})
    outcome = cli("phase", sweep_file(text), "--out", tmp_path / "o", "--device", "cpu")
    assert outcome.code == 2
    assert message in outcome.err
