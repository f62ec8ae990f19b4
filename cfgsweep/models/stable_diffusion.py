"""Stable Diffusion 1.x and 2.x, and anything in the same diffusers layout (the bundled model among them)."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, StableDiffusionPipeline
from diffusers.utils.torch_utils import randn_tensor
from huggingface_hub import hf_hub_download
from PIL import Image

from cfgsweep.device import Compute
from cfgsweep.errors import UserError
from cfgsweep.models.passes import Passes
from cfgsweep.models.perturbed import Perturber
from cfgsweep.models.recorded import Call, Recorded
from cfgsweep.models.source import Source
from cfgsweep.perturbations import BlurredInput, DiffusersPass, Harm, OtherModel, Perturbation

FEATURES_AT = 100  # the timestep of `features`, of 1000


class StableDiffusion:
    """A `StableDiffusionPipeline` taken apart. Predicts epsilon or v, whichever the model was trained for."""

    def __init__(self, name: str, pipeline: StableDiffusionPipeline, compute: Compute):
        self.name, self.compute = name, compute
        self.pipeline = pipeline.to(compute.device)
        for network in (pipeline.unet, pipeline.vae):
            network.requires_grad_(False).eval().to(memory_format=torch.channels_last)
        pipeline.text_encoder.requires_grad_(False).eval()
        side = pipeline.unet.config.sample_size
        height, width = (side, side) if isinstance(side, int) else side
        self.native_size = (width * pipeline.vae_scale_factor, height * pipeline.vae_scale_factor)
        self.scheduler_config: Mapping[str, Any] = pipeline.scheduler.config
        self.perturber = Perturber.of(pipeline.unet)
        self._network: Call = Recorded(self._call) if compute.records_networks else self._call
        self._harmed: dict[Harm, StableDiffusion] = {}

    @classmethod
    def load(cls, source: Source, compute: Compute) -> StableDiffusion:
        """From a hub id, a diffusers folder or a single .safetensors file; no pickles unless `source` allows them."""
        settings: dict[str, Any] = {"dtype": compute.dtype, "safety_checker": None}
        if source.single_file:
            pipeline = StableDiffusionPipeline.from_single_file(source.place, **settings)
        else:
            _require_this_family(source)
            pipeline = StableDiffusionPipeline.from_pretrained(
                source.place,
                revision=source.revision,
                use_safetensors=None if source.allow_pickle else True,
                requires_safety_checker=False,
                **settings,
            )
        channels = pipeline.unet.config.in_channels, pipeline.vae.config.latent_channels
        if channels[0] != channels[1]:
            raise UserError(
                "not a text-to-image model: its U-Net takes more than the latents (inpainting, or depth?)",
                where=source.name,
                given=f"{channels[0]} input channels for {channels[1]} latent channels",
            )
        return cls(source.name, pipeline, compute)

    def fingerprint(self) -> str:
        """Over the configurations and 64 values of every tensor: cheap, and any training changes every tensor."""
        digest = hashlib.sha256()
        for config in (self.scheduler_config, self.pipeline.unet.config, self.pipeline.vae.config):
            told = {key: value for key, value in config.items() if not key.startswith("_")}  # diffusers' own notes
            digest.update(json.dumps(told, sort_keys=True, default=str).encode())
        for network in (self.pipeline.text_encoder, self.pipeline.unet, self.pipeline.vae):
            for name, tensor in sorted(network.state_dict().items()):
                flat = tensor.detach().flatten()
                some = flat[:: max(1, len(flat) // 64)][:64].float().cpu()
                digest.update(f"{name}{tuple(tensor.shape)}".encode() + some.numpy().tobytes())
        return digest.hexdigest()[:16]

    def memory(self, size: tuple[int, int]) -> tuple[int, int]:
        unet = self.pipeline.unet
        width = unet.dtype.itemsize
        weights = sum(p.numel() for p in self.pipeline.unet.parameters()) * width
        area = size[0] * size[1] // self.pipeline.vae_scale_factor**2
        # About 64 activations of the first level's width are alive at the peak of a forward pass.
        return weights, 64 * unet.config.block_out_channels[0] * area * width

    def noise(self, size: tuple[int, int], generator: torch.Generator) -> torch.Tensor:
        factor = self.pipeline.vae_scale_factor
        shape = (1, self.pipeline.unet.config.in_channels, size[1] // factor, size[0] // factor)
        return randn_tensor(shape, generator=generator, device=self._device, dtype=self.compute.dtype).float()

    def encode(self, text: str) -> torch.Tensor:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.pipeline.encode_prompt(text, self._device, 1, do_classifier_free_guidance=False)[0]

    def is_cut_short(self, text: str) -> bool:
        tokenizer = self.pipeline.tokenizer
        return len(tokenizer(text).input_ids) > tokenizer.model_max_length

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        latents = latents.to(self.compute.dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            return self._network(latents, timesteps.to(self._device), conditions).float().contiguous()

    def harmed(self, harm: Harm | None) -> StableDiffusion:
        if harm is None:
            return self
        if harm not in self._harmed:
            match harm:
                case Perturbation():
                    self._harmed[harm] = self._with(self.perturber.harmed(self._call, harm))
                case DiffusersPass():
                    self._harmed[harm] = self._with(self._passes.harmed(harm))
                case BlurredInput():
                    self._harmed[harm] = self
                case OtherModel():
                    self._harmed[harm] = self._other(harm)
        return self._harmed[harm]

    def attending(self) -> StableDiffusion:
        network = self.perturber.attending(self._call)
        return self._with(Recorded(network) if self.compute.records_networks else network)

    def _with(self, network: Call) -> StableDiffusion:
        """This model but for its network."""
        twin = copy.copy(self)
        twin._network = network
        return twin

    @functools.cached_property
    def _passes(self) -> Passes:
        return Passes(self.pipeline.unet)

    def _other(self, harm: OtherModel) -> StableDiffusion:
        """Another model of the same kind."""
        from cfgsweep.models import load  # which knows what may be wrong with a model, and imports this module

        other = load(Source.of(harm.name), self.compute)
        assert isinstance(other, StableDiffusion)  # there is no other family yet
        mine, its = (model._kind for model in (self, other))
        if mine != its:
            raise UserError("not a model of the same kind", where=harm.name, given=its, allowed=mine)
        return other

    @property
    def _kind(self) -> str:
        """What models have to have in common for one to take another's latents and give predictions in its place."""
        kind = self.scheduler_config.get("prediction_type", "epsilon")
        return f"{self.pipeline.unet.config.in_channels} latent channels, {kind}"

    def _call(self, latents: torch.Tensor, timesteps: torch.Tensor, conditions: torch.Tensor) -> torch.Tensor:
        prediction: torch.Tensor = self.pipeline.unet(latents, timesteps, conditions, return_dict=False)[0]
        return prediction

    def decode(self, latents: torch.Tensor) -> Image.Image:
        vae = self.pipeline.vae
        with torch.inference_mode():
            pixels = vae.decode(latents.to(self.compute.dtype) / vae.config.scaling_factor, return_dict=False)[0]
        return self.pipeline.image_processor.postprocess(pixels, output_type="pil")[0]

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        vae = self.pipeline.vae
        pixels = self.pipeline.image_processor.preprocess(image).to(self._device, self.compute.dtype)
        with torch.inference_mode():
            encoded = vae.encode(pixels)
            latents: torch.Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return latents.float() * vae.config.scaling_factor

    def features(self, image: Image.Image) -> torch.Tensor:
        """Of the picture under a little noise, as the network is used to; Tang et al. 2023 (DIFT), arXiv 2306.03881."""
        latents = self.encode_picture(image)
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0)).to(self._device)
        timestep = torch.tensor([FEATURES_AT], device=self._device)
        noisy = DDPMScheduler.from_config(self.pipeline.scheduler.config).add_noise(latents, noise, timestep)
        seen = []
        hook = self.pipeline.unet.mid_block.register_forward_hook(lambda *given: seen.append(given[-1]))
        try:
            with torch.inference_mode():
                self._call(noisy.to(self.compute.dtype), timestep, self.encode(""))
        finally:
            hook.remove()
        return seen[0].float()

    @property
    def _device(self) -> torch.device:
        return torch.device(self.compute.device)


def _require_this_family(source: Source) -> None:
    """A clear word when the folder or repository holds another kind of pipeline, before its weights are fetched."""
    index = Path(source.place) / "model_index.json"
    if source.on_hub:
        index = Path(hf_hub_download(source.place, "model_index.json", revision=source.revision))
    if index.is_file():
        kind = json.loads(index.read_text()).get("_class_name")
        if kind != "StableDiffusionPipeline":
            raise UserError(
                "not a model of this family", where=source.name, given=kind, allowed="StableDiffusionPipeline"
            )
