"""Every guider runs on every recorded pipeline, and every perturbation has an effect or is refused in words."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from cfgsweep.config.instances import make
from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Finished
from cfgsweep.engine.trace import perturbations
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS, PREFIX
from cfgsweep.guidance.guiders.cfg import CFG
from cfgsweep.guidance.interface import GuiderBase
from cfgsweep.guidance.perturbations import LayerPerturbation, Perturbation
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny

LAYERED = ("pag", "slg", "seg", "autoguidance")
PLAIN = [name for name in GUIDERS if not name.startswith(PREFIX) and name not in (*LAYERED, "sag")]
PERTURBING: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in LAYERED),
    *(("slg", {"skip": skip}) for skip in ("attention", "feed_forward", "attention_scores", "attention_residual")),
    ("seg", {"blur_sigma": 1.0}),
]
SMALL_SCALES = {"tnorm": 0.3, "prednorm": 0.3, "fullnorm": 0.3}  # relative to norms
# The layers of a family by the names that sweep files use. See `models/transformer_blocks.py`.
LAYERS = {
    "stable_diffusion": ("mid", "down.0", "up.1"),
    **dict.fromkeys(("sdxl", "kolors"), ("mid", "down.1", "up.0")),
    **dict.fromkeys(("flux", "flux2", "flux2_klein", "chroma", "bria"), ("double", "single", "double.0", "0")),
    **dict.fromkeys(("auraflow", "hidream", "hunyuanimage", "hunyuanvideo"), ("double", "single", "double.0", "0")),
}
SOME = recorded.every(quick=("flux",))
OF_ONE_STACK = ("block", "block.0", "0")


def layers_of(name: str) -> tuple[str, ...]:
    return LAYERS.get(name, OF_ONE_STACK)


def latents(name: str, guiders: Sequence[GuiderBase], value: float = 3.0) -> list[torch.Tensor]:
    """The last latents by each guider. value: their scale, but for those that are relative to norms."""
    some = [
        recorded.experiment(
            name, guider, steps=3, value=SMALL_SCALES.get(guider.name, value), negative_prompt=negative(name)
        )
        for guider in guiders
    ]
    results = list(Engine(recorded.LatentsAlone(recorded.denoiser(name)), recorded.compute(), 8).run(Plan(some)))
    assert all(isinstance(result, Finished) for result in results), results
    pictures = {result.experiment: result.image for result in results}
    return [recorded.latents_of(pictures[e]) for e in some]


def negative(name: str) -> str:
    return "bad" if recorded.denoiser(name).takes_negative else ""


@functools.cache
def by_cfg(name: str, value: float = 3.0) -> torch.Tensor:
    return latents(name, [CFG()], value)[0]


def has_effect(name: str, changed: torch.Tensor, value: float = 3.0) -> bool:
    return bool(changed.isfinite().all()) and recorded.relative_difference(changed, by_cfg(name, value)) > 1e-3


@pytest.mark.parametrize("name", recorded.EVERY)
def test_every_guider_runs(name: str) -> None:
    if name == "cogview4":
        pytest.skip("its tiny tokenizer gives no token for an empty text, which perp_neg needs")
    guiders = [make(GUIDERS[guider], {}) for guider in PLAIN if not (guider == "pipeline" and name == "flux2")]
    for guider, changed in zip(guiders, latents(name, guiders), strict=True):
        assert changed.isfinite().all(), guider.name


@pytest.mark.parametrize("name", SOME)
def test_no_perturbation_is_without_effect(name: str) -> None:
    """It changes the latents, or is refused with the perturbations that are possible."""
    possible = []
    for (guider, parameters), layer in zip(PERTURBING, layers_of(name)[:2] * len(PERTURBING), strict=False):
        given = make(GUIDERS[guider], {**parameters, "layers": [layer]})
        (perturbation,) = perturbations([recorded.experiment(name, given, value=3.0)])
        refused = refusal(name, perturbation)
        if refused is None:
            possible.append(given)
        else:
            assert "cannot be perturbed" in refused or "changes nothing" in refused
    assert len(possible) >= 4
    for given, perturbed in zip(possible, latents(name, possible), strict=True):
        assert has_effect(name, perturbed), given


def refusal(name: str, perturbation: Perturbation) -> str | None:
    """Why a perturbation is refused; None where it is not."""
    try:
        recorded.denoiser(name).perturbed(perturbation)
    except UserError as refused:
        return str(refused)
    return None


@pytest.mark.parametrize("name", SOME)
def test_layers_have_the_names_that_people_use(name: str) -> None:
    """Each name by itself has an effect; others are refused with a list of those that there are."""
    for layer in layers_of(name):
        assert refusal(name, LayerPerturbation("block", (layer,))) is None, layer
    refused = refusal(name, LayerPerturbation("block", ("nowhere",))) or ""
    assert "unknown layer 'nowhere'" in refused
    assert layers_of(name)[0] in refused


@pytest.mark.parametrize("name", SOME)
def test_self_attention_guidance_needs_a_unet(name: str) -> None:
    sag = make(GUIDERS["sag"], {})
    if "unet" in recorded.denoiser(name).recorder.networks:
        assert has_effect(name, latents(name, [sag])[0])
    else:
        with pytest.raises(UserError, match="from the middle of a U-Net"):
            latents(name, [sag])


@pytest.mark.parametrize("name", SOME)
def test_another_model_of_the_family_guides(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Autoguidance by the family's pipeline with other weights; a model of another family is refused."""
    denoiser = recorded.denoiser(name)

    def load(other: str) -> Any:
        if other != "weaker":
            return recorded.denoiser(other)
        pipeline = tiny.build(name)
        with torch.no_grad():
            for network in tiny.networks(pipeline).values():
                for parameter in network.parameters():
                    parameter *= 0.9
        return recorded.recorded(pipeline, name)

    monkeypatch.setattr(denoiser, "load_other", load)
    monkeypatch.setattr(denoiser, "_perturbed", {})  # else it remembers the other models
    weaker, stranger = (
        make(GUIDERS["autoguidance"], {"model": model}) for model in ("weaker", "sd3" if name != "sd3" else "flux")
    )
    assert has_effect(name, latents(name, [weaker])[0], value=1.0)
    with pytest.raises(UserError, match="not a model of the same kind"):
        latents(name, [stranger])


@pytest.mark.slow
def test_a_pipeline_without_guidance_of_its_own_is_no_guider() -> None:
    with pytest.raises(UserError, match="does not guide on its own"):
        latents("flux2", [make(GUIDERS["pipeline"], {})])
