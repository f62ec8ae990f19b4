"""What `import cfgsweep` gives, and what it does not load."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import cfgsweep

NAMES = {
    *("CfgsweepError", "PhaseResult", "Result", "Run", "RunFailed", "Sweep", "UserError", "__version__", "allow_code"),
    *("check", "configs", "export", "grid", "guiders", "open_run", "page", "phase", "plan", "run", "schedules"),
    *(
        "compare",
        "compare_ratings",
        "compare_split",
        "plot_pareto",
        "rate",
        "convert",
        "init",
        "table",
        "train",
        "verify",
        "window",
    ),
    "Measured",
    "schema",
    "Merged",
    "measure",
    "merge",
    "Mirrored",
    "mirror",
}


def test_the_exported_names_are_these_and_all_can_be_had() -> None:
    assert set(cfgsweep.__all__) == NAMES
    assert set(dir(cfgsweep)) >= NAMES
    for name in NAMES:
        assert getattr(cfgsweep, name) is not None
    assert cfgsweep.__version__ == version("cfgsweep")


def test_functions_stay_functions_though_modules_of_the_package_are_imported() -> None:
    """A submodule of the same name would take the place of the function in the package."""
    import cfgsweep.phases.api
    import cfgsweep.training.train

    for name in NAMES - {"__version__"}:
        assert callable(getattr(cfgsweep, name)), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sweeep'"):
        cfgsweep.sweeep  # noqa: B018


def test_importing_the_package_imports_no_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import cfgsweep; "
        "print(*{name.split('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout.split() == ["cfgsweep"]


def test_planning_from_python_does_not_import_torch() -> None:
    code = "import sys, cfgsweep; print(cfgsweep.plan('tnorm', out='nowhere')); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(cfgsweep.__file__).parent / "py.typed").is_file()


def _env() -> dict[str, str]:
    return {"PYTHONPATH": str(Path(cfgsweep.__file__).parents[1])}
