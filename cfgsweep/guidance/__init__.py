"""Guiders, by the name a sweep file calls them."""

from __future__ import annotations

from cfgsweep.guidance.base import COND, UNCOND, Guider
from cfgsweep.guidance.cfg import CFG, FullNorm, PredNorm, TNorm

GUIDERS: dict[str, type[Guider]] = {guider.name: guider for guider in (CFG, PredNorm, TNorm, FullNorm)}

__all__ = ["COND", "GUIDERS", "UNCOND", "Guider"]
