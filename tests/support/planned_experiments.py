"""Experiments of small sweeps, for tests of plans: by their fields, or drawn by hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import Constant, Cosine, Listed
from cfgsweep.sweep.experiment import Experiment

STEPS = 6


def experiment(**changes) -> Experiment:
    settings = {
        "model": "m",
        "revision": None,
        "prompt": "a",
        "negative_prompt": "",
        "seed": 1,
        "steps": STEPS,
        "sampler": "euler",
        "size": None,
        "guider": GUIDERS["cfg"](),
        "schedule": Constant(),
        "value": 7.5,
    }
    return Experiment(**{**settings, **changes})


windows = st.tuples(st.integers(0, 5), st.integers(1, 6)).filter(lambda w: w[0] < w[1])
kinds = [
    ("cfg", {}),
    ("tnorm", {}),
    ("cfg", {"guidance_rescale": 0.5}),
    ("cfg", {"guidance_rescale": {"step": {"max_val": 0.5, "at": 0.5, "after": 0.0}}}),
    ("apg", {}),
    ("apg", {"momentum": 0.0}),
    ("pag", {"pag_scale": 0.0}),
    ("pag", {"pag_scale": {"list": [1, 1, 1, 0, 0, 0]}}),
    ("seg", {"blur_sigma": {"linear": {"max_val": 3.0}}}),
    ("seg", {"seg_scale": {"list": [0, 0, 1, 1, 1, 1]}, "blur_sigma": 2.0}),
    ("seg", {"seg_scale": {"list": [0, 0, 1, 1, 1, 1]}, "blur_sigma": 3.0}),
    ("apg_mix", {"apg_scale": 5.0, "share": {"list": [0, 0, 1, 1, 1, 1]}}),
    ("apg_mix", {"apg_scale": 9.0, "share": {"list": [0, 0, 1, 1, 1, 1]}}),
    ("autoguidance", {}),
    ("perp_neg", {}),
    ("fdg", {"high_scale": 1.0}),
    ("skimmed", {"skimming": 1.5}),
]
guiders = st.builds(
    lambda kind, window, zero: GUIDERS[kind[0]](
        start=window[0] / STEPS, stop=window[1] / STEPS, zero_init_steps=zero, **kind[1]
    ),
    st.sampled_from(kinds),
    windows,
    st.integers(0, 2),
)
schedules = st.sampled_from([Constant(), Cosine(min_val=0.0), Listed(numbers=(1, 1, 1, 0.5, 0.5, 0))])
experiments = st.builds(
    experiment,
    prompt=st.sampled_from(["a", "b"]),
    negative_prompt=st.sampled_from(["", "a"]),
    seed=st.integers(1, 2),
    sampler=st.sampled_from(["euler", "heun", "pndm"]),
    guider=guiders,
    schedule=schedules,
    value=st.sampled_from([0.0, 1.0, 2.0]),
)
