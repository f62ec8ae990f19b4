"""`guider: my.py:Mine` runs a user's file only if that is allowed, and says in words what is wrong with it."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from cfgsweep.config.instances import make_all
from cfgsweep.config.user_code import allow_code
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS, Guider
from cfgsweep.guidance.schedules import SCHEDULES

MINE = """
from __future__ import annotations
import subprocess
import sys
from pathlib import Path
from cfgsweep.guidance import Guider
from cfgsweep.guidance.guiders.cfg import CFG as Imported
from cfgsweep.guidance.schedulable import Numeric

Path("imported").touch()

class Mine(Guider):
    name = "cfg"  # a name that is taken: in a file of one's own it is not registered
    gain: Numeric = 1.0

class NoGuider:
    pass
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_is_not_imported_without_leave(here: Path) -> None:
    (here / "my.py").write_text(MINE)
    with pytest.raises(UserError, match="--allow-code") as caught:
        make_all(GUIDERS, "my.py:Mine")
    assert "my.py would run its code" in str(caught.value)
    assert not (here / "imported").exists()


def test_a_class_of_a_file_has_its_parameters_its_name_and_its_hash(here: Path) -> None:
    (here / "my.py").write_text(MINE)
    with allow_code():
        made = make_all(GUIDERS, {"my.py:Mine": {"gain": [0.5, "linear"], "stop": 0.5}})
        again = make_all(GUIDERS, {"my.py:Mine": {"gain": 0.5, "stop": 0.5}})
    code_hash = hashlib.sha256(MINE.encode()).hexdigest()[:16]
    assert [guider.spec() for guider in made] == [
        {"my.py:Mine": {"stop": 0.5, "gain": 0.5}},
        {"my.py:Mine": {"stop": 0.5, "gain": "linear"}},
    ]
    assert made[0] == again[0]
    assert made[0].id_settings() == {"my.py:Mine": {"stop": 0.5, "gain": 0.5}, "code_hash": code_hash}
    assert made[0].code() == {"my.py:Mine": code_hash}
    assert GUIDERS["cfg"].__module__ == "cfgsweep.guidance.guiders.cfg"
    with pytest.raises(UserError, match=r"unknown parameter of guider my.py:Mine 'gian'"), allow_code():
        make_all(GUIDERS, {"my.py:Mine": {"gian": 1}})


def test_a_changed_file_is_another_class(here: Path) -> None:
    (here / "my.py").write_text(MINE)
    with allow_code():
        (before,) = make_all(GUIDERS, "my.py:Mine")
        (here / "my.py").write_text(MINE + "\n# changed\n")
        (after,) = make_all(GUIDERS, "my.py:Mine")
    assert before != after
    assert before.code_hash != after.code_hash


def test_a_schedule_of_a_file_may_be_a_guider_s_parameter(here: Path) -> None:
    text = "from cfgsweep.guidance.schedules import Schedule\n\nclass Flat(Schedule):\n"
    (here / "flat.py").write_text(text + "    def shape(self, value, steps):\n        return [value] * steps\n")
    with allow_code():
        (guider,) = make_all(GUIDERS, {"pag": {"pag_scale": {"flat.py:Flat": {"max_val": 2}}}})
        (schedule,) = make_all(SCHEDULES, "flat.py:Flat")
    assert guider.parameter_values(3)["pag_scale"] == schedule.values(2.0, 3) == [2.0, 2.0, 2.0]
    assert list(guider.code()) == ["flat.py:Flat"]


@pytest.mark.parametrize(
    ("text", "reference", "problem"),
    [
        (None, "my.py:Mine", "cannot be read: No such file"),
        (MINE, "my.py:Mime", "unknown class of my.py 'Mime'\n  allowed: Mine\n  did you mean 'Mine'?"),
        (MINE, "my.py:NoGuider", "NoGuider of my.py is no guider"),
        (MINE, "my.py:Imported", "unknown class of my.py 'Imported'"),
        ("x = 1\nimport a_package_that_is_not_there\n", "my.py:Mine", "my.py, line 2: ModuleNotFoundError: No module"),
        ("def f():\n    return 1 / 0\nf()\n", "my.py:Mine", "my.py, line 2: ZeroDivisionError"),
        ("x = 1\nclass Mine(:\n", "my.py:Mine", "my.py, line 2: SyntaxError: invalid syntax"),
        ("raise SystemExit(3)\n", "my.py:Mine", "my.py, line 1: SystemExit: 3"),
        ("x = '\ud800'\n".encode("utf-8", "surrogatepass"), "my.py:Mine", "my.py"),
        (
            "from cfgsweep.guidance import Guider\n\nclass Mine(Guider):\n    gain = 1.0\n",
            "my.py:Mine",
            "my.py, line 3: PydanticUserError: A non-annotated attribute",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_in_words(
    here: Path, text: str | bytes | None, reference: str, problem: str
) -> None:
    if text is not None:
        (here / "my.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught, allow_code():
        make_all(GUIDERS, reference)
    assert problem in str(caught.value)


def test_leave_ends_with_its_block(here: Path) -> None:
    (here / "my.py").write_text(MINE)
    with allow_code():
        assert issubclass(GUIDERS["my.py:Mine"], Guider)
    with pytest.raises(UserError, match="--allow-code"):
        make_all(GUIDERS, "my.py:Mine")


def test_a_file_may_import_built_in_classes_before_anything_else_does(here: Path) -> None:
    """In a process of its own: the registries are filled only once."""
    (here / "mine.py").write_text(
        "from cfgsweep.metrics.base import PictureMetric\nfrom cfgsweep.metrics.distances.pixels import Pixels\n\n"
        "class Mine(PictureMetric):\n    def measure(self, picture, condition):\n        return 0.0\n"
    )
    code = (
        "import cfgsweep\nfrom cfgsweep.metrics.distances import DISTANCES\n"
        "with cfgsweep.allow_code():\n"
        "    cfgsweep.Sweep(name='x', model='emoji', prompt='a', guider='cfg', metrics=['mine.py:Mine'])\n"
        "print(DISTANCES.look_up('pixels').__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=here)
    assert done.stdout.strip() == "Pixels", done.stderr
