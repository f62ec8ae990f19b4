"""Training of a class-conditional U-Net on pixels, with one more class embedding for the null label."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from diffusers import DDPMPipeline, UNet2DModel
from PIL import Image

from cfgsweep.engine.engine import Engine
from cfgsweep.engine.plan import Plan
from cfgsweep.engine.results import Finished
from cfgsweep.errors import UserError
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import Constant
from cfgsweep.models import device as devices
from cfgsweep.models.families.class_conditional import ClassConditional
from cfgsweep.models.video import middle_frame
from cfgsweep.samplers import config_of
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.training.config import Denoiser, TrainConfig
from cfgsweep.training.data.dataset import Labelled, normalised, to_pixels
from cfgsweep.training.noise import Noising
from cfgsweep.training.sheet import SampleRow, draw_sheet

SAMPLE_SCALES, SAMPLE_STEPS = (0.0, 1.0, 2.0, 4.0), 30


def build_unet(config: Denoiser, pictures: torch.Size, classes: int) -> UNet2DModel:
    """An untrained U-Net for pictures [channels, height, width], with `classes` labels and a null label.

    Raises UserError where height or width is not divisible by 2 as often as there are levels after the first.
    """
    channels, height, width = pictures
    halved = 2 ** (len(config.channels) - 1)
    if height % halved or width % halved:
        hint = "give data.size, or the denoiser fewer levels"
        allowed = f"multiples of {halved}"
        problem, given = "a side that cannot be halved so often", f"{width}x{height}"
        raise UserError(problem, given=given, allowed=allowed, hint=hint).at_key("data", "size")
    attended = len(config.channels) - 1
    unet = UNet2DModel(
        sample_size=(height, width),
        in_channels=channels,
        out_channels=channels,
        block_out_channels=config.channels,
        layers_per_block=config.layers_per_block,
        down_block_types=("DownBlock2D", *["AttnDownBlock2D"] * attended),
        up_block_types=(*["AttnUpBlock2D"] * attended, "UpBlock2D"),
        attention_head_dim=config.channels[-1] // config.heads,
        norm_num_groups=config.groups,
        num_class_embeds=classes + 1,
    )
    return unet.to(memory_format=torch.channels_last)


class ClassToImageTask:
    """Denoising with condition dropout: some rows have the null label, for predictions without a label."""

    name, loss_name = "denoiser", "prediction loss"

    def __init__(self, config: TrainConfig, training: Labelled, held_out: Labelled):
        self.config, self.training, self.held_out = config, training, held_out
        self.noising = Noising(config.noise, config.denoiser.velocity_weight)
        self.measure = self.noising.measure
        self.null_label = len(training.names)
        self.network = build_unet(config.denoiser, training.pixels.shape[1:], self.null_label)

    def loss(self, batch: int, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(len(self.training), (batch,), generator=generator)
        dropped = torch.rand(batch, generator=generator) < self.config.denoiser.condition_dropout
        labels = self.training.labels[chosen].masked_fill(dropped, self.null_label)
        pixels = normalised(self.training.pixels[chosen])
        errors, timesteps = self._errors(self.network, pixels, labels, generator)
        return (self.noising.weight(timesteps) * errors).mean()

    def _errors(
        self, network: UNet2DModel, pixels: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean squared error of every row at a random timestep, and the timesteps; both [rows]."""
        noise = torch.randn(pixels.shape, generator=generator)
        timesteps = self.noising.timesteps(len(pixels), generator)
        noisy = self.noising.noisy(pixels, noise, timesteps).contiguous(memory_format=torch.channels_last)
        predicted = network(noisy, timesteps, labels, return_dict=False)[0]
        return self.noising.errors(predicted, pixels, noise, timesteps), timesteps

    @torch.no_grad()
    def measured(self, network: UNet2DModel, held_out: bool) -> float:
        """Mean squared error of the prediction with the label, four fixed draws of noise and timestep per picture."""
        part = self.held_out if held_out else self.training.some(len(self.held_out))
        generator, total = torch.Generator().manual_seed(0), 0.0
        pixels, labels = part.pixels.repeat(4, 1, 1, 1), part.labels.repeat(4)
        for rows in torch.arange(len(pixels)).split(128):
            total += self._errors(network, normalised(pixels[rows]), labels[rows], generator)[0].sum().item()
        return total / len(pixels)

    def sample(self, network: UNet2DModel, heading: str) -> Image.Image:
        """Samples: labels across, guidance scales down."""
        compute = devices.choose("cpu")
        config = config_of(self.noising.saved_scheduler())
        denoiser = ClassConditional.of_unet("model", copy.deepcopy(network), config, compute)
        shown = range(min(10, self.null_label))
        experiments = [
            Experiment(
                model="model",
                revision=None,
                prompt=None,
                negative_prompt="",
                label=label,
                seed=label,
                steps=SAMPLE_STEPS,
                sampler="euler",
                size=None,
                guider=GUIDERS["cfg"](),
                schedule=Constant(),
                value=scale,
            )
            for scale in SAMPLE_SCALES
            for label in shown
        ]
        found = Engine(denoiser, compute, 8).run(Plan(experiments))
        done = {one.experiment: middle_frame(one.image) for one in found if isinstance(one, Finished)}
        black = Image.new("RGB", denoiser.native_size)  # in place of samples that failed
        pixels = torch.stack([to_pixels(done.get(e, black)) for e in experiments]).split(len(shown))
        rows = [SampleRow(f"guidance scale {scale:g}", part) for scale, part in zip(SAMPLE_SCALES, pixels, strict=True)]
        return draw_sheet(heading, [self.training.names[label] for label in shown], rows)

    def save(self, network: UNet2DModel, folder: Path) -> None:
        """Saves a DDPMPipeline, with the names of the labels as `id2label` in its index, as in DiT pipelines."""
        DDPMPipeline(unet=network, scheduler=self.noising.saved_scheduler()).save_pretrained(folder)
        index = folder / "model_index.json"
        names = {str(number): name for number, name in enumerate(self.training.names)}
        index.write_text(json.dumps({**json.loads(index.read_text()), "id2label": names}, indent=2) + "\n")
