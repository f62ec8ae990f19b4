"""Tiny pipelines of diffusers with random weights, one of every family, built from their configs without a network.

`build(name)` gives the same pipeline every time: float32, on the CPU, a forward pass takes milliseconds. The families
differ as the originals do: in the kinds of networks, of text encoders and of autoencoders, in packed latents, lists of
embeddings, fixed or free lengths of texts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import DiffusionPipeline
from PIL import Image

from tests.support import tiny_models as tiny
from tests.support.older_diffusers import skipped_where_missing
from tests.support.tiny_pipelines import images, rarer_images, several_texts, videos


class Family(NamedTuple):
    """How to build a pipeline, and how to call it."""

    make: Callable[[], DiffusionPipeline]
    inputs: dict[str, Any]  # of small outputs
    guided: dict[str, float]  # inputs that switch classifier-free guidance on; none where no input does
    calls: int  # of the network for one step with classifier-free guidance


NETWORKS = ("unet", "transformer", "transformer_2")
PICTURE = {"height": 32, "width": 32}
LARGER = {"height": 64, "width": 64}  # of latents 8 times smaller
SHORT = {**PICTURE, "max_sequence_length": 16}
VIDEO = {**SHORT, "num_frames": 5}
UNBINNED = {**SHORT, "use_resolution_binning": False, "clean_caption": False}
IMAGE = {"image": Image.linear_gradient("L").resize((32, 32)).convert("RGB")}
CFG = {"guidance_scale": 4.0}
TRUE_CFG = {"true_cfg_scale": 4.0}

TABLE = {
    "sdxl": Family(images.sdxl, PICTURE, CFG, 1),
    "sd3": Family(images.sd3, SHORT, CFG, 1),
    "flux": Family(images.flux, SHORT, TRUE_CFG, 2),
    "qwenimage": Family(images.qwenimage, SHORT, TRUE_CFG, 2),
    "stable_diffusion": Family(tiny.stable_diffusion, PICTURE, CFG, 1),
    "flux2": Family(images.flux2, {**PICTURE, "max_sequence_length": 96}, {}, 1),
    "flux2_klein": Family(images.flux2_klein, SHORT, CFG, 2),
    "chroma": Family(images.chroma, SHORT, CFG, 2),
    "cogview4": Family(images.cogview4, SHORT, CFG, 2),
    "pixart_sigma": Family(images.pixart_sigma, UNBINNED, CFG, 1),
    "sana": Family(images.sana, UNBINNED, CFG, 1),
    "auraflow": Family(images.auraflow, SHORT, CFG, 1),
    "lumina2": Family(images.lumina2, {**LARGER, "max_sequence_length": 64}, CFG, 2),
    "zimage": Family(images.zimage, SHORT, CFG, 1),
    "kolors": Family(several_texts.kolors, PICTURE, CFG, 1),
    "hidream": Family(several_texts.hidream, {"height": 128, "width": 128, "max_sequence_length": 16}, CFG, 1),
    "hunyuandit": Family(several_texts.hunyuandit, {**LARGER, "use_resolution_binning": False}, CFG, 1),
    "hunyuanimage": Family(several_texts.hunyuanimage, PICTURE, {}, 2),  # its guider is a component
    "wan": Family(videos.wan, VIDEO, CFG, 2),
    "wan22": Family(videos.wan22, VIDEO, CFG, 2),
    "wan5b": Family(videos.wan5b, VIDEO, CFG, 2),
    "ltx": Family(videos.ltx, {**VIDEO, "num_frames": 9}, CFG, 1),
    "cogvideox": Family(videos.cogvideox, {**VIDEO, "num_frames": 9}, CFG, 1),
    "hunyuanvideo": Family(videos.hunyuanvideo, VIDEO, TRUE_CFG, 2),
    "hunyuanvideo15": Family(videos.hunyuanvideo15, {**PICTURE, "num_frames": 5}, {}, 2),  # its guider is a component
    "bria": Family(rarer_images.bria, SHORT, CFG, 1),
    "pixart_alpha": Family(images.pixart_alpha, UNBINNED, CFG, 1),
    "cogview3plus": Family(rarer_images.cogview3plus, SHORT, CFG, 1),
    "krea2": Family(rarer_images.krea2, SHORT, CFG, 2),
    "luminanext": Family(
        rarer_images.luminanext, {**LARGER, "max_sequence_length": 16, "clean_caption": False}, CFG, 1
    ),
    "prx": Family(rarer_images.prx, {**PICTURE, "use_resolution_binning": False}, CFG, 1),
    "sana_sprint": Family(images.sana_sprint, UNBINNED, {}, 1),
    "flux_kontext": Family(
        images.flux_kontext, {**SHORT, **IMAGE, "max_area": 32 * 32, "_auto_resize": False}, TRUE_CFG, 2
    ),
    "mochi": Family(videos.mochi, {**VIDEO, "num_frames": 7}, CFG, 1),
    "kandinsky5": Family(videos.kandinsky5, VIDEO, CFG, 2),
    "latte": Family(videos.latte, {**PICTURE, "video_length": 4, "clean_caption": False}, CFG, 1),
    "sana_video": Family(videos.sana_video, {**UNBINNED, "frames": 5}, CFG, 1),
    "wan_i2v": Family(videos.wan_i2v, {**VIDEO, **IMAGE}, CFG, 2),
    "ltx_i2v": Family(videos.ltx_i2v, {**VIDEO, **IMAGE, "num_frames": 9}, CFG, 1),
}
FAMILIES = {name: family.make for name, family in TABLE.items()}
INPUTS = {name: family.inputs for name, family in TABLE.items()}  # not to be changed: some families share them


def build(name: str) -> DiffusionPipeline:
    """The pipeline of a family, in evaluation mode. torch's global random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with skipped_where_missing():
            pipeline = FAMILIES[name]()
        for place, component in pipeline.components.items():
            if isinstance(component, torch.nn.Module):
                _randomise(component.eval(), gain=2.0 if place in NETWORKS else 1.0)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def save(name: str, folder: Path) -> None:
    """Write the pipeline as a diffusers folder, which `DiffusionPipeline.from_pretrained` loads without a network.

    Kolors is loaded only where the package sentencepiece is installed; diffusers asks for it.
    """
    build(name).save_pretrained(folder)


