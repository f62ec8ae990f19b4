"""The guider of diffusers with the same method and numbers as one of ours, as code that sets it up in a pipeline."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cfgsweep.config.parameters import Parameters
from cfgsweep.guidance.guiders.from_diffusers import PREFIX, SCALE, DiffusersGuider
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.schedules import Constant, Schedule

WINDOW = {name: name for name in ("start", "stop", "guidance_rescale")}
CFG = {"original_formulation": "use_original_formulation"}
# By the name of one of ours: the class of diffusers, and its parameters by ours.
# Of APG, diffusers has cond + (scale - 1) update, as the paper, in its "original formulation" alone.
CLASSES: dict[str, tuple[str, Mapping[str, str]]] = {
    "cfg": ("ClassifierFreeGuidance", CFG),
    "cfg_zero": ("ClassifierFreeZeroStarGuidance", {"zero_init_steps": "zero_init_steps"}),
    "tcfg": ("TangentialClassifierFreeGuidance", {}),
    "apg": (
        "AdaptiveProjectedGuidance",
        {
            "eta": "eta",
            "norm_threshold": "adaptive_projected_guidance_rescale",
            "momentum": "adaptive_projected_guidance_momentum",
        },
    ),
}
CONVERTED = {  # guiders whose formula is about another kind of prediction than diffusers has it of
    "cfg_zero": "velocities",
    "tcfg": "noise predictions, or of flows",
    "apg": "x0",
}


def diffusers_text(guider: GuiderBase, schedule: Schedule, value: float) -> str | None:
    """None where diffusers has no such guider, or the schedule or a parameter is not constant."""
    if not isinstance(schedule, Constant) or any(isinstance(one, Parameters) for _, one in guider):
        return None
    found = _of_diffusers(guider, value) if isinstance(guider, DiffusersGuider) else _of_ours(guider, value)
    if found is None:
        return None
    name, settings = found
    lines = [f"    {key}={one!r}," for key, one in settings.items()]
    remark = CONVERTED.get(guider.name)
    note = f"# cfgsweep computes this of {remark}; diffusers of what the model predicts\n" if remark else ""
    made = "\n".join([f"guider = {name}(", *lines, ")"])
    return f"from diffusers.guiders import {name}\n\n{note}{made}\npipeline.update_components(guider=guider)\n"


def _of_diffusers(guider: DiffusersGuider, value: float) -> tuple[str, dict[str, Any]] | None:
    lacking = {name: one for name, one in guider.values_by_name().items() if name not in guider.offered}
    if any(one != type(guider).model_fields[name].default for name, one in lacking.items()):
        return None
    settings = json.loads(guider.own_settings)
    return guider.name.removeprefix(PREFIX), settings | ({SCALE: value} if SCALE in settings else {})


def _of_ours(guider: GuiderBase, value: float) -> tuple[str, dict[str, Any]] | None:
    if guider.name not in CLASSES:
        return None
    name, renamed = CLASSES[guider.name]
    names = {**WINDOW, **renamed}
    values = guider.values_by_name()
    if any(one != type(guider).model_fields[key].default for key, one in values.items() if key not in names):
        return None
    scale = {SCALE: value - 1, "use_original_formulation": True} if guider.name == "apg" else {SCALE: value}
    return name, {**scale, **{theirs: values[ours] for ours, theirs in names.items()}}
