"""Pictures for image-to-image and inpainting, tiny pipelines for these tasks, and what they give by themselves."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw

from cfgsweep.models.recorded.pipeline import RecordedPipeline
from cfgsweep.models.recorded.task import of_task
from cfgsweep.models.tasks import rounds_up
from cfgsweep.samplers import INPAINTING, PictureFile, Task, build_scheduler
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.system.input_pictures import input_picture
from tests.support import recorded_pipelines as recorded
from tests.support import tiny_pipelines as tiny

COLOURS = {"a": ("green", "red"), "b": ("navy", "yellow")}  # of the ground and of a disc


def drawn(name: str, side: int = 32) -> Image.Image:
    """A disc on a ground."""
    ground, colour = COLOURS[name]
    image = Image.new("RGB", (side, side), ground)
    ImageDraw.Draw(image).ellipse((side // 5, side // 5, side * 3 // 4, side * 3 // 4), fill=colour)
    return image


def half_mask(side: int = 32) -> Image.Image:
    """White on the right."""
    mask = Image.new("L", (side, side), "black")
    mask.paste(255, (side // 2, 0, side, side))
    return mask


def write_pictures(folder: Path, side: int = 32) -> None:
    """Writes a.png, b.png and m.png, a mask."""
    for name in COLOURS:
        drawn(name, side).save(folder / f"{name}.png")
    half_mask(side).save(folder / "m.png")


def picture_file(path: Path) -> PictureFile:
    image, sha256 = input_picture(path)
    return PictureFile(sha256, str(path), image.size)


@functools.cache
def files(side: int) -> dict[str, PictureFile]:
    """The pictures of `write_pictures`, in a folder of this process."""
    folder = Path(tempfile.mkdtemp(prefix="cfgsweep-pictures-"))
    write_pictures(folder, side)
    return {path.stem: picture_file(path) for path in folder.iterdir()}


@functools.cache
def denoiser(name: str, task: Task, of: Any = None) -> RecordedPipeline:
    """A denoiser of a tiny pipeline for a task. of: makes the pipeline; `tiny.build` with the name if None."""
    pipeline = of_task(of() if of else tiny.build(name), task, name)
    return RecordedPipeline(name, pipeline, recorded.compute(), task=task)


def experiment(name: str, task: Task, image: str = "a", strength: float | None = 0.7, **changed: Any) -> Experiment:
    """See `recorded_pipelines.experiment`: the picture is a or b of `write_pictures`, masked for inpainting."""
    own = denoiser(name, task)
    size, inputs = recorded.settings(name)
    inputs = tuple((key, value) for key, value in inputs if key in own.recorder.call.parameters and key != "image")
    size = changed.get("size", size)
    found = files(size[0])
    settings = {"task": task, "image": found[image], "mask": found["m"] if task == INPAINTING else None}
    settings |= {"strength": strength, "call": inputs, "rounds_up": rounds_up(type(own.recorder.pipeline).__name__)}
    return recorded.experiment(name, **{**settings, **changed})


def pixels_alone(pipeline: Any, name: str, e: Experiment, scale: float, config: Any) -> np.ndarray:
    """What the pipeline of the task gives by itself, in levels. config: of its own scheduler."""
    pipeline.scheduler = build_scheduler(e.sampler, config)
    given = {
        **{"prompt": e.prompt, "negative_prompt": e.negative_prompt, "num_inference_steps": e.steps},
        **tiny.TABLE[name].inputs,
        **({"width": e.size[0], "height": e.size[1]} if "width" in tiny.TABLE[name].inputs else {}),
        **{"image": Image.open(e.image.path).convert("RGB"), "strength": e.strength, "output_type": "np"},
        **({"mask_image": Image.open(e.mask.path).convert("L")} if e.mask else {}),
        **dict.fromkeys(tiny.TABLE[name].guided, scale),
    }
    known = tiny.parameters(pipeline)
    taken = {key: value for key, value in given.items() if key in known and value is not None}
    result = pipeline(**taken, generator=torch.Generator().manual_seed(e.seed))
    return (np.asarray(result[0])[0] * 255).round().astype(int)
