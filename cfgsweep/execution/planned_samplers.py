"""Refuses samplers, in a plan, that a pipeline does not take: it is recorded without its weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import UserError
from cfgsweep.models.family import ANY_PIPELINE, known_family
from cfgsweep.models.source import Source, find_source
from cfgsweep.samplers import OWN_SAMPLER, Sampling
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    from cfgsweep.models.denoiser import Denoiser


def check_samplers_of_pipelines(experiments: Iterable[Experiment]) -> None:
    """Raises UserError for a sampler that a pipeline refuses, where it takes its own one.

    Only of pipelines that are recorded and whose configurations are here, in a folder or in the hub's cache. It takes
    seconds, and none where all experiments have the pipeline's own sampler.
    """
    others: dict[tuple[str, str | None], list[Experiment]] = {}
    for e in experiments:
        if e.sampler != OWN_SAMPLER:
            others.setdefault((e.model, e.revision), []).append(e)
    for model, members in others.items():
        found = find_source(*model)
        source = found.known_configuration if found and known_family(found) is ANY_PIPELINE else None
        if source:
            _check(source, dict.fromkeys(replace(StartKey.of(e).sampling, loras=()) for e in members))


def _check(source: Source, samplings: Iterable[Sampling]) -> None:
    from cfgsweep.models.load import load_without_weights

    with quiet_libraries("diffusers", "transformers"):
        try:
            denoiser = load_without_weights(source)
        except UserError:  # what is wrong with the model is said by `run` and by `check`
            return
        for sampling in samplings:
            if not _runs(denoiser, replace(sampling, sampler=OWN_SAMPLER)):
                continue  # it is not about the sampler
            try:
                denoiser.check_sampling(sampling)
            except UserError as error:
                raise error.at_key("sampler") from None


def _runs(denoiser: Denoiser, sampling: Sampling) -> bool:
    try:
        denoiser.check_sampling(sampling)
    except UserError:
        return False
    return True
