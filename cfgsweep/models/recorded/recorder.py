"""Records a pipeline for texts and a way of sampling."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import RLock
from typing import Any

import torch
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.hooks.group_offloading import _is_group_offload_enabled

from cfgsweep.models.recorded.adapters import Adapters
from cfgsweep.models.recorded.learn import NEGATIVE, PROMPT
from cfgsweep.models.recorded.pipeline_call import RECORDED_SCALE, PipelineCall
from cfgsweep.models.recorded.recording import Advance, Answer, Recording, Stopped, networks_of, record, replaced
from cfgsweep.models.recorded.stand_in import OutputShapes, noise
from cfgsweep.samplers import Loras, Sampling, build_scheduler, config_of


class PipelineRecorder:
    """A pipeline whose calls are recorded.

    A text is encoded once for every choice of adapters, whatever else changes between the calls.
    """

    def __init__(self, pipeline: Any):
        pipeline.set_progress_bar_config(disable=True)
        self.adapters = Adapters(pipeline)
        self.one_at_a_time: AbstractContextManager[Any] = RLock() if _moves_weights(pipeline) else nullcontext()
        self._loras: Loras = ()  # of the call that is being recorded
        self._remember_texts(pipeline)
        if getattr(pipeline, "guider", None) is not None:  # in the place of its own, which may be any guider
            pipeline.guider = ClassifierFreeGuidance(guidance_scale=RECORDED_SCALE)
        self.pipeline, self.networks = pipeline, networks_of(pipeline)
        self.call = PipelineCall(pipeline)
        self.scheduler_config: Mapping[str, Any] = config_of(pipeline.scheduler)
        self.shapes = OutputShapes(self.networks, lambda: self.calling(()))

    @contextmanager
    def calling(self, loras: Loras) -> Iterator[None]:
        """Within the block a network can be called with these adapters."""
        with self.one_at_a_time, self.adapters.using(loras):
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

    def _remember_texts(self, pipeline: Any) -> None:
        if not hasattr(pipeline, "encode_prompt"):
            return
        encode, known = pipeline.encode_prompt, dict[tuple[Loras, str], Any]()

        @functools.wraps(encode)
        def remembering(*args: Any, **kwargs: Any) -> Any:
            key = self._loras, repr((args, sorted(kwargs.items())))
            if key not in known:
                with self.adapters.using(self._loras):
                    known[key] = encode(*args, **kwargs)
            return known[key]

        vars(pipeline)["encode_prompt"] = remembering


def _moves_weights(pipeline: Any) -> bool:
    """Whether a call moves or casts the network's weights, so that two calls at a time would disturb each other."""
    return any(hasattr(part, "_diffusers_hook") for net in networks_of(pipeline).values() for part in net.modules())


def is_placed(pipeline: Any) -> bool:
    """Whether diffusers puts the pipeline's weights on devices by itself, call by call."""
    return any(_is_group_offload_enabled(part) for part in networks_of(pipeline).values())
