"""Our guiders inside diffusers' own modular pipeline, on a tiny random SDXL."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from diffusers.guiders import ClassifierFreeGuidance
from diffusers.modular_pipelines import StableDiffusionXLAutoBlocks
from tokenizers import pre_tokenizers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.modular import ModularGuider
from cfgsweep.schedules import SCHEDULES

STEPS = 6


@pytest.fixture(scope="module")
def pipeline():
    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={token: index for index, token in enumerate(vocabulary)}, merges=[])
    tokenizer.model_max_length = 16
    text = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        projection_dim=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=4,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=16 + 6 * 8,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=16,
    )
    made = StableDiffusionXLAutoBlocks().init_pipeline()
    made.update_components(
        unet=unet.eval(),
        vae=vae.eval(),
        text_encoder=CLIPTextModel(text).eval(),
        text_encoder_2=CLIPTextModelWithProjection(text).eval(),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"),
        force_zeros_for_empty_prompt=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def picture(pipeline, guider) -> torch.Tensor:
    pipeline.update_components(guider=guider)
    return pipeline(
        prompt="a cat",
        negative_prompt="a dog",
        num_inference_steps=STEPS,
        height=16,
        width=16,
        generator=torch.Generator().manual_seed(0),
        output="latents",
        output_type="latent",
    )


def ours(pipeline, name: str, schedule=None, value: float | None = None, **parameters) -> ModularGuider:
    return ModularGuider(GUIDERS[name](**parameters), pipeline.scheduler, schedule, value)


def test_plain_guidance_is_diffusers_own(pipeline) -> None:
    expected = picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0))
    torch.testing.assert_close(picture(pipeline, ours(pipeline, "cfg", value=5.0)), expected, rtol=1e-4, atol=1e-4)
    windowed = picture(pipeline, ClassifierFreeGuidance(guidance_scale=5.0, start=0.5))
    got = picture(pipeline, ours(pipeline, "cfg", value=5.0, start=0.5))
    torch.testing.assert_close(got, windowed, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(got, expected, atol=1e-2)


@pytest.mark.parametrize("name", sorted(GUIDERS.keys() - {"perp_neg"}))
def test_every_guider_works_there(pipeline, name: str) -> None:
    plain = picture(pipeline, ours(pipeline, "cfg", value=1.0))
    scale = {"cfg_pp": 0.3, "tnorm": 0.1, "fullnorm": 0.1}.get(name, 3.0)
    got = picture(pipeline, ours(pipeline, name, value=scale))
    assert torch.isfinite(got).all()
    assert not torch.allclose(got, plain, atol=1e-4)
    torch.testing.assert_close(picture(pipeline, ours(pipeline, "cfg", value=1.0)), plain)


def test_schedules_and_still_steps_work_there(pipeline) -> None:
    falling = picture(pipeline, ours(pipeline, "cfg", SCHEDULES["linear"](), value=5.0))
    assert not torch.allclose(falling, picture(pipeline, ours(pipeline, "cfg", value=5.0)), atol=1e-3)
    still = picture(pipeline, ours(pipeline, "cfg", value=5.0, zero_init_steps=2))
    assert torch.isfinite(still).all()


def test_what_it_cannot_do_is_said(pipeline) -> None:
    with pytest.raises(UserError, match="no prediction without text"):
        picture(pipeline, ours(pipeline, "perp_neg"))
    with pytest.raises(UserError, match="unknown layer"):
        picture(pipeline, ours(pipeline, "pag", layers=["up.9"]))
