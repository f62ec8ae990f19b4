"""Tiny random transformers of diffusers' families, with arguments for a call of each.

The picture has 16 tokens, and so has the text wherever the family allows it, so that nothing can be told by lengths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tests.support.older_diffusers import skipped_where_missing
from tests.support.tiny_transformers import images, streams, videos
from tests.support.tiny_transformers.inputs import Made


@dataclass
class TinyTransformer:
    """A network and arguments for it. shape: of its latents, or of its tokens where they are a sequence."""

    network: nn.Module
    arguments: dict[str, Any]
    shape: tuple[int, ...]

    def predict(self) -> Tensor:
        with torch.inference_mode():
            prediction = self.network(**self.arguments, return_dict=False)[0]
        return torch.stack(list(prediction))


def tiny(family: str) -> TinyTransformer:
    torch.manual_seed(0)
    with skipped_where_missing():
        network, arguments, shape = FAMILIES[family]()
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():  # as training begins, with layers that add nothing
                parameter.normal_(std=0.2)
    return TinyTransformer(network.eval(), arguments, shape)


FAMILIES: dict[str, Callable[[], Made]] = {
    "sd3": streams.sd3,
    "sd35_medium": streams.sd35_medium,
    "flux": streams.flux,
    "flux_kontext": streams.flux_kontext,
    "flux2": streams.flux2,
    "flux3": streams.flux3,
    "chroma": streams.chroma,
    "bria": streams.bria,
    "qwenimage": streams.qwenimage,
    "auraflow": streams.auraflow,
    "hidream": streams.hidream,
    "hunyuanimage": streams.hunyuanimage,
    "krea2": streams.krea2,
    "pixart": images.pixart,
    "dit": images.dit,
    "cogview3": images.cogview3,
    "cogview4": images.cogview4,
    "lumina2": images.lumina2,
    "hunyuandit": images.hunyuandit,
    "z_image": images.z_image,
    "sana": images.sana,
    "prx": images.prx,
    "wan": videos.wan,
    "ltx": videos.ltx,
    "hunyuanvideo": videos.hunyuanvideo,
    "hunyuanvideo_i2v": videos.hunyuanvideo_i2v,
    "hunyuanvideo15": videos.hunyuanvideo15,
    "cogvideox": videos.cogvideox,
    "mochi": videos.mochi,
    "allegro": videos.allegro,
    "kandinsky5": videos.kandinsky5,
    "ltx2": videos.ltx2,
    "sana_video": videos.sana_video,
}
