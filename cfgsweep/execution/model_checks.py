"""Checks of experiments that need the loaded model, made before the first picture is begun."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cfgsweep.engine.plan import Plan
from cfgsweep.engine.prefix_tree import Node
from cfgsweep.errors import UserError, error_context, shorten
from cfgsweep.guidance.guiders.own import PipelineGuidance
from cfgsweep.guidance.perturbations import BlurredInput, Condition
from cfgsweep.models.denoiser import Denoiser


def check_with_model(plan: Plan, denoiser: Denoiser, notice: Callable[[str], None]) -> None:
    """Notice prompts that are too long for the model.

    Raises UserError where it cannot be sampled as planned, lacks a label or a layer, or an autoencoder does not fit.
    """
    texts = {text for e in plan.experiments for text in e.conditions[:2]}
    for text in sorted(map(str, filter(denoiser.is_cut_short, texts))):
        notice(f"{denoiser.name} cannot read all of this prompt and leaves out its end: {shorten(text)}")
    if not denoiser.restarts and any(e.start or e.fork for e in plan.experiments):
        problem = f"{denoiser.name} runs as diffusers' own pipeline does, which has no U-turns and no forks"
        raise UserError(problem, where="start, fork", given=denoiser.name)
    for sampling in dict.fromkeys(start.sampling for start in plan.starts):
        denoiser.check_sampling(sampling)
    for vae in dict.fromkeys(e.vae for e in plan.experiments if e.vae is not None):
        denoiser.with_vae(vae)
    for condition in dict.fromkeys(condition for e in plan.experiments for condition in e.conditions[:2]):
        denoiser.check_condition(condition)
    members = ((condition, start.sampling) for start, node in plan.starts.items() for condition in _conditions(node))
    denoiser.encode_texts(members)
    check_guiders(plan, denoiser)


def check_guiders(plan: Plan, denoiser: Denoiser) -> None:
    """Raises UserError where the model lacks a layer that a guider perturbs, or a formula of its own."""
    if denoiser.own_formula == "none" and any(isinstance(e.guider, PipelineGuidance) for e in plan.experiments):
        raise UserError(f"{denoiser.name} does not guide on its own", where="guider", given=PipelineGuidance.name)
    for perturbation, guider in plan.perturbations.items():
        with error_context(f"guider {guider.name} on {denoiser.name}"):
            denoiser.perturbed(perturbation)
            if isinstance(perturbation, BlurredInput):
                denoiser.with_attention()


def _conditions(node: Node) -> Iterator[Condition]:
    for _, experiment in node.members:
        yield from experiment.conditions
