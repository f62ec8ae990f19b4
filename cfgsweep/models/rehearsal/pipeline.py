"""Any text-to-image pipeline of diffusers as a denoiser, run row by row with arguments that were recorded of it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import (
    BlurredInput,
    Condition,
    DiffusersPass,
    LayerPerturbation,
    NegativePrompt,
    OtherModel,
    Perturbation,
)
from cfgsweep.models.denoiser import NotFinite, running
from cfgsweep.models.device import Compute
from cfgsweep.models.rehearsal import stand_in
from cfgsweep.models.rehearsal.arguments import equal
from cfgsweep.models.rehearsal.learn import NEGATIVE, PROMPT, Learnt, Role, learn
from cfgsweep.models.rehearsal.perturbed import Networks, Perturbations, first_prediction, other_model, token_grid
from cfgsweep.models.rehearsal.picture_layout import find_layout
from cfgsweep.models.rehearsal.proof import Proof, prove
from cfgsweep.models.rehearsal.recorder import PipelineRecorder
from cfgsweep.models.rehearsal.recording import Recording
from cfgsweep.models.rehearsal.unsupported import Unsupported
from cfgsweep.models.transformer_blocks import Shape
from cfgsweep.samplers import OWN_SAMPLER, PictureLayout, Sampler, Sampling

TRIED = Sampling(OWN_SAMPLER, steps=4)


@dataclass(frozen=True)
class RecordedRow:
    """The arguments of one row at one call, with the place of the latents open. See `RowInputs`.

    grid: (height, width), or (frames, height, width), of the latents or their tokens.
    """

    key: Hashable
    network: str
    arguments: dict[str, Any]
    grid: Shape


class RehearsedPipeline:
    """A denoiser whose rows are what the pipeline itself hands to its network for a prompt or a negative prompt.

    Where the pipeline takes no negative prompt, its row for the negative prompt is that of a prompt.

    tried: how the pipeline is called to find out its way.

    Raises Unsupported where the way of the pipeline is not found.
    """

    conditioned_on = "prompt"
    unconditional: Condition = ""
    load_other: Callable[[str], Any] | None = None

    def __init__(self, name: str, pipeline: Any, compute: Compute, tried: Sampling = TRIED):
        self.name, self.compute, self.tried = name, compute, tried
        pipeline.to(compute.device)
        self.recorder = PipelineRecorder(pipeline)
        self.scheduler_config = self.recorder.scheduler_config
        self._perturbations = Perturbations(self.recorder.networks)
        self._perturbed: dict[Perturbation, Self] = {}
        self._networks: Callable[[Shape], Networks] = lambda _: self.recorder.networks
        self._rows: dict[tuple[Condition, Sampling], list[RecordedRow]] = {}
        self._layouts: dict[Sampling, PictureLayout | None] = {}
        self.learnt: Learnt = learn(self._recorded)
        self.native_size = self._find_native_size()
        self.proofs: dict[Sampling, Proof] = {}
        self.check_sampling(tried)

    def _recorded(self, prompt: str | list[str], negative: str | list[str] | None) -> Recording:
        advance = stand_in.random_latents()
        return self.recorder.record(prompt, negative, self.tried, advance=advance, copies=True)

    def check_sampling(self, sampling: Sampling) -> None:
        """Compares with the pipeline over a few steps. Raises UserError where the pipeline refuses to sample so."""
        few = replace(sampling, steps=min(sampling.steps, self.tried.steps))
        if few not in self.proofs:
            with running(self.name):
                self.proofs[few] = prove(self, few)

    def _find_native_size(self) -> tuple[int, int]:
        size = self.recorder.record(PROMPT, NEGATIVE, self.tried, take_steps=False).size
        if size is None:
            raise Unsupported("it does not tell the size of its pictures")
        return size

    def start(self, sampling: Sampling, generator: torch.Generator) -> tuple[torch.Tensor, Sampler]:
        with running(self.name):
            recording = self.recorder.record(PROMPT, NEGATIVE, sampling, take_steps=False, generator=generator)
            latents = recording.samples[0].float()
            layout = self._layout(sampling, latents)
        return latents, Sampler(recording.scheduler, generator, sampling, recording.step_options, layout)

    def _layout(self, sampling: Sampling, latents: torch.Tensor) -> PictureLayout | None:
        few = _shortened(sampling)
        if few not in self._layouts:
            self._layouts[few] = find_layout(self.recorder, few, latents)
        return self._layouts[few]

    def inputs(self, condition: Condition, sampler: Sampler, call: int) -> RecordedRow:
        assert sampler.sampling is not None
        key = condition, sampler.sampling
        if key not in self._rows:
            with running(self.name), torch.inference_mode():
                self._rows[key] = self._recorded_rows(*key)
        return self._rows[key][call]

    def _recorded_rows(self, condition: Condition, sampling: Sampling) -> list[RecordedRow]:
        """The condition's row at every call. Arguments that stay the same from call to call are kept once."""
        role, prompt, negative = self._texts(condition)
        recording = self.recorder.record(prompt, negative, sampling)
        latents, rows = recording.samples[0], list[RecordedRow]()
        grid = token_grid(latents, self._layout(sampling, latents))
        for step in range(len(recording.samples)):
            network, arguments = self.learnt.row(recording, step, role)
            before = rows[-1].arguments if rows else {}
            arguments = {k: before[k] if k in before and equal(before[k], v) else v for k, v in arguments.items()}
            rows.append(RecordedRow(self.learnt.axes.key(network, arguments), network, arguments, grid))
        return rows

    @property
    def _takes_negative(self) -> bool:
        return "uncond" in self.learnt.places and self.recorder.call.takes_negative

    def _texts(self, condition: Condition) -> tuple[Role, str, str | None]:
        """Which row of which recording is the condition's: its role, the prompt, and the negative prompt."""
        if isinstance(condition, NegativePrompt) and self._takes_negative:
            return "uncond", PROMPT, condition.text
        return "cond", str(condition), NEGATIVE

    def predict_rows(self, latents: torch.Tensor, rows: Sequence[RecordedRow]) -> torch.Tensor:
        placed, output = self.learnt.input, self.learnt.output
        with running(self.name), torch.inference_mode():
            filled = [placed.filled(row.arguments, one[None]) for row, one in zip(rows, latents, strict=True)]
            network = self._networks(rows[0].grid)[rows[0].network]
            outputs = network(**self.learnt.axes.joined(filled))[0]
            return torch.cat([output.prediction(one, latents) for one in outputs])

    def with_networks(self, networks: Callable[[Shape], Networks]) -> Self:
        """This denoiser with other networks of the same arguments. networks: gives them for a grid."""
        twin = copy.copy(self)
        twin._networks = networks
        return twin

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Image.Image:
        """The picture that the pipeline makes of its last latents. Raises NotFinite."""
        assert sampler.sampling is not None
        own = torch.Generator()

        def last(recording: Recording, following: torch.Tensor) -> torch.Tensor:
            own.set_state(sampler.generator.get_state())  # decoders that draw noise go on where the sampler has stopped
            return latents.to(following.dtype)

        with running(self.name):
            recording = self.recorder.record(
                PROMPT, NEGATIVE, _shortened(sampler.sampling), advance=last, generator=own, output_type="np"
            )
        return _picture(np.asarray(recording.result[0])[0])

    def perturbed(self, perturbation: Perturbation | None) -> Self:
        if perturbation is None:
            return self
        if perturbation not in self._perturbed:
            self._perturbed[perturbation] = self._make_perturbed(perturbation)
        return self._perturbed[perturbation]

    def _make_perturbed(self, perturbation: Perturbation) -> Self:
        match perturbation:
            case LayerPerturbation():
                self._perturbations.require_effect(perturbation, *first_prediction(self))
                return self.with_networks(functools.partial(self._perturbations.layers, perturbation))
            case DiffusersPass():
                networks = self._perturbations.diffusers_pass(perturbation)
                return self.with_networks(lambda _: networks)
            case OtherModel():
                return other_model(self, perturbation)
            case BlurredInput():  # the engine blurs the latents; the network is the same
                return self

    def with_attention(self) -> Self:
        twin = copy.copy(self)
        twin.predict_rows = self._perturbations.attention.with_attention(self.predict_rows)  # type: ignore[method-assign]
        return twin

    def check_condition(self, condition: Condition) -> None:
        """Raises UserError where the pipeline does not guide without a negative prompt, and it is left out."""
        if condition == NegativePrompt(None) and self._takes_negative:
            recording = self.recorder.record(PROMPT, None, self.tried, take_steps=False)
            if self.learnt.places["uncond"].call >= len(recording.calls):
                problem = f"{self.name} does not guide where the negative prompt is left out"
                raise UserError(problem, where="negative_prompt", given=None, allowed='a text, which can be ""')

    def is_cut_short(self, condition: Condition) -> bool:
        return False

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        parameters = [p for network in self.recorder.networks.values() for p in network.parameters()]
        return sum(p.numel() * p.element_size() for p in parameters), 2**20

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        raise UserError("pictures cannot be encoded by this model", where=self.name)

    def features(self, image: Image.Image) -> torch.Tensor:
        raise UserError("no features are taken of this model", where=self.name)

    def sampled_fingerprint(self) -> str:
        return ""  # version 0.1 had no such models


def _shortened(sampling: Sampling) -> Sampling:
    """The same with as few steps as every sampler takes, where it does not matter what happens in them."""
    return replace(sampling, steps=2)


def _picture(pixels: np.ndarray[Any, Any]) -> Image.Image:
    """A picture from [height, width, channels] in [0, 1], rounded as diffusers does it."""
    if not np.isfinite(pixels).all():
        raise NotFinite("decoding gave pixels that are not finite; another --dtype may do (some overflow in float16)")
    return Image.fromarray((pixels * 255).round().astype("uint8"))
