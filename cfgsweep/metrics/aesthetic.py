"""The metric `aesthetic`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from cfgsweep.errors import UserError, shorten
from cfgsweep.metrics.base import MetricSettings, PictureMetric
from cfgsweep.metrics.encoders import ImageEncoder
from cfgsweep.metrics.text_image import MODEL_HELP
from cfgsweep.models.source import local_path
from cfgsweep.system.file_hashes import sha256_of_files

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition


class AestheticSettings(MetricSettings):
    model: str = Field("openai/clip-vit-large-patch14", min_length=1, description=MODEL_HELP)
    head: str | None = Field(None, min_length=1, description="file of the predictor: .safetensors or .pth")


class Aesthetic(PictureMetric):
    """LAION's aesthetic predictor, about 1 to 10: linear layers, one or several, on CLIP features of length 1."""

    name = "aesthetic"
    unit = "LAION's aesthetic score, about 1 to 10"
    higher_is_better = True
    source_of = "Schuhmann et al. 2022, arXiv 2210.08402"
    Settings = AestheticSettings

    def prepare(self) -> None:
        if self.settings.head is None:
            hint = "{aesthetic: {head: FILE}} with sac+logos+ava1-l14-linearMSE.pth or sa_0_4_vit_l_14_linear.pth"
            raise UserError("aesthetic takes the file of a predictor", where="metrics", hint=hint)
        self.head = local_path(self.settings.head)
        self.layers = _layers(self.head)
        self.encoder = ImageEncoder(self.settings.model, self.device)
        taken, given = self.layers[0][0].shape[1], getattr(self.encoder.network.config, "projection_dim", None)
        if given != taken:
            problem, allowed = "another CLIP model's predictor", f"features of length {taken}, as {self.head.name}"
            raise UserError(problem, where="metrics", given=given, allowed=allowed)

    def provenance(self) -> dict[str, str]:
        return {"weights": self.encoder.fingerprint, "head": sha256_of_files([self.head])[0]}

    def measure_batch(self, images: Sequence[Image.Image], conditions: Sequence[Condition]) -> list[float]:
        rows = self.encoder.image_features(images).cpu()
        for weight, bias in self.layers:
            rows = rows @ weight.T + bias
        found: list[float] = rows[:, 0].tolist()
        return found


def _layers(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The weights and biases of linear layers, in the order in which they are applied. No pickled code is run."""
    try:
        state = _state(path)
        names = sorted((name for name in state if name.endswith("weight")), key=_number)
        layers = [(state[name].float(), state[f"{name.removesuffix('weight')}bias"].float()) for name in names]
        chained = all(one.shape[0] == other.shape[1] for (one, _), (other, _) in itertools.pairwise(layers))
        if not layers or not chained or layers[-1][0].shape[0] != 1:
            raise ValueError("its layers are not those of a predictor")
        return layers
    except FileNotFoundError:
        raise UserError("no such file", where="metrics", given=str(path)) from None
    except Exception as error:  # torch and safetensors raise many kinds of exceptions for damaged files
        problem = f"not the weights of an aesthetic predictor: {shorten(str(error), 200)}"
        raise UserError(problem, where="metrics", given=str(path)) from None


def _state(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return dict(load_file(path))
    import torch

    found: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return found


def _number(name: str) -> int:
    """Of a layer, by its name in the file: `layers.2.weight`."""
    found = re.search(r"\d+", name)
    return int(found[0]) if found else 0
