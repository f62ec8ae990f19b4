"""How different two pictures are. None of these downloads anything.

A distance is an array for every picture, and a measure of two arrays. Arrays are what a search projects on each
other; for all but `ssim` the measure is the root mean square of their difference.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cfgsweep.errors import UserError, unknown_name

if TYPE_CHECKING:
    from cfgsweep.models.denoiser import Denoiser

Vector = np.ndarray
Embed = Callable[[Image.Image], Vector]

SIDE = 8  # of a picture as `layout` sees it

# What needs nothing but the pictures and the model that made them, in words.
DISTANCES = {
    "layout": f"pixels of the picture made {SIDE} x {SIDE}: where which colour is",
    "pixels": "all pixels",
    "ssim": "the root of 1 - structural similarity (Wang et al. 2004), by torchmetrics",
    "latents": "the picture as the swept model's own autoencoder encodes it",
    "features": "the middle of the swept model's own U-Net, looking at the picture (DIFT, arXiv 2306.03881)",
    "clip": "image features of openai/clip-vit-base-patch32, where its weights are cached",
    "dino": "image features of facebook/dinov2-small, where its weights are cached",
    "lpips": "LPIPS by torchmetrics, where torchvision and its AlexNet's weights are on this machine",
    "dreamsim": "DreamSim's ensemble, where the package is; dreamsim=FOLDER says where its weights are",
}
ALEXNET = "alexnet-owt-7be5be79.pth"  # as torchvision names it in torch's cache
DREAMSIM = (
    "dino_vitb16_pretrain.pth",
    "open_clip_vitb16_pretrain.pth.tar",
    "clip_vitb16_pretrain.pth.tar",
    "ensemble_lora",
)
ENCODERS = {"clip": "openai/clip-vit-base-patch32", "dino": "facebook/dinov2-small"}


@dataclass(frozen=True)
class Distance:
    """Pictures as arrays, and how far apart two of them are."""

    embed: Embed
    measure: Callable[[Vector, Vector], float]

    def floor(self, image: Image.Image) -> float:
        """What rounding can make of it: the distance to the picture with every other pixel one of 256 levels off."""
        levels = np.asarray(image.convert("RGB")).astype(np.int16)
        off = levels.copy()
        off.reshape(-1, 3)[::2] += np.where(levels.reshape(-1, 3)[::2] < 255, 1, -1).astype(np.int16)
        return self.measure(self.embed(image), self.embed(Image.fromarray(off.astype(np.uint8))))


def check_name(name: str) -> None:
    if name.partition("=")[0] not in DISTANCES:
        raise unknown_name("distance", name, DISTANCES, "distance")


def choose(name: str, denoiser: Callable[[], Denoiser]) -> Distance:
    """A distance by name; `clip=FOLDER` takes the weights from there.

    Raises UserError where its weights are not on this machine.
    """
    kind, _, place = name.partition("=")
    check_name(name)
    match kind:
        case "layout":
            return Distance(lambda image: _values(image.resize((SIDE, SIDE), Image.Resampling.BOX)), rms)
        case "latents":
            return Distance(lambda image: _flat(denoiser().encode_picture(image)), rms)
        case "features":
            return Distance(lambda image: _flat(denoiser().features(image)), rms)
        case "clip" | "dino":
            return Distance(_encoder(place or ENCODERS[kind]), rms)
        case "lpips":
            return Distance(_values, _lpips())
        case "dreamsim":
            return Distance(_dreamsim(place), rms)
    return Distance(_values, _dissimilarity if kind == "ssim" else rms)


def rms(a: Vector, b: Vector) -> float:
    """Root mean square of the difference."""
    return float(np.sqrt(np.mean(np.square(a - b))))


def _values(image: Image.Image) -> Vector:
    """RGB from 0 to 1, [height, width, 3]."""
    return np.asarray(image.convert("RGB"), dtype=np.float32) / 255


def _flat(tensor: Any) -> Vector:
    return np.asarray(tensor.double().cpu().flatten())


def _dissimilarity(a: Vector, b: Vector) -> float:
    """The root makes it grow as distances do: 1 - SSIM itself is about a square of one (Brunet et al. 2012)."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    similarity = structural_similarity_index_measure(_batch(a), _batch(b), data_range=1.0)
    return float(max(0.0, 1 - float(similarity)) ** 0.5)  # type: ignore[arg-type]


def _batch(values: Vector) -> Any:
    """An array of `_values` as torch has pictures, [1, 3, height, width]."""
    import torch

    return torch.from_numpy(values).permute(2, 0, 1).unsqueeze(0)


def _lpips() -> Callable[[Vector, Vector], float]:
    """Zhang et al. 2018, arXiv 1801.03924. Nothing is downloaded: torchvision would do so without asking."""
    import torch

    weights = Path(torch.hub.get_dir()) / "checkpoints" / ALEXNET
    if importlib.util.find_spec("torchvision") is None or not weights.is_file():
        raise _not_here("lpips", f"it takes torchvision, and {weights}")
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).eval()

    def measure(a: Vector, b: Vector) -> float:
        with torch.inference_mode():
            return max(0.0, float(metric.net(_batch(a), _batch(b), normalize=True)))

    return measure


def _dreamsim(place: str) -> Embed:
    """Fu et al. 2023, arXiv 2306.09344: normalised embeddings, whose distance is the one that is meant."""
    missing = [name for name in DREAMSIM if not (Path(place) / name).exists()]
    if importlib.util.find_spec("dreamsim") is None or not place or missing:
        raise _not_here("dreamsim", f"it takes the package dreamsim, and dreamsim=FOLDER with {', '.join(DREAMSIM)}")
    import torch
    from dreamsim import dreamsim

    model, preprocess = dreamsim(pretrained=True, device="cpu", cache_dir=place)

    def embed(image: Image.Image) -> Vector:
        with torch.inference_mode():
            return _flat(model.embed(preprocess(image)))

    return embed


def _not_here(given: str, hint: str) -> UserError:
    return UserError("its weights are not on this machine", where="distance", given=given, hint=hint)


def _encoder(place: str) -> Embed:
    """An image encoder of transformers', from what is on this machine."""
    import torch
    from transformers import AutoImageProcessor, AutoModel

    try:
        loading: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        processor = AutoImageProcessor.from_pretrained(place, **loading)
        model = AutoModel.from_pretrained(place, use_safetensors=True, **loading).eval()
    except (OSError, ValueError) as error:
        raise _not_here(place, str(error).split("\n")[0]) from None

    def embed(image: Image.Image) -> Vector:
        pixels = processor(images=image, return_tensors="pt")["pixel_values"]
        with torch.inference_mode():
            encode = getattr(model, "get_image_features", None)
            found = encode(pixels) if encode else model(pixels)
        pooled = found if isinstance(found, torch.Tensor) else found.pooler_output
        return _flat(torch.nn.functional.normalize(pooled, dim=-1))

    return embed
