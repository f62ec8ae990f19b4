"""Tiny modular pipelines of diffusers with random weights, one of every family that has a guider.

Those of the first families take texts. Of the others the blocks before the denoising are left out, and random
embeddings are given instead.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import diffusers
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler, modular_pipelines
from torch import Tensor

from tests.support import tiny_pipelines, tiny_transformers
from tests.support.older_diffusers import skipped_where_missing
from tests.support.tiny_networks import WIDTH, tiny_network
from tests.support.tiny_pipelines.assemble import FLOW

TWO_HEADS = {"num_attention_heads": 2}
PICTURE = {"height": 64, "width": 96}
TEXTS = {"prompt": "a cat", "negative_prompt": "a dog"}
AFTER = ("decode",)
BEFORE = (
    "condition_encoder",
    "reference_encoder",
    "duration",
    "text_encoder",
    "prompt_enhancer",
    "prompt_upsampler",
    "semantic_generator",
    "image_encoder",
    "video_encoder",
    "vae_encoder",
)


class Family(NamedTuple):
    """How to build a pipeline, and the inputs and the output of its call. texts: whether it takes texts."""

    blocks: str
    components: Callable[[], dict[str, Any]]
    inputs: Callable[[], dict[str, Any]]
    texts: bool = False
    output: str = "latents"


def build(name: str) -> Any:
    """The pipeline of a family, the same every time: float32, on the CPU."""
    family = FAMILIES[name]
    with skipped_where_missing(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        blocks, components = getattr(modular_pipelines, family.blocks)(), family.components()
        if not family.texts:
            _randomise(components)
    for block in (*AFTER, *(() if family.texts else BEFORE)):
        blocks.sub_blocks.pop(block, None)
    pipeline = blocks.init_pipeline()
    pipeline.update_components(**components)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def latents(pipeline: Any, name: str, guider: Any, steps: int, **inputs: Any) -> Tensor:
    """What the pipeline makes with the guider from seed 0."""
    pipeline.update_components(guider=guider)
    family, generator = FAMILIES[name], torch.Generator().manual_seed(0)
    settings = {"num_inference_steps": steps, "generator": generator, "output": family.output}
    made = pipeline(**settings, **{**family.inputs(), **inputs})
    return torch.cat(made) if isinstance(made, list) else made


@torch.no_grad()
def _randomise(components: dict[str, Any]) -> None:
    """Weights with which predictions have the size of their inputs, and depend on the text."""
    networks = [each.eval() for each in components.values() if isinstance(each, torch.nn.Module)]
    for parameter in (parameter for network in networks for parameter in network.parameters()):
        if parameter.ndim > 1:
            parameter.normal_(std=2 / parameter[0].numel() ** 0.5)
        else:
            parameter += 0.3 * torch.randn_like(parameter)


def _of_classic(name: str) -> Callable[[], dict[str, Any]]:
    return lambda: {
        place: component
        for place, component in tiny_pipelines.build(name).components.items()
        if component is not None and place not in ("image_encoder", "feature_extractor")
    }


def _flow(network: Any, shift: float = 3.0, **others: Any) -> dict[str, Any]:
    return {"transformer": network, "scheduler": FlowMatchEulerDiscreteScheduler(shift=shift), **others}


def _dynamic(network: Any) -> dict[str, Any]:
    """With a shift that depends on the number of tokens."""
    return {"transformer": network, "scheduler": FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)}


def embedding(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _embeddings(*shape: int) -> dict[str, Any]:
    return {"prompt_embeds": embedding(1, *shape), "negative_prompt_embeds": embedding(2, *shape)}


def _masks(name: str, shape: tuple[int, int] = (1, 6), value: float | bool = True) -> dict[str, Any]:
    return {key: torch.full(shape, value) for key in (name, f"negative_{name}")}


def _wan(channels: int = 16, **others: Any) -> dict[str, Any]:
    scheduler = UniPCMultistepScheduler(**FLOW, flow_shift=3.0)
    return {"transformer": _wan_network(channels, **others), "scheduler": scheduler}


def _wan22() -> dict[str, Any]:
    """Two networks, one for high and one for low noise levels."""
    return {**_wan(), "transformer_2": _wan_network(16), "boundary_ratio": 0.9}


def _wan_network(channels: int, **others: Any) -> diffusers.WanTransformer3DModel:
    return tiny_network(diffusers.WanTransformer3DModel, in_channels=channels, out_channels=16, **others)


def _wan_inputs() -> dict[str, Any]:
    return {**_embeddings(1, 6, WIDTH), **PICTURE, "num_frames": 5}


def _ltx_inputs() -> dict[str, Any]:
    masks = _masks("prompt_attention_mask", value=1.0)
    return {**_embeddings(1, 6, WIDTH), **masks, "height": 128, "width": 96, "num_frames": 17}


def _of_family(name: str, scheduled: Callable[..., dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    return lambda: scheduled(tiny_transformers.tiny(name).network)


def _ltx2() -> dict[str, Any]:
    sound = diffusers.AutoencoderKLLTX2Audio(base_channels=4, latent_channels=1, mel_bins=16, num_res_blocks=1)
    return _flow(tiny_transformers.tiny("ltx2").network, audio_vae=sound)


def _ltx2_inputs() -> dict[str, Any]:
    texts = {
        f"{sign}connector_{kind}prompt_embeds": embedding(seed, 1, 6, WIDTH)
        for seed, (sign, kind) in enumerate(itertools.product(("", "negative_"), ("", "audio_")))
    }
    size = {"height": 128, "width": 96, "num_frames": 17, "batch_size": 1, "dtype": torch.float32}
    return {**texts, **_masks("connector_attention_mask", value=1.0), **size}


def _flux2() -> dict[str, Any]:
    return _dynamic(tiny_network(diffusers.Flux2Transformer2DModel, joint_attention_dim=WIDTH, guidance_embeds=False))


BLOCK_MASKS: dict[tuple[int, int], Any] = {}


def _wan_animate() -> dict[str, Any]:
    sizes = {"dim": 24, "ffn_dim": 32, "freq_dim": 32, "num_heads": 2, "num_layers": 2, "text_len": 8}
    network = diffusers.WanAnimate2Transformer3DModel(**sizes, text_dim=WIDTH, use_img_emb=False)
    network.block_masks = BLOCK_MASKS  # by sizes, of which they are made alone; each is compiled, for many seconds
    levels = {"dim_mult": [1, 1, 1, 1], "num_res_blocks": 1, "temperal_downsample": [False, True, True]}
    return _flow(network, vae=diffusers.AutoencoderKLWan(base_dim=4, z_dim=16, **levels))


def _wan_animate_inputs() -> dict[str, Any]:
    segments = {"num_segments": 1, "effective_segment": 4, "segment_frame_length": 5, "height": 32, "width": 32}
    given = {
        "reference_image_latents": embedding(3, 20, 1, 4, 4),
        "driving_video_pixels": embedding(4, 1, 3, 5, 32, 32),
    }
    others = {"prompt_ref_embeds": embedding(5, 1, 8, WIDTH), "condition_clip_context": embedding(6, 1, 1, 8)}
    return {**_embeddings(1, 8, WIDTH), **segments, **given, **others}


def _hunyuan_video() -> dict[str, Any]:
    channels = {"in_channels": 65, "out_channels": 32}  # 32 channels, 33 of a condition
    return _flow(tiny_network(diffusers.HunyuanVideo15Transformer3DModel, **channels))


def _hunyuan_video_inputs() -> dict[str, Any]:
    second = {"prompt_embeds_2": embedding(3, 1, 4, WIDTH), "negative_prompt_embeds_2": embedding(4, 1, 4, WIDTH)}
    masks = {**_masks("prompt_embeds_mask", value=1.0), **_masks("prompt_embeds_mask_2", (1, 4), 1.0)}
    return {**_embeddings(1, 6, WIDTH), **second, **masks, **PICTURE, "num_frames": 9}


def _ernie() -> dict[str, Any]:
    sizes = {"hidden_size": 32, "num_layers": 2, "ffn_hidden_size": 32, "in_channels": 16, "out_channels": 16}
    others = {"text_in_dim": WIDTH, "rope_axes_dim": (8, 4, 4)}
    return _flow(diffusers.ErnieImageTransformer2DModel(**sizes, **TWO_HEADS, **others))


def _lists(shape: tuple[int, int] = (5, WIDTH)) -> dict[str, Any]:
    return {"prompt_embeds": [embedding(1, *shape)], "negative_prompt_embeds": [embedding(2, *shape)], **PICTURE}


def _anima() -> dict[str, Any]:
    sizes = {"attention_head_dim": 16, "num_layers": 2, "mlp_ratio": 2.0, "adaln_lora_dim": 4, **TWO_HEADS}
    network = diffusers.CosmosTransformer3DModel(
        text_embed_dim=WIDTH, max_size=(4, 64, 64), extra_pos_embed_type=None, concat_padding_mask=False, **sizes
    )
    conditioner = diffusers.AnimaTextConditioner(
        source_dim=WIDTH, target_dim=WIDTH, model_dim=WIDTH, num_layers=1, target_vocab_size=16, **TWO_HEADS
    )
    return _flow(network, text_conditioner=conditioner)


def _anima_inputs() -> dict[str, Any]:
    texts = {"qwen_prompt_embeds": embedding(1, 1, 6, WIDTH), "negative_qwen_prompt_embeds": embedding(2, 1, 6, WIDTH)}
    ids = {"t5_input_ids": torch.tensor([[1, 2, 3]]), "negative_t5_input_ids": torch.tensor([[4, 5, 6]])}
    return {**texts, **ids, **_masks("qwen_attention_mask"), **_masks("t5_attention_mask", (1, 3)), **PICTURE}


def _helios() -> dict[str, Any]:
    sizes = {"attention_head_dim": 12, "in_channels": 4, "out_channels": 4, "freq_dim": 32, "ffn_dim": 32}
    network = diffusers.HeliosTransformer3DModel(text_dim=WIDTH, num_layers=2, rope_dim=(4, 4, 4), **sizes, **TWO_HEADS)
    return {"transformer": network, "scheduler": diffusers.HeliosScheduler(stages=1)}


def _qwenimage(**others: Any) -> dict[str, Any]:
    return _dynamic(tiny_network(diffusers.QwenImageTransformer2DModel, **others))


def _qwenimage_inputs() -> dict[str, Any]:
    return {**_embeddings(1, 6, WIDTH), **_masks("prompt_embeds_mask"), **PICTURE}


def _qwenimage21() -> dict[str, Any]:
    sizes = {"in_channels": 4, "out_channels": 4, "num_layers": 2, "attention_head_dim": 16, **TWO_HEADS}
    return _dynamic(diffusers.QwenImage21Transformer2DModel(**sizes, context_in_dim=WIDTH, axes_dims_rope=(8, 4, 4)))


def _qwenimage21_inputs(pictures: int = 0) -> dict[str, Any]:
    """pictures: the tokens of the text that stand for pictures, each for four of the latents' tokens."""
    length = pictures + 6
    vision = torch.arange(length)[None] < pictures
    masks = {**_masks("prompt_embeds_mask", (1, length)), "image_pad_mask": vision, "negative_image_pad_mask": vision}
    return {**_embeddings(1, length, WIDTH), **masks, **PICTURE}


