"""`cfgsweep guiders` and `cfgsweep schedules` tell all there is, as the code has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cfgsweep.guidance import GUIDERS, Guider
from cfgsweep.guidance.schedules import SCHEDULES
from cfgsweep.reports.catalogue import schedules_figure, usual_branches


def test_every_guider_is_listed_with_its_cost_and_source(cli) -> None:
    printed = cli("guiders").out.splitlines()[1:]
    assert [line.split()[0] for line in printed] == list(GUIDERS)
    for line, cls in zip(printed, GUIDERS.values(), strict=True):
        assert line.split()[1] == str(len(usual_branches(cls)))
        assert cls.source
        assert cls.source in line


@pytest.mark.parametrize("name", GUIDERS)
def test_a_guider_s_page_has_all_its_parameters(cli, name: str) -> None:
    page = cli("guiders", name).out
    for parameter, field in GUIDERS[name].model_fields.items():
        (line,) = [line for line in page.splitlines() if line.startswith(f"{parameter} ")]
        assert field.description is None or field.description in line
        assert ("may follow a schedule" in line) == (parameter in GUIDERS[name].numeric())
    assert GUIDERS[name].formula.split(",")[0] in page


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_s_page_has_all_its_parameters(cli, name: str) -> None:
    page = cli("schedules", name).out
    assert all(f"\n{parameter} " in page for parameter in SCHEDULES[name].model_fields)


def test_schedules_are_listed_and_drawn(cli, tmp_path: Path) -> None:
    done = cli("schedules", "--plot", tmp_path / "deep" / "all.png")
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines()[1:-1]] == list(SCHEDULES)
    assert Image.open(tmp_path / "deep" / "all.png").width > 400
    one = cli("schedules", "cosine", "--plot", tmp_path / "one.svg")
    assert "<svg" in (tmp_path / "one.svg").read_text()
    assert one.out.endswith("one.svg\n")


def test_a_schedule_alone_is_drawn_with_its_mean_matched_on_the_same_scale() -> None:
    (axes,) = schedules_figure(["cosine"], value=7.5).axes
    curves = {line.get_label(): line.get_ydata() for line in axes.get_lines() if len(line.get_xdata()) > 2}
    assert list(curves) == ["cosine", "cosine match_mean=True"]
    assert (max(curves["cosine"]), np.mean(curves["cosine match_mean=True"])) == pytest.approx((7.5, 7.5))
    assert axes.get_ylim()[1] > max(curves["cosine match_mean=True"]) > 1.5 * max(curves["cosine"])
    for names in (["constant"], ["cosine", "linear"]):  # whose mean is its value; several
        (axes,) = schedules_figure(names).axes
        assert [text.get_text() for text in axes.get_legend().get_texts()] == names


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [3, 50])
def test_every_schedule_has_an_example_to_draw(name: str, steps: int) -> None:
    assert len(SCHEDULES[name].example(steps).values(7.5, steps)) == steps


def test_a_guider_without_defaults_is_listed(cli) -> None:
    class Demanding(Guider):
        """Has a parameter that must be given."""

        name = "demanding"
        source = "this test"
        wanted: float

    try:
        (line,) = (line for line in cli("guiders").out.splitlines() if line.startswith("demanding"))
        assert line.split()[1] == "?"
        assert "depends on its parameters" in cli("guiders", "demanding").out
    finally:
        del GUIDERS._classes["demanding"]


def test_what_is_not_there_is_said(cli, tmp_path: Path) -> None:
    assert "did you mean 'pag'?" in cli("guiders", "pga").err
    assert "did you mean 'cosine'?" in cli("schedules", "cosin").err
    refused = cli("schedules", "--plot", tmp_path / "x.gnp")
    assert refused.code == 2
    assert "png" in refused.err
