"""Sweeps whose guidance has no effect are warned about, or refused, before the run."""

from __future__ import annotations

import pytest

from cfgsweep.guidance import GUIDERS

BASE = "name: x\nmodel: emoji\nprompt: a cat\nsteps: 10\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "guider: [cfg, tcfg]\nvalue: [1, 2]\n",
            "scale 1 is no guidance (in 2 of 4 experiments): cfg, tcfg give the prediction for the prompt alone",
        ),
        (
            "guider: {cfg: {original_formulation: true}}\nvalue: 0\n",
            "scale 0 is no guidance (in 1 of 1 experiment): cfg original_formulation=True gives",
        ),
        (
            "guider: tnorm\nvalue: [0.1, 7.5]\n",
            "tnorm at 7.5 (in 1 of 2 experiments): far from its usual scales, 0.05 to 0.3",
        ),
        (
            "guider: cfg\nvalue: -3\n",
            "cfg at -3 (in 1 of 1 experiment): guidance away from the prompt; usual scales are 1 to 15",
        ),
        ("guider: cfg\nvalue: 3\nschedule: {linear: {min_val: -1}}\n", "cfg at -1 (in 1 of 1"),
        (
            "guider: tnorm\nschedule: {list: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 9]}\n",
            "tnorm at 9 (in 1 of 1",
        ),
        ("guider: diffusers.ClassifierFreeGuidance\nvalue: 100\n", "diffusers.ClassifierFreeGuidance at 100"),
        ("guider: tnorm\nvalue: {range: [1, 10, 1]}\n", "tnorm at 1, 2, 3, 4, … (in 10 of 10"),
        ("guider: [tnorm, prednorm, cfg]\nvalue: [0.1, 0.8]\n", None),
        ("guider: cfg\nvalue: 0\n", None),
        ("guider: tnorm\nnegative_prompt: a cat\n", "in 1 of 1 experiment prompt and negative prompt are the same"),
        ("guider: perp_neg\n", "in 1 of 1 experiment perp_neg has no negative prompt"),
        ("guider: {pag: {pag_scale: [0, 1]}}\n", "in 1 of 2 experiments the push away"),
        ("guider: pag\nvalue: [1, 2]\n", None),
        ("guider: pag\nnegative_prompt: a cat\n", None),
        ("guider: {cfg: {zero_init_steps: 2}}\n", None),
        ("guider: cfg\npreviews: 10\n", None),
        (
            "guider: cfg\npreviews: 11\n",
            "in 1 of 1 experiment there are fewer previews than 11: one for each call of the denoiser, of which the "
            "fewest are 10",
        ),
        (
            "guider: cfg\nsampler: [euler, heun]\nstart: {noise: [0, 0.5]}\npreviews: 12\n",
            "in 3 of 4 experiments there are fewer previews than 12: one for each call of the denoiser, of which the "
            "fewest are 5",
        ),
    ],
)
def test_cautions(cli, sweep_file, text: str, message: str | None) -> None:
    printed = cli("plan", sweep_file(BASE + text), "--out", "nowhere").out
    assert (message in printed) if message else ("NOTICE" not in printed)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guider: cfg_pp\nsampler: heun\n", ["cfg_pp is not defined for this sampler", "euler, ddim"]),
        ("guider: {cfg: {zero_init_steps: 10}}\n", ["all that would be guided stands still"]),
        ("guider: {cfg: {guidance_rescale: {linear: {}}}}\n", ["not a number other than 0 by default", "max_val"]),
        ("guider: {cfg: {guidance_rescale: {linear: {max_val: 2}}}}\n", ["leaves the bounds", "from 0 to 1"]),
        ("guider: {apg_mix: {share: {linear: {}}}}\n", ["share is not a number", "max_val"]),
        ("guider: {apg: {norm_threshold: 0}}\n", ["norm_threshold"]),
        ("guider: {cfg: {zero_init_steps: 5, stop: 0.3}}\n", ["stands still"]),
        ("guider: cfg\nschedule: {interval: {start: 0.8, stop: 0.2, outside: 1}}\n", ["the interval is empty"]),
        ("guider: cfg\nschedule: {beta: {a: 1.0e+306}}\n", ["beyond all numbers"]),
        ("guider: {pag: {pag_scale: cosin}}\n", ["unknown schedule 'cosin'", "'cosine'"]),
        ("guider: {pag: {pag_scale: {list: [1, 2]}}}\n", ["one number per step"]),
        ("guider: {slg: {skip: everything}}\n", ["skip", "attention"]),
        ("guider: {apg: {norm_threshold: -1}}\n", ["norm_threshold", "from 1e-06"]),
    ],
)
def test_impossible_settings_are_refused(cli, sweep_file, text: str, message: list[str]) -> None:
    refused = cli("plan", sweep_file(BASE + text))
    assert refused.code == 2
    for part in message:
        assert part in refused.err


def test_a_run_and_a_search_tell_of_unusual_scales_too(cli, sweep_file, tmp_path) -> None:
    file = sweep_file(BASE.replace("steps: 10", "steps: 1") + "guider: tnorm\nvalue: 7.5\n")
    ran = cli("run", file, "--out", tmp_path / "run", "--quiet")
    assert "NOTICE: tnorm at 7.5 (in 1 of 1 experiment): far from its usual scales" in ran.err
    stopped = ("--set", "phase.max_evaluations=1", "--quiet", "--out", tmp_path / "phase", "--scan", "5")
    searched = cli("phase", file, "--low", "0.1", "--high", "20", *stopped)
    assert "NOTICE: tnorm at 20: far from its usual scales, 0.05 to 0.3" in searched.err


@pytest.mark.parametrize("name", GUIDERS.built_in())
def test_every_guider_has_a_usual_range_with_its_default_in_it(cli, name: str) -> None:
    low, high = GUIDERS[name].usual
    assert low <= GUIDERS[name].default_scale <= high
    assert f"usual are {low:g} to {high:g}" in cli("guiders", name).out
