"""Encoders of transformers for pictures and texts, from a folder or the hub's cache. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.fingerprint import fingerprint_of_part
from cfgsweep.models.source import HUB_ID, Source, check_indices, exists, local_path
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    import torch
    from PIL import Image

LOADING: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}


class ImageEncoder:
    """An image encoder and the processor that belongs to it, in float32.

    place: a folder or a hub id. processor: another place of the processor and the tokenizer; the same if None.
    Raises UserError where a part is not on this machine.
    """

    def __init__(self, place: str, device: str = "cpu", processor: str | None = None):
        self.place, self.device = place, device
        self.folder, self.processor_folder = _folder(place), _folder(processor or place)
        try:
            with quiet_libraries("transformers"):
                self._load()
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
            raise _not_here(place, shorten(str(error).split("\n")[0], 200)) from None

    def _load(self) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModel

        self.processor = AutoImageProcessor.from_pretrained(self.processor_folder, **LOADING)
        network = AutoModel.from_pretrained(self.folder, use_safetensors=True, dtype=torch.float32, **LOADING)
        self.network = network.eval().to(self.device)

    @property
    def fingerprint(self) -> str:
        """A hash of the weights and configurations."""
        return fingerprint_of_part(self.folder)

    def image_features(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Features of length 1 of RGB pictures, [pictures, features]."""
        import torch

        pixels = self.processor(images=list(images), return_tensors="pt")["pixel_values"].to(self.device)
        with torch.inference_mode():
            encode = getattr(self.network, "get_image_features", None)
            return _unit_length(encode(pixels) if encode else self.network(pixels))


class TextImageEncoder(ImageEncoder):
    """A CLIP model (Radford et al. 2021, arXiv 2103.00020) in transformers' form, with its tokenizer."""

    def _load(self) -> None:
        from transformers import AutoTokenizer

        super()._load()
        self.tokenizer = AutoTokenizer.from_pretrained(self.processor_folder, **LOADING)
        if not hasattr(self.network, "get_text_features") or not hasattr(self.network, "logit_scale"):
            raise ValueError("not a CLIP model, with a text and an image encoder")

    @property
    def scale(self) -> float:
        """By what the model multiplies cosines to get logits."""
        return float(self.network.logit_scale.detach().exp())

    def text_features(self, texts: Sequence[str]) -> torch.Tensor:
        """Features of length 1, [texts, features]. Texts are cut where the model reads no further."""
        import torch

        length = self.network.config.text_config.max_position_embeddings
        padded: dict[str, Any] = {"padding": "max_length", "max_length": length, "truncation": True}
        tokens = self.tokenizer(list(texts), return_tensors="pt", **padded).to(self.device)
        tokens.pop("token_type_ids", None)
        with torch.inference_mode():
            return _unit_length(self.network.get_text_features(**tokens))

    def cosines(self, images: Sequence[Image.Image], texts: Sequence[str]) -> list[float]:
        """The cosine of each picture and its text."""
        different = list(dict.fromkeys(texts))
        rows = [different.index(text) for text in texts]
        found: list[float] = (self.image_features(images) * self.text_features(different)[rows]).sum(-1).tolist()
        return found


def _unit_length(found: Any) -> torch.Tensor:
    import torch

    pooled = found if isinstance(found, torch.Tensor) else found.pooler_output
    return torch.nn.functional.normalize(pooled.float(), dim=-1)


def _folder(place: str) -> Path:
    """The folder that a place is, or that of its snapshot in the hub's cache. Raises UserError where there is none."""
    path = local_path(place)
    if exists(path):
        check_indices(path, "*.index.json")
        return path
    config = Source(place, place).known_file("config.json") if HUB_ID.fullmatch(place) else None
    if config is None:
        raise _not_here(place, "no such folder, and not in the hub's cache")
    return config.parent


def _not_here(place: str, why: str) -> UserError:
    hint = f"give its folder, or get it with `hf download {place}`" if HUB_ID.fullmatch(place) else "give its folder"
    return UserError(f"its weights are not on this machine: {why}", where="metrics", given=place, hint=hint)
