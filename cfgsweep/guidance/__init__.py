"""Guiders, by the name a sweep file calls them."""

from __future__ import annotations

from cfgsweep.guidance.base import COND, UNCOND, Branch, Guider, StepContext
from cfgsweep.guidance.guiders.cfg import CFG, CFGPlusPlus, CFGZero, PerpNeg
from cfgsweep.guidance.guiders.frequency import FDG
from cfgsweep.guidance.guiders.from_diffusers import PREFIX, diffusers_guider
from cfgsweep.guidance.guiders.norms import EPCFG, BetaCFG, FullNorm, MagnitudeAware, PredNorm, TNorm
from cfgsweep.guidance.guiders.perturbation import PAG, SAG, SEG, SLG, AutoGuidance
from cfgsweep.guidance.guiders.projected import APG, TCFG, APGMix, Mahiro
from cfgsweep.guidance.guiders.thresholds import DynamicThreshold, Mimic, Skimmed


class _Guiders(dict[str, type[Guider]]):
    """Ours, and by `diffusers.X` any of diffusers'."""

    def __missing__(self, name: str) -> type[Guider]:
        if name.startswith(PREFIX):
            return diffusers_guider(name)
        raise KeyError(name)


GUIDERS = _Guiders(
    (guider.name, guider)
    for guider in (
        CFG,
        PredNorm,
        TNorm,
        FullNorm,
        CFGZero,
        CFGPlusPlus,
        APG,
        APGMix,
        TCFG,
        FDG,
        MagnitudeAware,
        PAG,
        SLG,
        SEG,
        SAG,
        AutoGuidance,
        DynamicThreshold,
        Mimic,
        BetaCFG,
        EPCFG,
        PerpNeg,
        Mahiro,
        Skimmed,
    )
)

__all__ = ["COND", "GUIDERS", "PREFIX", "UNCOND", "Branch", "Guider", "StepContext"]
