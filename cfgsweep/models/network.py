"""What all model families have in common: a diffusers network that is called, perturbed and traced."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import nn

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import (
    BlurredInput,
    Condition,
    DiffusersPass,
    LayerPerturbation,
    OtherModel,
    Perturbation,
)
from cfgsweep.models.attention_recorder import AttentionRecorder
from cfgsweep.models.codecs import Codec, Latents
from cfgsweep.models.denoiser import running
from cfgsweep.models.device import Compute
from cfgsweep.models.diffusers_passes import DiffusersPasses
from cfgsweep.models.encoded_rows import EncodedRows
from cfgsweep.models.jit_trace import Call, TracedNetwork
from cfgsweep.models.perturbable import Perturbable
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.models.vae import load_vae, require_same_pictures
from cfgsweep.samplers import Sampler, noised, predicted_by

FEATURES_TIMESTEP = 100  # of 1000


class NetworkDenoiser(EncodedRows, Perturbable):
    """A denoiser made of a network and a codec. Subclasses define how a condition is encoded for the network.

    conditioned_on: "prompt" or "label", the key of sweep files. unconditional: the condition without any content.
    """

    conditioned_on: ClassVar[str]
    unconditional: ClassVar[Condition]

    def __init__(
        self,
        name: str,
        network: Any,
        codec: Codec,
        scheduler_config: Mapping[str, Any],
        compute: Compute,
        encoders: Sequence[nn.Module] = (),
    ):
        self.name, self.compute, self.codec, self.scheduler_config = name, compute, codec, scheduler_config
        for part in (network, *codec.parts):
            part.requires_grad_(False).eval().to(compute.device, memory_format=torch.channels_last)
        for part in encoders:
            part.requires_grad_(False).eval().to(compute.device)
        self.network, self.parts = network, [*encoders, network, *codec.parts]
        side = network.config.sample_size
        height, width = (side, side) if isinstance(side, int) else side
        if min(height, width) < 1:
            raise UserError("its configuration has no image size", where=name, given=f"sample_size {side}")
        self.native_size = (width * codec.factor, height * codec.factor)
        self.perturbation_hooks = PerturbationHooks(network)
        self._predict: Call = TracedNetwork(self._call) if compute.traces_networks else self._call
        self._with_vae: dict[str, Self] = {}

    @abstractmethod
    def is_cut_short(self, condition: Condition) -> bool:
        """Whether the condition is a text longer than what `encode` reads."""

    def sampled_fingerprint(self) -> str:
        """The fingerprint of version 0.1: 16 hex digits, of the configurations and of 64 values of every tensor."""
        digest = hashlib.sha256()
        for config in (self.scheduler_config, *(part.config for part in [self.network, *self.codec.parts])):
            settings = {key: value for key, value in config.items() if not key.startswith("_")}  # diffusers' own notes
            digest.update(json.dumps(settings, sort_keys=True, default=str).encode())
        for part in self.parts:
            for name, tensor in sorted(part.state_dict().items()):
                flat = tensor.detach().flatten()
                some = flat[:: max(1, len(flat) // 64)][:64].float().cpu()
                digest.update(f"{name}{tuple(tensor.shape)}".encode() + some.numpy().tobytes())
        return digest.hexdigest()[:16]

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        itemsize = self.network.dtype.itemsize
        weights = sum(p.numel() for p in self.network.parameters()) * itemsize
        area = size[0] * size[1] // self.codec.factor**2
        return weights, self._activations * area * itemsize

    @property
    def _activations(self) -> int:
        """Approximate numbers held per position of the input at the peak of a forward pass."""
        return 64 * self.network.config.block_out_channels[0]

    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        shape = (1, self.codec.channels, size[1] // self.codec.factor, size[0] // self.codec.factor)
        return randn_tensor(shape, generator=generator, device=self._device, dtype=self.compute.dtype).float()

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        latents = latents.to(self.compute.dtype, memory_format=torch.channels_last)
        with running(self.name), torch.inference_mode():
            return self._predict(latents, timesteps.to(self._device), conditions).float().contiguous()

    def _call(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        prediction: torch.Tensor = self.network(latents, timesteps, conditions, return_dict=False)[0]
        return prediction

    def _make_perturbed(self, perturbation: Perturbation) -> Self:
        match perturbation:
            case LayerPerturbation():
                return self._with(self.perturbation_hooks.perturbed(self._call, perturbation))
            case DiffusersPass():
                return self._with(self._passes.perturbed(perturbation))
            case OtherModel():
                return self._other_model(perturbation)
            case BlurredInput():  # the engine blurs the latents; the network is the same
                return self

    def with_attention(self) -> Self:
        call = self._attention_recorder.with_attention(self._call)
        return self._with(TracedNetwork(call) if self.compute.traces_networks else call)

    def _with(self, network: Call) -> Self:
        """This denoiser with another network call."""
        twin = copy.copy(self)
        twin._predict = network
        return twin

    @functools.cached_property
    def _attention_recorder(self) -> AttentionRecorder:
        return AttentionRecorder(self.network)

    @functools.cached_property
    def _passes(self) -> DiffusersPasses:
        return DiffusersPasses(self.network)

    @property
    def _kind(self) -> str:
        """What two models must have in common for one to predict in place of the other."""
        predicted = predicted_by(self.scheduler_config)
        return f"{self.codec.channels} channels, {predicted}, conditioned on a {self.conditioned_on}"

    def decode(self, latents: torch.Tensor, sampler: Sampler | None = None) -> Image.Image:
        with running(self.name):
            return self.codec.decode(latents)

    def with_vae(self, name: str) -> Self:
        if name not in self._with_vae:
            if not isinstance(self.codec, Latents):
                raise UserError("this model has no autoencoder", where="vae", given=name)
            twin = copy.copy(self)
            with running(self.name):
                twin.codec = Latents(load_vae(name, self.compute.dtype, self.compute.device), self.codec.factor)
            require_same_pictures(name, self, twin, torch.zeros(1, self.codec.channels, 8, 8, device=self._device))
            self._with_vae[name] = twin
        return self._with_vae[name]

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        return self.codec.encode(image)

    def features(self, image: Image.Image) -> torch.Tensor:
        """Activations of the network's middle for a slightly noised picture, without condition, float32.

        Tang et al. 2023 (DIFT), arXiv 2306.03881. The noise is the same at every call.
        """
        latents = self.encode_picture(image)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(self._device)
        timestep = torch.tensor([FEATURES_TIMESTEP], device=self._device)
        noisy = noised(self.scheduler_config, latents, noise, timestep)
        outputs: list[Any] = []
        hook = self._middle.register_forward_hook(lambda *given: outputs.append(given[-1]))
        try:
            with torch.inference_mode():
                self._call(noisy.to(self.compute.dtype), timestep, self.encode(self.unconditional))
        finally:
            hook.remove()
        return outputs[0].float()

    @property
    def _middle(self) -> nn.Module:
        """The module whose output `features` returns."""
        return self.network.mid_block

    @property
    def _device(self) -> torch.device:
        return torch.device(self.compute.device)