def _minimax() -> dict[str, Any]:
    """Music. The time goes from noise at 0 to x0 at 1."""
    sizes = {"in_channels": 8, "num_layers": 2, "attention_head_dim": 8, "ff_inner_dim": 32, **TWO_HEADS}
    times = {"rotary_dim": 4, "fourier_embedding_dim": 16}
    network = diffusers.MiniMaxMusic3Transformer1DModel(condition_dim=WIDTH, **times, **sizes)
    encoder = diffusers.MiniMaxMusic3ConditionEncoder(condition_hidden_dim=WIDTH, num_condition_layers=2, out_dim=WIDTH)
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, invert_sigmas=True)
    return {"transformer": network, "scheduler": scheduler, "condition_encoder": encoder}


FAMILIES = {
    "sdxl": Family("StableDiffusionXLAutoBlocks", _of_classic("sdxl"), lambda: {**TEXTS, **PICTURE}, True),
    "sd3": Family("StableDiffusion3AutoBlocks", _of_classic("sd3"), lambda: {**TEXTS, **PICTURE}, True),
    "qwenimage": Family("QwenImageAutoBlocks", _of_classic("qwenimage"), lambda: {**TEXTS, **PICTURE}, True),
    "wan": Family("WanBlocks", _wan, _wan_inputs),
    "wan22": Family("Wan22Blocks", _wan22, _wan_inputs),
    "wan_image": Family(
        "WanImage2VideoAutoBlocks",
        lambda: _wan(2 * 16 + 4, image_dim=WIDTH, added_kv_proj_dim=24),
        lambda: {
            **_wan_inputs(),
            "image_condition_latents": embedding(3, 1, 20, 2, 8, 12),
            "image_embeds": embedding(4, 1, 5, WIDTH),
        },
    ),
    "wan_animate": Family("WanAnimate2Blocks", _wan_animate, _wan_animate_inputs, output="segment_frames"),
    "ltx": Family("LTXAutoBlocks", _of_family("ltx", _flow), _ltx_inputs),
    "ltx2": Family("LTX2AutoBlocks", _ltx2, _ltx2_inputs),
    "ltx_image": Family(
        "LTXAutoBlocks",
        _of_family("ltx", _flow),
        lambda: {**_ltx_inputs(), "image_latents": embedding(3, 1, 4, 1, 4, 3)},
    ),
    "qwenimage_edit": Family(
        "QwenImageEditAutoBlocks",
        _qwenimage,
        lambda: {**_qwenimage_inputs(), "image_latents": embedding(3, 1, 4, 1, 4, 6)},
    ),
    "qwenimage_layered": Family(
        "QwenImageLayeredAutoBlocks",
        lambda: _qwenimage(use_layer3d_rope=True, use_additional_t_cond=True),
        lambda: {**_qwenimage_inputs(), "layers": 2, "image_latents": embedding(3, 1, 1, 4, 8, 12)},
    ),
    "qwenimage21_image": Family(
        "QwenImage21AutoBlocks",
        _qwenimage21,
        lambda: {**_qwenimage21_inputs(6), "image_latents": [embedding(3, 1, 4, 1, 4, 6)]},
    ),
    "zimage": Family("ZImageAutoBlocks", _of_family("z_image", _flow), _lists),
    "flux2_klein": Family("Flux2KleinBaseAutoBlocks", _flux2, lambda: {**_embeddings(1, 6, WIDTH), **PICTURE}),
    "flux2_klein_image": Family(
        "Flux2KleinBaseAutoBlocks",
        _flux2,
        lambda: {**_embeddings(1, 6, WIDTH), **PICTURE, "image_latents": [embedding(3, 1, 16, 2, 3)]},
    ),
    "flux3": Family("Flux3AutoBlocks", _of_family("flux3", _flow), lambda: {**_embeddings(1, 6, WIDTH), **PICTURE}),
    "krea2": Family(
        "Krea2AutoBlocks",
        _of_family("krea2", _dynamic),
        lambda: {**_embeddings(1, 6, 3, WIDTH), **_masks("prompt_embeds_mask"), **PICTURE},
    ),
    "hunyuan_video": Family("HunyuanVideo15AutoBlocks", _hunyuan_video, _hunyuan_video_inputs),
    "ernie": Family("ErnieImageAutoBlocks", _ernie, _lists),
    "anima": Family("AnimaAutoBlocks", _anima, _anima_inputs),
    "helios": Family("HeliosAutoBlocks", _helios, lambda: {**_embeddings(1, 6, WIDTH), **PICTURE, "num_frames": 33}),
    "qwenimage21": Family("QwenImage21AutoBlocks", _qwenimage21, _qwenimage21_inputs),
    "minimax_music": Family(
        "MiniMaxMusic3Blocks",
        _minimax,
        lambda: {"frame_hiddens": embedding(1, 1, 20, 2 * WIDTH)},
        output="latent_chunks",
    ),
}
