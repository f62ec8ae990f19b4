"""Records a pipeline for texts and a way of sampling."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from threading import RLock
from typing import Any

import torch
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.hooks.group_offloading import _is_group_offload_enabled

from cfgsweep.errors import UserError
from cfgsweep.models.recorded.adapters import Adapters
from cfgsweep.models.recorded.arguments import equal
from cfgsweep.models.recorded.encoders import KEY, let_go_of_encoders
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT
from cfgsweep.models.recorded.pictures import content_of, remember_encoded
from cfgsweep.models.recorded.pipeline_call import RECORDED_SCALE, PipelineCall
from cfgsweep.models.recorded.recording import (
    Advance,
    Answer,
    Output,
    Recording,
    Stopped,
    networks_of,
    record,
    replaced,
)
from cfgsweep.models.recorded.stand_in import OutputShapes, noise
from cfgsweep.models.recorded.step_caches import StepCaches
from cfgsweep.models.shapes_alone import ShapesAlone
from cfgsweep.samplers import OWN_SAMPLER, Loras, Sampling, build_scheduler, config_of

NATIVE = Sampling(OWN_SAMPLER, steps=4)  # as a pipeline samples by itself, in few steps


class PipelineRecorder:
    """A pipeline whose calls are recorded.

    A text is encoded once for every choice of adapters, whatever else changes between the calls.
    """

    def __init__(self, pipeline: Any):
        pipeline.set_progress_bar_config(disable=True)
        self.adapters = Adapters(pipeline)
        self.one_at_a_time: AbstractContextManager[Any] = RLock() if _moves_weights(pipeline) else nullcontext()
        self._loras: Loras = ()  # of the call that is being recorded
        self._encodes = True  # not when its text encoders were let go of
        self._remember_texts(pipeline)
        if hasattr(getattr(pipeline, "vae", None), "encode"):
            remember_encoded(pipeline.vae)
        if getattr(pipeline, "guider", None) is not None:  # in the place of its own, which may be any guider
            pipeline.guider = ClassifierFreeGuidance(guidance_scale=RECORDED_SCALE)
        self.pipeline, self.networks = pipeline, networks_of(pipeline)
        self.caches = StepCaches(self.networks)
        self.call = PipelineCall(pipeline)
        self.scheduler_config: Mapping[str, Any] = config_of(pipeline.scheduler)
        self.shapes = OutputShapes(self.networks, lambda: self.calling(()))
        self._decoded: dict[Hashable, torch.Tensor] = {}  # in the shape of a picture, for latents of a shape

    @contextmanager
    def calling(self, loras: Loras, cached: bool = False) -> Iterator[None]:
        """Within the block a network can be called with these adapters. cached: by `caches`."""
        with self.one_at_a_time, self.adapters.using(loras), nullcontext() if cached else self.caches.without():
            yield

    def record(
        self,
        prompt: str | list[str],
        negative: str | list[str] | None,
        sampling: Sampling,
        answer: Answer | None = None,
        advance: Advance | None = None,
        take_steps: bool = True,
        copies: bool = False,
        **inputs: Any,
    ) -> Recording:
        """A recording of the pipeline with these texts. answer: noise if None. See `recording.record`."""
        with self.one_at_a_time:  # encoders and decoders move weights, too
            self._loras = sampling.loras
            self.pipeline.scheduler = build_scheduler(sampling.sampler, self.scheduler_config)
            call = self.call.inputs(prompt, negative, sampling, **inputs)
            return record(self.pipeline, call, answer or noise(self.shapes), advance, take_steps, copies)

    def autoencoder_input(self, latents: torch.Tensor, sampling: Sampling) -> torch.Tensor:
        """What the autoencoder is given to decode at the end of a pipeline with these last latents."""
        seen: list[torch.Tensor] = []

        def decode(latents: torch.Tensor, *_: Any, **__: Any) -> Any:
            seen.append(latents)
            raise Stopped

        with replaced(self.pipeline.vae, "decode", decode):
            self.record(PROMPT, NEGATIVE, sampling, advance=lambda _, like: latents.to(like), output_type="np")
        return seen[0]

    def native_size(self, sampling: Sampling) -> tuple[int, int]:
        """Width and height in pixels of the pipeline's pictures where no size is given.

        sampling: how it samples, whatever its size. Raises UserError where the pipeline does not tell it.
        """

        def stop(*_: Any) -> Any:
            raise Stopped

        size = self.record(PROMPT, NEGATIVE, replace(sampling, size=None), answer=stop).size
        if size is None:
            raise UserError("the pipeline does not tell the size of its pictures", where="size", allowed="a size")
        return size

    def picture_size(self, sampling: Sampling) -> tuple[int, int]:
        """Width and height in pixels of a picture, which pipelines may round. Nothing is decoded for it."""
        shapes = ShapesAlone(self.pipeline.vae, "decode")

        def decode(latents: torch.Tensor, *_: Any, **__: Any) -> Any:
            key = latents.shape, latents.dtype, latents.device
            if key not in self._decoded:
                self._decoded[key] = shapes.output((latents,))
            return Output((self._decoded[key],))

        with replaced(self.pipeline.vae, "decode", decode):
            pixels = self.record(PROMPT, NEGATIVE, sampling, output_type="np").result[0][0]
        return pixels.shape[-2], pixels.shape[-3]

    def _remember_texts(self, pipeline: Any) -> None:
        if not hasattr(pipeline, "encode_prompt"):
            return
        encode, known = pipeline.encode_prompt, dict[tuple[Loras, str], Any]()

        @functools.wraps(encode)
        def remembering(*args: Any, **kwargs: Any) -> Any:
            key = self._loras, content_of((args, kwargs))
            if key not in known:
                if not self._encodes:
                    problem = "a text that was not known when the text encoders were let go of"
                    raise UserError(problem, where=KEY, given=args or kwargs)
                with self.adapters.using(self._loras):
                    known[key] = encode(*args, **kwargs)
            return known[key]

        vars(pipeline)["encode_prompt"] = remembering

    def let_go_of_encoders(self, tried: Sampling) -> None:
        """Goes on without text encoders: texts that were encoded are known.

        tried: a way of sampling that was recorded before. Raises UserError where the pipeline does not do so.
        """

        def arguments() -> list[Any]:
            return [call.arguments for call in self.record(PROMPT, NEGATIVE, tried, take_steps=False).calls]

        before = arguments()
        with self.one_at_a_time:
            let_go_of_encoders(self.pipeline)
        self._encodes = False
        if not equal(arguments(), before):
            raise UserError("this pipeline does not go on without its text encoders", where=KEY)


def _moves_weights(pipeline: Any) -> bool:
    """Whether a call moves or casts the network's weights, so that two calls at a time would disturb each other."""
    parts = (part for network in networks_of(pipeline).values() for part in network.modules())
    return any(hasattr(part, hook) for part in parts for hook in ("_diffusers_hook", "_hf_hook"))


def is_placed(pipeline: Any) -> bool:
    """Whether diffusers puts the pipeline's weights on devices by itself, call by call."""
    by_accelerate = bool(getattr(pipeline, "_all_hooks", None))
    return by_accelerate or any(_is_group_offload_enabled(part) for part in networks_of(pipeline).values())
