"""What a finished run names but this installation lacks is read as it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfgsweep.config.absent import AbsentCode, without_code
from cfgsweep.config.instances import make_all
from cfgsweep.config.user_code import allow_code
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES

MINE = """
from __future__ import annotations
from cfgsweep.config.parameters import Number
from cfgsweep.guidance import Guider
from cfgsweep.guidance.schedulable import Numeric
from cfgsweep.guidance.schedules import Schedule

class Mine(Guider):
    default_scale = 3.5
    list_valued = ("sigma", "places")
    gain: Numeric = 1.0
    places: tuple[str, ...] = ()
    on: bool = False

class Curve(Schedule):
    power: Number = 2.0

    def shape(self, value, steps):
        return [value * (step / steps) ** self.power for step in range(steps)]
"""

GUIDER = {
    "my.py:Mine": {
        "gain": {"cosine": {"k_decay": 0.123456789, "max_val": 2.0}},
        "places": ["mid", "up"],
        "on": True,
        "stop": 0.5,
        "sigma": [0.5, 2.0],
        "guidance_rescale": {"linear": {"max_val": 0.7}},
    }
}
PLAIN = {"my.py:Mine": {"gain": "linear", "places": ["mid"]}}
SCHEDULE = {"my.py:Curve": {"power": 1.0, "max_val": 3.0}}


@pytest.mark.parametrize(
    ("registry", "written"),
    [(GUIDERS, "my.py:Mine"), (GUIDERS, GUIDER), (GUIDERS, PLAIN), (SCHEDULES, "my.py:Curve"), (SCHEDULES, SCHEDULE)],
)
def test_a_stand_in_has_the_title_the_file_entry_and_the_id_of_what_it_stands_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registry, written: object
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text(MINE)
    with allow_code():
        (real,) = make_all(registry, written)
    (tmp_path / "my.py").unlink()
    known = {name: {"code_hash": code_hash} for name, code_hash in real.code().items()}
    with without_code(known, SCHEDULES):
        (read,) = make_all(registry, real.spec())
        (again,) = make_all(registry, real.spec())
    assert isinstance(read, AbsentCode)
    assert isinstance(read, registry.base)
    assert (read.spec(), read.title(), read.id_settings()) == (real.spec(), real.title(), real.id_settings())
    assert read == again
    assert hash(read) == hash(again)


def test_a_stand_in_has_the_default_scale_that_records_know() -> None:
    known = {"theirs": {"default_scale": 3.5}, "my.py:Mine": {}}
    with without_code(known, SCHEDULES):
        assert make_all(GUIDERS, "theirs")[0].default_scale == 3.5
        assert make_all(GUIDERS, "my.py:Mine")[0].window(10) == range(10)


def test_what_is_here_is_not_replaced_and_what_no_record_names_is_unknown() -> None:
    with without_code({"cfg": {}}, SCHEDULES):
        assert not isinstance(make_all(GUIDERS, "cfg")[0], AbsentCode)
        with pytest.raises(UserError, match="unknown guider 'theirs'"):
            make_all(GUIDERS, "theirs")


def test_no_file_is_imported_though_code_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.py").write_text("raise SystemExit")
    with allow_code(), without_code({}, SCHEDULES):
        assert isinstance(make_all(GUIDERS, "my.py:Mine")[0], AbsentCode)
