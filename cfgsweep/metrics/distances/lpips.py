"""The distance `lpips`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cfgsweep.metrics.distances.base import Distance, as_batch, rgb, weights_missing

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.metrics.distances.base import SeeingModel, Vector

ALEXNET = "alexnet-owt-7be5be79.pth"  # as torchvision names it in torch's cache


class LPIPS(Distance):
    """LPIPS (Zhang et al. 2018, arXiv 1801.03924) by torchmetrics, where torchvision and its AlexNet's weights are."""

    name = "lpips"

    def __init__(self, denoiser: Callable[[], SeeingModel], folder: str = ""):
        super().__init__(denoiser, folder)
        import torch

        weights = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
        if importlib.util.find_spec("torchvision") is None or not weights.is_file():  # torchvision would download them
            raise weights_missing("lpips", f"it takes torchvision, and {weights}")
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        self.metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).eval()

    def embed(self, image: Image.Image) -> Vector:
        return rgb(image)

    def measure(self, a: Vector, b: Vector) -> float:
        import torch

        with torch.inference_mode():
            return max(0.0, float(self.metric.net(as_batch(a), as_batch(b), normalize=True)))
