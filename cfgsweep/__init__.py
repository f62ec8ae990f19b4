"""A laboratory for classifier-free guidance in diffusion models.

    import cfgsweep

    sweep = cfgsweep.Sweep(name="n", model="emoji", prompt="a horse", guider=["tnorm", "fullnorm"], value=[0.05, 0.1])
    cfgsweep.plan(sweep)
    run = cfgsweep.run(sweep)
    run.grid(rows="guider")

Every name is imported when it is first used, so that `import cfgsweep` loads neither torch nor any other library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cfgsweep.config.user_code import allow_code
    from cfgsweep.errors import CfgsweepError, RunFailed, UserError
    from cfgsweep.execution.api import (
        check,
        plan,
        run,
        train,
    )
    from cfgsweep.execution.evidence_api import compare, compare_ratings, compare_split, plot_pareto, rate
    from cfgsweep.execution.lists import configs, guiders, schedules, schema
    from cfgsweep.execution.measure import Measured, measure
    from cfgsweep.execution.merge import Merged, merge
    from cfgsweep.execution.mirroring import Mirrored, mirror
    from cfgsweep.execution.page_api import page
    from cfgsweep.execution.run import Result, Run
    from cfgsweep.execution.run_api import export, grid, open_run, table, verify
    from cfgsweep.execution.sweep_files import convert, init
    from cfgsweep.phases.api import PhaseResult, phase, window
    from cfgsweep.sweep.schema import Sweep

    __version__: str

__all__ = [
    "CfgsweepError",
    "Measured",
    "Merged",
    "Mirrored",
    "PhaseResult",
    "Result",
    "Run",
    "RunFailed",
    "Sweep",
    "UserError",
    "__version__",
    "allow_code",
    "check",
    "compare",
    "compare_ratings",
    "compare_split",
    "configs",
    "convert",
    "export",
    "grid",
    "guiders",
    "init",
    "measure",
    "merge",
    "mirror",
    "open_run",
    "page",
    "phase",
    "plan",
    "plot_pareto",
    "rate",
    "run",
    "schedules",
    "schema",
    "table",
    "train",
    "verify",
    "window",
]

_HOMES = {
    "cfgsweep.config.user_code": ("allow_code",),
    "cfgsweep.errors": ("CfgsweepError", "RunFailed", "UserError"),
    "cfgsweep.execution.api": ("check", "plan", "run", "train"),
    "cfgsweep.execution.evidence_api": ("compare", "compare_ratings", "compare_split", "plot_pareto", "rate"),
    "cfgsweep.execution.lists": ("configs", "guiders", "schedules", "schema"),
    "cfgsweep.execution.measure": ("Measured", "measure"),
    "cfgsweep.execution.merge": ("Merged", "merge"),
    "cfgsweep.execution.mirroring": ("Mirrored", "mirror"),
    "cfgsweep.execution.page_api": ("page",),
    "cfgsweep.execution.run": ("Result", "Run"),
    "cfgsweep.execution.run_api": ("export", "grid", "open_run", "table", "verify"),
    "cfgsweep.execution.sweep_files": ("convert", "init"),
    "cfgsweep.phases.api": ("PhaseResult", "phase", "window"),
    "cfgsweep.sweep.schema": ("Sweep",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use."""
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("cfgsweep")
    elif name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
