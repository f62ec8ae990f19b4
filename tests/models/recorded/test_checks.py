"""What is refused of a way of sampling before the first picture, and what is an input of the network."""

from __future__ import annotations

import pytest

from cfgsweep.errors import UserError
from tests.support import recorded_pipelines as recorded


@pytest.mark.parametrize(("name", "size"), [("flux", (34, 32)), ("sd3", (33, 32)), ("sdxl", (32, 31))])
def test_a_size_that_the_pipeline_rounds_is_refused(name: str, size: tuple[int, int]) -> None:
    with pytest.raises(UserError) as refused:
        recorded.denoiser(name).check_sampling(recorded.tried(name, size=size))
    assert str(size) in str(refused.value)


def test_a_size_that_the_pipeline_makes_is_taken() -> None:
    recorded.denoiser("flux").check_sampling(recorded.tried("flux", size=(40, 32)))


@pytest.mark.parametrize(("name", "scale"), [("sdxl", "guidance_scale"), ("flux", "true_cfg_scale")])
def test_the_scale_is_no_input_of_a_call(name: str, scale: str) -> None:
    with pytest.raises(UserError, match=f"{scale} is the guidance scale: `value` sets it"):
        recorded.denoiser(name).check_sampling(recorded.tried(name, inputs=((scale, 3.0),)))


def test_an_unknown_input_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown input of the pipeline 'guidance_scal'") as refused:
        recorded.denoiser("flux").check_sampling(recorded.tried("flux", inputs=(("guidance_scal", 3.0),)))
    assert "did you mean 'guidance_scale'?" in str(refused.value)


def test_what_was_asked_is_told_where_the_pipeline_fails() -> None:
    with pytest.raises(UserError, match="the model cannot be run") as refused:
        recorded.denoiser("flux").check_sampling(recorded.tried("flux", inputs=(("max_sequence_length", "long"),)))
    assert "'max_sequence_length': 'long'" in str(refused.value)


def test_a_guidance_scale_that_is_an_input_of_the_network_is_the_pipelines_own() -> None:
    """FLUX.2 has no guidance of its own: its `guidance_scale` is embedded, and can be swept."""
    denoiser = recorded.denoiser("flux2")

    def embedded(**given: float) -> float:
        inputs = tuple(sorted({**dict(recorded.tried("flux2").inputs), **given}.items()))
        _, row = denoiser.first_row(recorded.tried("flux2", inputs=inputs))
        return float(row.arguments["guidance"])

    default = denoiser.recorder.call.parameters["guidance_scale"].default
    assert (embedded(), embedded(guidance_scale=2.5)) == (default, 2.5)
