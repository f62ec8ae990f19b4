"""What of every family of pipelines can be swept: `python -m tests.bench.families` writes docs/families.md.

The pipelines are tiny ones with random weights, see tests/support/tiny_pipelines.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import diffusers

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Failed
from cfgsweep.errors import UserError
from cfgsweep.execution.model_checks import check_with_model
from cfgsweep.execution.model_report import ModelReport, report
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.perturbations import LayerPerturbation
from cfgsweep.guidance.schedules import Constant
from cfgsweep.models.device import choose
from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.proof import difference
from cfgsweep.samplers import OWN_SAMPLER, SAMPLERS, Sampling
from cfgsweep.sweep.experiment import Experiment
from tests.support import tiny_pipelines

PAGE = Path(__file__).parents[2] / "docs/families.md"
KINDS = ("block", "attention", "attention_residual", "feed_forward", "identity", "blur")
PLAIN = (str, int, float, bool)
OF_LAYERS = ("pag", "slg", "seg")
HEAD = ("family", "own guidance", "alone", "with network", "samplers", "guiders", "layers", "perturbations", "LoRA")


def main() -> None:
    rows, refused = [], []
    for name in tiny_pipelines.FAMILIES:
        try:
            rows.append(row(name))
        except Exception as reason:  # of diffusers as well, for what its pipelines do not take
            refused.append(f"- {name}: {' '.join(str(getattr(reason, 'problem', reason)).split())}")
        print(name, flush=True)
    PAGE.write_text("\n".join(page(rows, refused)) + "\n")


def page(rows: list[list[str]], refused: list[str]) -> Iterator[str]:
    yield "# Families of pipelines"
    yield ""
    yield f"`python -m tests.bench.families` made this page with diffusers {diffusers.__version__} on a CPU, from tiny"
    yield "pipelines with random weights. *Alone* is the largest difference in predictions and latents between pipeline"
    yield "and cfgsweep with a function in the network's place, *with network* the same with the network, in float32,"
    yield f"relative where numbers are above 1. *Guiders* counts those of the {len(GUIDERS.built_in())} that run;"
    yield "*perturbations* are those of the first layer, or of the middle of a U-Net, that have an effect."
    yield ""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{' --- |' * len(HEAD)}"
    yield from (f"| {' | '.join(cells)} |" for cells in rows)
    yield ""
    yield "Not taken, and why:"
    yield ""
    yield from refused


def row(name: str) -> list[str]:
    if not all(isinstance(value, PLAIN) for value in tiny_pipelines.INPUTS[name].values()):
        raise UserError("it makes nothing of a text alone: it takes a picture, too")
    inputs = tuple(sorted(tiny_pipelines.INPUTS[name].items()))
    tried = Sampling(OWN_SAMPLER, 4, inputs=inputs)
    denoiser = RecordedPipeline(name, tiny_pipelines.build(name), choose("cpu", "float32"))
    denoiser.check_sampling(tried)
    facts = report(denoiser)
    forwards = {name: network.forward for name, network in denoiser.recorder.networks.items()}
    with_network = difference(denoiser, tried, denoiser.own_formula, forwards)
    missing = [f"`{guider}`" for guider in GUIDERS.built_in() if not runs(denoiser, guider, facts)]
    return [
        f"{name} (`{facts.pipeline.removesuffix('Pipeline')}`)",
        facts.own_guidance,
        *(f"{number:.0e}" if number else "0" for number in (facts.difference, with_network)),
        ", ".join(sampler for sampler in facts.samplers if sampler != OWN_SAMPLER),
        f"{len(GUIDERS.built_in()) - len(missing)}" + (f", not {', '.join(missing)}" if missing else ""),
        ", ".join(facts.layers[:4]) + (", …" if len(facts.layers) > 4 else ""),
        ", ".join(kind for kind in KINDS if has_effect(denoiser, LayerPerturbation(kind, (first_layer(facts),), 2.0))),
        "yes" if facts.lora else "no",
    ]


def first_layer(facts: ModelReport) -> str:
    """The first block of a transformer, or the middle of a U-Net."""
    return "mid" if "mid" in facts.layers else f"{facts.layers[0].split()[0]}.0" if facts.layers else "none"


def has_effect(denoiser: RecordedPipeline, perturbation: LayerPerturbation) -> bool:
    try:
        denoiser.perturbed(perturbation)
    except UserError:
        return False
    return True


def runs(denoiser: RecordedPipeline, name: str, facts: ModelReport) -> bool:
    """Whether two steps with the guider give a picture."""
    settings: dict[str, Any] = {}
    if name in OF_LAYERS:
        settings = {"layers": [first_layer(facts)]}
    elif name == "autoguidance":
        settings = {"layers": [first_layer(facts)], "skip": "block"}
    guider = GUIDERS[name](**settings)
    sampler = next(one for one in guider.samplers or (OWN_SAMPLER,) if one in SAMPLERS)
    experiment = Experiment(
        model=denoiser.name,
        prompt="a cat",
        negative_prompt="bad",
        seed=1,
        steps=2,
        sampler=sampler,
        call=denoiser.tried.inputs,
        guider=guider,
        schedule=Constant(),
        value=guider.default_scale,
        negatives_apart=True,
    )
    plan = Plan([experiment])
    try:
        check_with_model(plan, denoiser, lambda _: None)
        (result,) = Engine(denoiser, denoiser.compute, 2).run(plan)
    except UserError:
        return False
    return not isinstance(result, Failed)


if __name__ == "__main__":
    main()
