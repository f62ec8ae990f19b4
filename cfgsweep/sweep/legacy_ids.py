"""Ids of experiments as version 0.1 computed them, so that its run folders are recognised.

Those ids hash every parameter, those at their defaults too. The fields that existed then are listed here. A field that
was added later is left out: a folder of version 0.1 has no experiment in which it could have been given.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cfgsweep.config.parameters import Parameters, plain
from cfgsweep.guidance.interface import GuiderBase

EXPERIMENT_FIELDS = (*("model", "revision", "prompt", "negative_prompt", "seed", "steps", "sampler", "size", "value"),)
GUIDER_FIELDS = ("start", "stop", "sigma", "zero_init_steps", "guidance_rescale")
SCHEDULE_FIELDS = ("max_val", "match_mean")
COSINE_FIELDS = (
    *("min_val", "num_cycles", "num_warmup_steps", "warmup_init_val", "k_decay"),
    *("cycle_mul", "cycle_decay", "cycle_limit"),
)
OWN_FIELDS: dict[str, tuple[str, ...]] = {
    "cfg": ("original_formulation",),
    "prednorm": (),
    "tnorm": (),
    "fullnorm": (),
    "cfg_zero": ("optimize_uncondition",),
    "cfg_pp": (),
    "apg": ("eta", "norm_threshold", "momentum"),
    "apg_mix": ("eta", "norm_threshold", "momentum", "apg_scale", "share"),
    "tcfg": (),
    "fdg": ("high_scale", "levels"),
    "mambo_g": ("alpha",),
    "pag": ("layers", "pag_scale"),
    "slg": ("layers", "slg_scale", "skip"),
    "seg": ("layers", "seg_scale", "blur_sigma"),
    "sag": ("sag_scale", "blur_sigma"),
    "autoguidance": ("layers", "skip", "model"),
    "dynamic_threshold": ("percentile", "floor"),
    "mimic": ("mimic_scale", "percentile"),
    "beta_cfg": ("gamma",),
    "ep_cfg": ("low", "high"),
    "perp_neg": ("neg_scale",),
    "mahiro": (),
    "skimmed": ("skimming", "full_negative"),
    "constant": (),
    "linear": ("min_val", "rising"),
    "cosine": COSINE_FIELDS,
    "inverse_cosine": COSINE_FIELDS,
    "clamp_linear": ("floor",),
    "power_cosine": ("power",),
    "step": ("at", "after"),
    "interval": ("start", "stop", "outside"),
    "exponential": ("rate", "min_val"),
    "beta": ("a", "b"),
    "sawtooth": ("cycles", "min_val", "rising"),
    "list": ("numbers",),
    "piecewise": ("steps",),
}


def legacy_id(fields: Mapping[str, Any]) -> str:
    """The id, 16 hex digits, of an experiment with these fields in run folders of version 0.1."""
    values = [fields[name] for name in EXPERIMENT_FIELDS]
    values += [] if fields["label"] is None else [fields["label"]]
    text = json.dumps(values) + _settings_text(fields["guider"]) + _settings_text(fields["schedule"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1024)
def _settings_text(part: Parameters) -> str:
    return json.dumps(legacy_settings(part), sort_keys=True)


def legacy_settings(part: Parameters) -> dict[str, Any]:
    """The name and all parameters of version 0.1, defaults too."""
    shared = GUIDER_FIELDS if isinstance(part, GuiderBase) else SCHEDULE_FIELDS
    own = OWN_FIELDS.get(part.name, part.foreign_defaults)  # of diffusers' guiders all that diffusers offers
    values = {key: getattr(part, key) for key in (*shared, *own)}
    return {part.name: plain({k: legacy_settings(v) if isinstance(v, Parameters) else v for k, v in values.items()})}
