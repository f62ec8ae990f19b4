"""The rooms of CONTRIBUTING.md: imports go downhill only, `__init__` files leave torch out, files are short.

The drawing in CONTRIBUTING.md is the list of rooms; there is no second one.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.import_layers import import_cycle, layer_violations, module_files

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cfgsweep"
LONGEST_FILE = 350
LONGEST_BODY = 45


def rooms() -> list[str]:
    """The rooms in the order of the drawing, the lowest first."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    drawing = text.partition("## The house")[2].partition("\n## ")[0]
    return re.findall(r"^ {4}(\w+)(?:/|\.py) ", drawing, re.MULTILINE)


def test_the_drawing_names_every_room_once() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    assert sorted(rooms()) == sorted(there)


def test_imports_go_downhill_only() -> None:
    assert layer_violations(PACKAGE, rooms()) == []


def test_no_modules_import_each_other() -> None:
    assert import_cycle(PACKAGE) == []


def test_packages_and_the_command_line_leave_torch_out() -> None:
    packages = [name for name, file in module_files(PACKAGE).items() if file.name == "__init__.py"]
    check = "assert 'torch' not in sys.modules, name"
    code = (
        f"import importlib, sys\nfor name in {[*packages, 'cfgsweep.cli']}:\n    importlib.import_module(name); {check}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_line_answers_before_it_imports_what_commands_use() -> None:
    """`cfgsweep --help` and completion of a shell take as long as their imports do."""
    code = "import sys, cfgsweep.cli; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    modules = imported.stdout.split()
    assert {"numpy", "PIL", "pydantic", "yaml"}.isdisjoint(modules)
    used = {name.split(".")[1] for name in modules if name.startswith("cfgsweep.")}
    assert used <= {"cli", "config", "errors", "execution", "metrics", "system"}


def test_files_and_functions_are_short() -> None:
    long = []
    for file in module_files(PACKAGE).values():
        text = file.read_text()
        if text.count("\n") > LONGEST_FILE:
            long.append(f"{file} is longer than {LONGEST_FILE} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and body_lines(node) > LONGEST_BODY:
                long.append(f"{file}:{node.lineno}: {node.name} is longer than {LONGEST_BODY} lines")
    assert not long


def body_lines(function: ast.FunctionDef) -> int:
    """Without the signature and the docstring: options of the command line take a line each."""
    first = function.body[1 if ast.get_docstring(function) and len(function.body) > 1 else 0]
    return (function.end_lineno or 0) - first.lineno + 1


# The checker itself, on packages written for the purpose -------------------------------------------------------------

HOUSE = {
    "__init__.py": "",
    "ground.py": "",
    "upper/__init__.py": "",
    "upper/one.py": "",
    "upper/two.py": "",
    "roof.py": "",
}
ROOMS = ["ground", "upper", "roof", "__init__"]
DOWNHILL = {
    "upper/one.py": "from house.ground import anything\nfrom . import two\nimport os.path",
    "roof.py": "import house.upper.one as one\nfrom .upper.two import x\nnote = 'house. A word that starts the same'",
    "__init__.py": "def __getattr__(name):\n    from house import roof\n    return getattr(roof, name)",
}
WRONG = {
    "at the top": ("ground.py", "import os\nimport house.upper.one", "ground.py:2: ground is below upper"),
    "of a name": (
        "ground.py",
        "from house.upper.two import x",
        "ground is below upper and must not import house.upper.two",
    ),
    "of a module": ("upper/two.py", "from house import roof", "upper is below roof"),
    "relative": ("upper/two.py", "from ..roof import x", "upper is below roof"),
    "relative, of a package": ("upper/__init__.py", "from .. import roof", "upper is below roof"),
    "inside a function": ("ground.py", "def f():\n    from house.roof import x", "ground.py:2: ground is below roof"),
    "for types alone": (
        "ground.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.roof import X",
        "ground.py:3: ground is below roof",
    ),
    "by a string": ("ground.py", "import importlib\nx = importlib.import_module('house.roof')", "ground is below roof"),
    "of the package itself": ("roof.py", "import house", "roof is below __init__"),
    "in no room": ("attic.py", "", "attic.py: in none of the rooms"),
}


def build(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return folder / "house"


def test_imports_downhill_and_within_a_room_are_right(tmp_path: Path) -> None:
    assert layer_violations(build(tmp_path, HOUSE | DOWNHILL), ROOMS) == []


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_import_is_found(tmp_path: Path, case: str) -> None:
    file, text, expected = WRONG[case]
    (found,) = layer_violations(build(tmp_path, HOUSE | DOWNHILL | {file: text}), ROOMS)
    assert expected in found


def test_modules_that_import_each_other_are_found(tmp_path: Path) -> None:
    house = build(tmp_path, HOUSE | DOWNHILL)
    assert import_cycle(house) == []
    build(tmp_path, {"upper/two.py": "def f():\n    from house.upper import one"})
    assert set(import_cycle(house)) == {"house.upper.one", "house.upper.two"}
