"""Words of diffusers, A1111 and ComfyUI are answered by ours."""

from __future__ import annotations

import pytest

from cfgsweep.config.ranges import numbers_as_yaml
from cfgsweep.sweep.axes import AXES
from cfgsweep.sweep.words_of_others import KEYS, sampler_called

SWEEP = "name: s\nmodel: emoji\nprompt: a cat\nguider: cfg\n"


@pytest.mark.parametrize(
    ("line", "ours"),
    [
        ("guidance_scale: 7", "'value'"),
        ("num_inference_steps: 20", "'steps'"),
        ("scheduler: euler", "'sampler'"),
        ("cfg: 7", "'value'"),
        ("width: 512", "'size'"),
        ("Height: 512", "'size'"),
        ("valeu: 7", "'value'"),
        ("seed: 1-10(+1)", "{range: [1, 10, 1]}"),
        ('value: "1, 2, 3"', "[1, 2, 3]"),
        ("value: 1-10 [5]", "{linspace: [1, 10, 5]}"),
        ("sampler: DPM++ 2M Karras", "'dpm++2m_karras'"),
        ("sampler: EulerAncestralDiscreteScheduler", "'euler_a'"),
        ("sampler: dpmpp_2m", "'dpm++2m'"),
    ],
)
def test_words_of_others_are_answered_by_ours(cli, sweep_file, line: str, ours: str) -> None:
    refused = cli("plan", sweep_file(SWEEP + line + "\n"))
    assert refused.code == 2
    assert f"did you mean {ours}?" in refused.err


def test_they_lead_to_keys_and_samplers_that_there_are() -> None:
    assert set(KEYS.values()) <= set(AXES)
    assert not set(KEYS) & set(AXES)
    assert sampler_called("Euler a") == "euler_a"
    assert sampler_called("nothing") is None


@pytest.mark.parametrize(
    ("text", "yaml"),
    [("1-3", "{range: [1, 3, 1]}"), ("-1.5--0.5 (+.25)", "{range: [-1.5, -0.5, .25]}"), ("a, b", None)],
)
def test_numbers_of_other_tools(text: str, yaml: str | None) -> None:
    assert numbers_as_yaml(text) == yaml
