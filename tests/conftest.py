"""Shared by the tests: tiny random models of the real family, and the command line in this process."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("cfgsweep", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("cfgsweep")

DEVICE = os.environ.get("CFGSWEEP_TEST_DEVICE", "cpu")


@dataclass(frozen=True)
class Outcome:
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run a cfgsweep command line as `main` does."""
    from cfgsweep.cli import run_command

    def run(*arguments: object) -> Outcome:
        code = run_command([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def sweep_file(tmp_path: Path) -> Callable[..., Path]:
    """Write a sweep file; keyword arguments are lines of it."""

    def write(text: str, name: str = "sweep.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


NAMES = ["astronaut", "horse", "camel", "robot", "elf", "tiger", "apple", "rocket", *(f"thing {i}" for i in range(32))]


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """A small data set of the real one's form: coloured discs on white."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image, ImageDraw

    from cfgsweep.training.captions import STYLES

    rows = []
    for index, name in enumerate(NAMES):
        for style in STYLES:
            image = Image.new("RGB", (64, 64), "white")
            shade = tuple(random.Random(f"{name}{style}").choices(range(200), k=3))
            ImageDraw.Draw(image).ellipse((8, 8, 56, 56), shade)
            data = io.BytesIO()
            image.save(data, "PNG")
            rows.append(
                {
                    "image": {"bytes": data.getvalue(), "path": f"{name}.png"},
                    "label": name,
                    "tags": ["round", name],
                    "style": style,
                    "group": "flags" if name == "apple" else "objects",
                    "codepoints": f"1F{index:03X}",
                }
            )
    path = tmp_path_factory.mktemp("data") / "pictures.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def small_training(pictures: Path) -> dict:
    """A training file that is done in seconds."""
    recipe = {"steps": 8, "batch": 4, "learning_rate": 0.002, "checkpoint_every": 2, "sample_every": 100}
    return {
        "name": "tiny",
        "seed": 3,
        "data": {"path": str(pictures), "leave_out": ["flags"], "composites": 12},
        "autoencoder": {"channels": 8, "encoder_blocks": [0, 1, 1], "decoder_blocks": [1, 1, 0], "recipe": recipe},
        "text_encoder": {"vocabulary": 600, "width": 16, "layers": 1, "heads": 2},
        "denoiser": {"channels": [8, 16, 16], "groups": 4, "recipe": recipe},
    }


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion 1.x-shaped model with random weights, saved by diffusers itself."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    _tiny_pipeline("epsilon").save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_v_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, predicting v as Stable Diffusion 2.x at 768 does."""
    folder = tmp_path_factory.mktemp("models") / "tiny-v"
    _tiny_pipeline("v_prediction").save_pretrained(folder)
    return folder


def _tiny_pipeline(prediction_type: str):
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from tokenizers import pre_tokenizers
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    tokenizer = CLIPTokenizer(vocab={token: index for index, token in enumerate(vocabulary)}, merges=[])
    tokenizer.model_max_length = 16
    text = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
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
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        norm_num_groups=4,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        sample_size=16,
    )
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
            prediction_type=prediction_type,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
