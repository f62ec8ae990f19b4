"""A class is registered by being defined; packages offer more by entry points."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from cfgsweep.config.instances import make_all
from cfgsweep.config.parameters import Number, Parameters
from cfgsweep.config.registry import Registry
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES

PLUGIN = """
from cfgsweep.guidance.schedules import Schedule

class Halved(Schedule):
    '''Half the value.'''
    name = "halved"

    def shape(self, value, steps):
        return [value / 2] * steps

class Other(Schedule):
    name = "other"

not_a_class = 7
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package with entry points, some of them broken."""
    info = tmp_path / "halving-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halving\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[cfgsweep.schedules]\nhalved = halving:Halved\nrenamed = halving:Other\nnumber = halving:not_a_class\n"
        "broken = halving_broken:Halved\n"
    )
    (tmp_path / "halving.py").write_text(PLUGIN)
    (tmp_path / "halving_broken.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    before = dict(SCHEDULES._classes)
    yield tmp_path
    SCHEDULES._classes.clear()
    SCHEDULES._classes.update(before)
    for name in ("halving", "halving_broken"):
        sys.modules.pop(name, None)


def test_a_schedule_of_a_package_is_found_by_its_name(plugin: Path) -> None:
    assert "halving" not in sys.modules
    (schedule,) = make_all(SCHEDULES, {"halved": {"match_mean": True}})
    assert schedule.values(3.0, 2) == [3.0, 3.0]
    assert {"halved", "cosine"} <= set(SCHEDULES)


def test_names_of_packages_are_suggested(plugin: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'halved'"):
        make_all(SCHEDULES, "halfed")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("broken", "package halving cannot be imported: ModuleNotFoundError: No module named 'a_package_that_is_not"),
        ("renamed", "whose `name` is 'renamed'"),
        ("number", "the package halving is none"),
    ],
)
def test_a_broken_package_is_named(plugin: Path, name: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        make_all(SCHEDULES, name)


def test_our_own_names_need_no_entry_points(plugin: Path) -> None:
    assert make_all(SCHEDULES, "cosine")[0].name == "cosine"
    assert "halving" not in sys.modules


def curves() -> tuple[Registry[Parameters], type[Parameters]]:
    """A registry of its own, and its base class."""

    class Base(Parameters):
        registry: ClassVar[Registry[Parameters]] = Registry("curve", "cfgsweep.metrics")

    return Base.registry, Base


def test_a_new_file_in_the_package_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, base = curves()
    package = tmp_path / "fresh_curves"
    package.mkdir()
    (package / "__init__.py").touch()
    text = "import sys\n\nclass Fresh(sys.modules['fresh_base'].Base):\n    name = 'fresh'\n"
    (package / "one_file.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "fresh_base", SimpleNamespace(Base=base))  # type: ignore[arg-type]
    registry.package = "fresh_curves"
    assert list(registry) == registry.built_in() == ["fresh"]
    assert issubclass(registry["fresh"], base)


def test_defining_a_class_registers_it_and_defining_it_again_replaces_it() -> None:
    registry, base = curves()

    def define(default: float) -> type[Parameters]:
        class Curve(base):  # type: ignore[misc, valid-type]
            name = "curve"
            a: Number = default

        return Curve

    assert registry["curve" if define(1.0) else ""]().model_dump() == {"a": 1.0}
    again = define(2.0)
    assert registry["curve"] is again
    assert list(registry) == ["curve"]


def test_a_class_without_a_name_of_its_own_is_not_registered() -> None:
    registry, base = curves()

    class Curve(base):  # type: ignore[misc, valid-type]
        name = "curve"

    class Changed(Curve):
        a: Number = 3.0

    assert registry["curve"] is Curve


def test_two_classes_cannot_share_a_name() -> None:
    _, base = curves()

    class Curve(base):  # type: ignore[misc, valid-type]
        name = "curve"

    with pytest.raises(UserError, match="two curves have the name 'curve'"):

        class Other(base):  # type: ignore[misc, valid-type]
            name = "curve"


@pytest.mark.parametrize("name", [None, 7, ["cfg"], "", "nothing.py", "diffusers.Nothing"])
def test_what_is_no_name_is_refused(name: object) -> None:
    with pytest.raises(UserError, match="unknown guider"):
        GUIDERS.look_up(name)
