"""Sweeps whose guidance has no effect are warned about, or refused, before the run."""

from __future__ import annotations

import pytest

BASE = "name: x\nmodel: emoji\nprompt: a cat\nsteps: 10\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guider: cfg\nvalue: [1, 2]\n", "in 1 of 2 experiments the scale is one at which"),
        ("guider: tnorm\nnegative_prompt: a cat\n", "in 1 of 1 experiments prompt and negative prompt are the same"),
        ("guider: perp_neg\n", "in 1 of 1 experiments perp_neg has no negative prompt"),
        ("guider: {pag: {pag_scale: [0, 1]}}\n", "in 1 of 2 experiments the push away"),
        ("guider: pag\nvalue: [1, 2]\n", None),
        ("guider: pag\nnegative_prompt: a cat\n", None),
        ("guider: {cfg: {zero_init_steps: 2}}\n", None),
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