def call(pipeline: Any, name: str, prompt: str = "a cat", negative: str | None = "bad", **inputs: Any) -> Any:
    """What the pipeline alone returns after two steps with classifier-free guidance and seed 0.

    negative: None is what pipelines take for one that is left out.
    """
    texts = {"prompt": prompt, **({"negative_prompt": negative} if takes_negative_prompt(pipeline) else {})}
    family, generator = TABLE[name], torch.Generator().manual_seed(0)
    settings = {"num_inference_steps": 2, "generator": generator, **family.inputs, **family.guided}
    return pipeline(**texts, **{**settings, **inputs})


def takes_negative_prompt(pipeline: DiffusionPipeline) -> bool:
    return "negative_prompt" in parameters(pipeline)


def parameters(pipeline: DiffusionPipeline) -> set[str]:
    """The names of the inputs of its call."""
    return set(inspect.signature(type(pipeline).__call__).parameters)


def networks(pipeline: DiffusionPipeline) -> dict[str, torch.nn.Module]:
    """The networks that predict, by the names of their places in the pipeline."""
    places = {place: getattr(pipeline, place, None) for place in NETWORKS}
    return {place: network for place, network in places.items() if network is not None}


@torch.no_grad()
def _randomise(module: torch.nn.Module, gain: float) -> None:
    """Replace what is initialised with zeros: with zero gates or a zero last layer, nothing depends on the inputs.

    `gain`: a factor for the other weights; the prediction depends more on the text with larger ones.
    """
    for name, parameter in module.named_parameters():
        if not parameter.any():
            parameter.normal_(std=0.05)
        elif "add_v_proj" in name:  # what latents are given of the text
            parameter *= 4 * gain
        elif parameter.ndim > 1:
            parameter *= gain
