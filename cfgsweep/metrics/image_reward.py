"""The metric `image_reward`."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from pydantic import Field

from cfgsweep.errors import UserError, shorten
from cfgsweep.metrics.base import PICTURE, PROMPT, MetricSettings, PictureMetric
from cfgsweep.models.source import local_path
from cfgsweep.system.file_hashes import sha256_of_files

if TYPE_CHECKING:
    from PIL import Image

    from cfgsweep.guidance.perturbations import Condition

FILES = WEIGHTS, CONFIG = "ImageReward.pt", "med_config.json"


class RewardSettings(MetricSettings):
    folder: str | None = Field(None, min_length=1, description=f"with {WEIGHTS} and {CONFIG}")


class ImageReward(PictureMetric):
    """ImageReward: what people prefer of pictures of a prompt, where the package image-reward and its weights are."""

    name = "image_reward"
    unit = "ImageReward, about -2 to 2"
    higher_is_better = True
    source_of = "Xu et al. 2023, arXiv 2304.05977"
    needs = (PICTURE, PROMPT)
    Settings = RewardSettings

    def prepare(self) -> None:
        if importlib.util.find_spec("ImageReward") is None:
            hint = "pip install image-reward"
            raise UserError("image_reward takes the package image-reward", where="metrics", hint=hint)
        folder = local_path(self.settings.folder or "")
        if self.settings.folder is None or not all((folder / name).is_file() for name in FILES):
            problem, allowed = "its weights are not on this machine", f"{{folder: FOLDER}} with {', '.join(FILES)}"
            raise UserError(problem, where="metrics", given=self.settings.folder, allowed=allowed)
        self.weights = folder / WEIGHTS
        try:
            package = importlib.import_module("ImageReward")
            self.model = package.load(str(self.weights), device=self.device, med_config=str(folder / CONFIG))
        except Exception as error:  # the package fails in many ways with versions that it does not know
            raise UserError(f"ImageReward cannot be loaded: {shorten(str(error), 200)}", where="metrics") from None

    def provenance(self) -> dict[str, str]:
        return {"weights": sha256_of_files([self.weights])[0]}

    def measure(self, image: Image.Image, condition: Condition) -> float:
        return float(self.model.score(str(condition), image))
