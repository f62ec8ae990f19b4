"""What every model family has in common: a network of diffusers', called, harmed, recorded and told apart."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

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
from cfgsweep.models.codecs import Codec
from cfgsweep.models.denoiser import running
from cfgsweep.models.device import Compute
from cfgsweep.models.diffusers_passes import Passes
from cfgsweep.models.jit_trace import Call, TracedNetwork
from cfgsweep.models.perturbation_hooks import PerturbationHooks
from cfgsweep.models.source import Source
from cfgsweep.samplers import noised, predicted_by

FEATURES_AT = 100  # the timestep of `features`, of 1000


class NetworkDenoiser(ABC):
    """A denoiser made of a network and a codec. A family says what a condition is to its network."""

    conditioned_on: str  # "prompt" or "label", as the sweep file calls it
    nothing: Condition  # the condition that says nothing

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
            raise UserError("its configuration has no picture", where=name, given=f"sample_size {side}")
        self.native_size = (width * codec.factor, height * codec.factor)
        self.perturbation_hooks = PerturbationHooks.of(network)
        self._predict: Call = TracedNetwork(self._call) if compute.traces_networks else self._call
        self._perturbed: dict[Perturbation, Self] = {}

    @abstractmethod
    def encode(self, condition: Condition) -> torch.Tensor:
        """What the network is given in place of a condition, one row."""

    @abstractmethod
    def is_cut_short(self, condition: Condition) -> bool:
        """Does `encode` leave out the end of it?"""

    def fingerprint(self) -> str:
        """Over the configurations and 64 values of every tensor: cheap, and any training changes every tensor."""
        digest = hashlib.sha256()
        for config in (self.scheduler_config, *(part.config for part in [self.network, *self.codec.parts])):
            told = {key: value for key, value in config.items() if not key.startswith("_")}  # diffusers' own notes
            digest.update(json.dumps(told, sort_keys=True, default=str).encode())
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
        """Numbers alive at once for every position of the input, at the peak of a forward pass."""
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

    def perturbed(self, perturbation: Perturbation | None) -> Self:
        if perturbation is None:
            return self
        if perturbation not in self._perturbed:
            match perturbation:
                case LayerPerturbation():
                    self._perturbed[perturbation] = self._with(
                        self.perturbation_hooks.perturbed(self._call, perturbation)
                    )
                case DiffusersPass():
                    self._perturbed[perturbation] = self._with(self._passes.perturbed(perturbation))
                case BlurredInput():
                    self._perturbed[perturbation] = self
                case OtherModel():
                    self._perturbed[perturbation] = self._other(perturbation)
        return self._perturbed[perturbation]

    def with_attention(self) -> Self:
        network = self.perturbation_hooks.with_attention(self._call)
        return self._with(TracedNetwork(network) if self.compute.traces_networks else network)

    def _with(self, network: Call) -> Self:
        """This model but for its network."""
        twin = copy.copy(self)
        twin._predict = network
        return twin

    @functools.cached_property
    def _passes(self) -> Passes:
        return Passes(self.network)

    def _other(self, perturbation: OtherModel) -> Self:
        """Another model of the same kind."""
        from cfgsweep.models.load import load_model

        other = load_model(Source.of(perturbation.name), self.compute)
        assert isinstance(other, NetworkDenoiser)  # all families are
        mine, its = (model._kind for model in (self, other))
        if mine != its:
            raise UserError("not a model of the same kind", where=perturbation.name, given=its, allowed=mine)
        assert isinstance(other, type(self))
        return other

    @property
    def _kind(self) -> str:
        """What models have to have in common for one to take another's latents and give predictions in its place."""
        predicted = predicted_by(self.scheduler_config)
        return f"{self.codec.channels} channels, {predicted}, conditioned on a {self.conditioned_on}"

    def decode(self, latents: torch.Tensor) -> Image.Image:
        with running(self.name):
            return self.codec.decode(latents)

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        return self.codec.encode(image)

    def features(self, image: Image.Image) -> torch.Tensor:
        """Of the picture under a little noise, as the network is used to; Tang et al. 2023 (DIFT), arXiv 2306.03881."""
        latents = self.encode_picture(image)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(self._device)
        timestep = torch.tensor([FEATURES_AT], device=self._device)
        noisy = noised(self.scheduler_config, latents, noise, timestep)
        seen: list[Any] = []
        hook = self._middle.register_forward_hook(lambda *given: seen.append(given[-1]))
        try:
            with torch.inference_mode():
                self._call(noisy.to(self.compute.dtype), timestep, self.encode(self.nothing))
        finally:
            hook.remove()
        return seen[0].float()

    @property
    def _middle(self) -> nn.Module:
        return self.network.mid_block

    @property
    def _device(self) -> torch.device:
        return torch.device(self.compute.device)
