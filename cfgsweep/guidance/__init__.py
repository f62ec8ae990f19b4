"""Guiders and schedules: how the predictions of a step become the guided one."""

from __future__ import annotations

from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.guiders.from_diffusers import PREFIX

GUIDERS = Guider.registry

__all__ = ["COND", "GUIDERS", "PREFIX", "UNCOND", "Branch", "Guider", "StepContext"]
