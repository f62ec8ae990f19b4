"""The distance `dreamsim`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, flattened, weights_missing

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import SeeingModel, Vector

WEIGHTS = (
    "dino_vitb16_pretrain.pth",
    "open_clip_vitb16_pretrain.pth.tar",
    "clip_vitb16_pretrain.pth.tar",
    "ensemble_lora",
)


class DreamSim(Distance):
    """DreamSim's ensemble (Fu et al. 2023, arXiv 2306.09344), where the package is; dreamsim=FOLDER has its weights."""

    name = "dreamsim"

    def __init__(self, denoiser: Callable[[], SeeingModel], folder: str = ""):
        super().__init__(denoiser, folder)
        missing = [name for name in WEIGHTS if not (Path(folder) / name).exists()]
        if importlib.util.find_spec("dreamsim") is None or not folder or missing:
            needs = f"it takes the package dreamsim, and dreamsim=FOLDER with {', '.join(WEIGHTS)}"
            raise weights_missing("dreamsim", needs)
        from dreamsim import dreamsim

        self.model, self.preprocess = dreamsim(pretrained=True, device="cpu", cache_dir=folder)

    def embed(self, image: Image.Image) -> Vector:
        import torch

        with torch.inference_mode():
            return flattened(self.model.embed(self.preprocess(image)))
