"""Any text-to-image or text-to-video pipeline of diffusers as a denoiser, by what was recorded of it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
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
from cfgsweep.models.denoiser import CacheSlot, Unsupported, running
from cfgsweep.models.device import Compute
from cfgsweep.models.device_memory import release_memory
from cfgsweep.models.perturbable import Perturbable
from cfgsweep.models.recorded.adapters import is_of_adapter
from cfgsweep.models.recorded.decoded import frames_per_second, picture_of
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT
from cfgsweep.models.recorded.perturbed import Perturbations
from cfgsweep.models.recorded.proof import Proof, prove
from cfgsweep.models.recorded.recorder import PipelineRecorder, is_placed
from cfgsweep.models.recorded.recording import Recording, replaced
from cfgsweep.models.recorded.rows import RecordedRows, of_few_steps, shortened
from cfgsweep.models.recorded.settings import take_over_ways
from cfgsweep.models.vae import load_vae, require_same_pictures
from cfgsweep.models.video import Picture
from cfgsweep.samplers import SAMPLERS, TEXT_TO_IMAGE, Sampler, Sampling, StepCache, Task, predicted_by, thawed
from cfgsweep.system.quiet import quiet_libraries


class RecordedPipeline(RecordedRows, Perturbable):
    """A denoiser whose rows are what the pipeline itself hands to its network for a prompt or a negative prompt.

    How it does so is found out when it is first checked, with the sweep's own size and number of frames.

    proofs: by the ways of sampling that were checked, in few steps.
    """

    conditioned_on = "prompt"
    unconditional: Condition = ""
    vae: Any = None  # in the place of the pipeline's own

    def __init__(
        self, name: str, pipeline: Any, compute: Compute, free_encoders: bool = False, task: Task = TEXT_TO_IMAGE
    ):
        """free_encoders: whether `encode_texts` lets go of the text encoders. task: of the pipeline."""
        if not is_placed(pipeline):
            pipeline.to(compute.device)
        super().__init__(name, PipelineRecorder(pipeline))
        if task != TEXT_TO_IMAGE:
            self.tried = replace(self.tried, begins_with=self.recorder.call.white(task))
        self.compute, self.scheduler_config = compute, self.recorder.scheduler_config
        self._perturbations = Perturbations(self.recorder.networks)
        self._with_vae: dict[str, Self] = {}
        self._row_bytes: dict[tuple[int, int], int] = {}
        self.proofs: dict[Sampling, Proof] = {}
        self._frees_encoders = free_encoders
        self._encoded: list[tuple[Condition, Sampling]] = []

    @functools.cached_property
    def native_size(self) -> tuple[int, int]:
        with running(self.name):
            return self.recorder.native_size(self.tried)

    @property
    def own_formula(self) -> str:
        """By which the pipeline guides; the same however it samples."""
        if not self.proofs:
            self.check_sampling(self.tried)
        return next(iter(self.proofs.values())).formula

    def check_sampling(self, sampling: Sampling) -> None:
        """Compares with the pipeline over a few steps.

        Raises UserError where the pipeline refuses to sample so, or a LoRA or a step cache, makes pictures of another
        size, or is not reproduced.
        """
        self.recorder.call.check(sampling.inputs)
        with self.recorder.adapters.using(sampling.loras):
            pass  # the files are read, and refused, before the first picture
        few = self._with_tried_pictures(of_few_steps(sampling))
        if few not in self.proofs:
            self._prove(few)
        if sampling.cache is not None:
            places = self.learnt.places.values()
            together = len({place.call for place in places}) < len(places)
            calls = len(SAMPLERS[sampling.sampler].steps_of_calls(sampling.performed_steps))
            self.recorder.caches.check(sampling.cache, calls, len(places), together)
            self._try_cache(sampling.cache, calls)

    def _with_tried_pictures(self, sampling: Sampling) -> Sampling:
        """The same with the pictures of the first proof: which ones they are makes no difference to what is proved."""
        first = self.tried.begins_with
        if not self.proofs or sampling.begins_with is None or first is None:
            return sampling
        return replace(sampling, begins_with=replace(sampling.begins_with, image=first.image, mask=first.mask))

    def _try_cache(self, cache: StepCache, calls: int) -> None:
        """Predicts a row twice: some caches of diffusers do not go with the blocks of a network that takes them."""
        slot = CacheSlot()
        for _ in range(2):
            latents, row = self.first_row(self.tried)
            cached = replace(row, cache=cache, calls=calls).cached(slot)
            try:
                self.predict_rows(latents, [cached])
            except UserError as error:
                problem = f"diffusers does not cache this model: {error.problem}"
                raise UserError(problem, where="cache", given=cache.name) from None
            slot = CacheSlot(slot.after)

    def _prove(self, few: Sampling) -> None:
        if not self.proofs:
            self.tried = few
        given = {"sampler": few.sampler, **{name: thawed(value) for name, value in few.inputs}}
        if few.size is not None:
            given["size"] = few.size
        try:
            with running(self.name, given):
                self._check_size(few)
                self.proofs[few] = prove(self, few)
        except Unsupported as reason:
            problem = f"this pipeline cannot be run row by row: {reason}"
            raise UserError(problem, where=self.name, given=given) from None

    def _check_size(self, sampling: Sampling) -> None:
        """Raises UserError where the pipeline rounds the size, or has sizes of its own."""
        if sampling.size is not None and (made := self.recorder.picture_size(shortened(sampling))) != sampling.size:
            raise UserError("not a size that the pipeline makes", where="size", given=sampling.size, allowed=str(made))

    def decode(self, latents: torch.Tensor, sampler: Sampler) -> Picture:
        """The picture that the pipeline makes of its last latents. Raises NotFinite."""
        assert sampler.sampling is not None
        own = torch.Generator()

        def last(recording: Recording, following: torch.Tensor) -> torch.Tensor:
            own.set_state(sampler.generator.get_state())  # decoders that draw noise go on where the sampler has stopped
            return latents.to(following.dtype)

        swapped = nullcontext() if self.vae is None else replaced(self.recorder.pipeline, "vae", self.vae)
        with running(self.name), swapped:
            recording = self.recorder.record(
                PROMPT, NEGATIVE, shortened(sampler.sampling), advance=last, generator=own, output_type="np"
            )
        fps = frames_per_second(self.recorder.call.parameters, sampler.sampling)
        return picture_of(np.asarray(recording.result[0])[0], fps)

    def with_vae(self, name: str) -> Self:
        if name not in self._with_vae:
            if getattr(self.recorder.pipeline, "vae", None) is None:
                raise UserError("this model has no autoencoder that another one could replace", where="vae", given=name)
            twin = copy.copy(self)
            twin.vae = load_vae(name, self.compute.dtype, self.compute.device)
            take_over_ways(self.recorder.pipeline.vae, twin.vae)
            latents, sampler = self.start(self.tried, torch.Generator().manual_seed(0))
            require_same_pictures(name, self, twin, latents, sampler)
            self._with_vae[name] = twin
        return self._with_vae[name]

    def _make_perturbed(self, perturbation: Perturbation) -> Self:
        match perturbation:
            case LayerPerturbation():
                latents, row = self.first_row(self.tried)
                predict = partial(self.predict_rows, latents, [row])
                with self.recorder.calling(()):
                    self._perturbations.require_effect(perturbation, row.grid, predict)
                return self.with_networks(partial(self._perturbations.layers, perturbation))
            case DiffusersPass():
                networks = self._perturbations.diffusers_pass(perturbation)
                return self.with_networks(lambda _: networks)
            case OtherModel():
                return self._other_model(perturbation)
            case BlurredInput():  # the engine blurs the latents; the network is the same
                return self

    @property
    def _kind(self) -> str:
        channels = [getattr(network.config, "in_channels", None) for network in self.recorder.networks.values()]
        predicted = predicted_by(self.scheduler_config)
        return f"{type(self.recorder.pipeline).__name__}, {predicted}, networks of {channels} channels"

    def _other_model(self, perturbation: OtherModel) -> Self:
        """Another model of the same pipeline class, without this one's LoRA. Raises UserError where it is none."""
        other = super()._other_model(perturbation)
        other.check_sampling(self.tried)
        other.takes_loras = False
        other.encode_texts((condition, replace(sampling, loras=())) for condition, sampling in self._encoded)
        return other

    def with_attention(self) -> Self:
        twin = copy.copy(self)
        twin.predict_rows = self._perturbations.attention.with_attention(self.predict_rows)  # type: ignore[method-assign]
        return twin

    def check_condition(self, condition: Condition) -> None:
        """Raises UserError where the pipeline does not guide without a negative prompt, and it is left out."""
        if condition == NegativePrompt(None) and self.takes_negative:
            recording = self.recorder.record(PROMPT, None, self.tried, take_steps=False)
            if self.learnt.places["uncond"].call >= len(recording.calls):
                problem = f"{self.name} does not guide where the negative prompt is left out"
                raise UserError(problem, where="negative_prompt", given=None, allowed='a text, which can be ""')

    def encode_texts(self, texts: Iterable[tuple[Condition, Sampling]]) -> None:
        """Encodes texts for ways of sampling; where it was asked for, lets go of the text encoders then."""
        if not self._frees_encoders:
            return
        self._encoded = list(dict.fromkeys(texts))
        tried = [replace(sampling, loras=(), cache=None) for _, sampling in self._encoded]
        with running(self.name):
            for condition, sampling in [*self._encoded, *((PROMPT, sampling) for sampling in dict.fromkeys(tried))]:
                self.recorder.record(*self._texts(condition)[1:], sampling, take_steps=False)
            self.recorder.let_go_of_encoders(self.tried)
        self._frees_encoders = False
        release_memory(self.compute)

    def is_cut_short(self, condition: Condition) -> bool:
        """Whether every tokenizer of the pipeline cuts the text; some pipelines read it by several."""
        parts = self.recorder.pipeline.components.items()
        tokenizers = [part for name, part in parts if name.startswith("tokenizer") and part is not None]
        with quiet_libraries("transformers"):
            return bool(tokenizers) and all(_is_longer(str(condition), tokenizer) for tokenizer in tokenizers)

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        """As found by the shapes of one and of two rows, with as many frames as in the first proof."""
        if size not in self._row_bytes:
            native = self.tried.begins_with is None and size == self.native_size
            sampling = replace(self.tried, size=None if native else size)
            latents, row = self.first_row(sampling)
            shapes = self.recorder.shapes.networks[row.network]
            one, two = (
                shapes.peak_bytes(self.call_arguments(torch.cat([latents] * rows), [row] * rows)) for rows in (1, 2)
            )
            self._row_bytes[size] = max(1, two - one)
        networks = self.recorder.networks.values()
        parameters = [p for net in networks for name, p in net.named_parameters() if not is_of_adapter(name)]
        return sum(p.numel() * p.element_size() for p in parameters), self._row_bytes[size]

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        raise UserError("pictures cannot be encoded by this model", where=self.name)

    def features(self, image: Image.Image) -> torch.Tensor:
        raise UserError("no features are taken of this model", where=self.name)

    def sampled_fingerprint(self) -> str:
        return ""  # version 0.1 had no such models


def _is_longer(text: str, tokenizer: Any) -> bool:
    """Whether the text has more tokens than the tokenizer has room for."""
    return len(tokenizer.tokenize(text)) + tokenizer.num_special_tokens_to_add() > int(tokenizer.model_max_length)
