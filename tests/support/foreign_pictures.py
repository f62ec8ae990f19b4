"""Pictures with settings of other programs inside, as these programs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

A1111 = """\
a red fox, (detailed:1.2), <lora:film_grain:0.8>
in the snow
Negative prompt: blurry, text
lowres
Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 965400086, Size: 512x768, \
Model hash: 45dee52b, Model: dreamshaper_8, Clip skip: 2, Lora hashes: "film_grain: abc, b: c", Version: v1.10.1"""

COMFY: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            **{"seed": 156680208700286, "steps": 20, "cfg": 8, "sampler_name": "euler_ancestral", "denoise": 1},
            **{"scheduler": "normal", "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0]},
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15/v1-5-pruned-emaonly.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 640, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a glass bottle", "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "text, watermark", "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            **{"lora_name": "pixel.safetensors", "strength_model": 0.7, "strength_clip": 1},
            **{"model": ["4", 0], "clip": ["4", 1]},
        },
    },
}
CUSTOM: dict[str, Any] = {  # as the templates of Flux have it
    "1": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            **{"noise": ["2", 0], "guider": ["3", 0], "sampler": ["4", 0], "sigmas": ["5", 0]},
            "latent_image": ["6", 0],
        },
    },
    "2": {"class_type": "RandomNoise", "inputs": {"noise_seed": 7}},
    "3": {"class_type": "BasicGuider", "inputs": {"model": ["9", 0], "conditioning": ["7", 0]}},
    "4": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "5": {"class_type": "BasicScheduler", "inputs": {"scheduler": "simple", "steps": 28, "model": ["9", 0]}},
    "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": ["10", 0], "height": 1024, "batch_size": 1}},
    "7": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["8", 0]}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": ["11", 0], "clip": ["9", 1]}},
    "9": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
    "10": {"class_type": "PrimitiveInt", "inputs": {"value": 1024}},
    "11": {"class_type": "PrimitiveString", "inputs": {"value": "a lighthouse"}},
}
WORKFLOW: dict[str, Any] = {  # the same as COMFY without a LoRA, as the editor draws it
    "nodes": [
        {
            "id": 3,
            "type": "KSampler",
            "widgets_values": [156680208700286, "randomize", 20, 8, "euler_ancestral", "normal", 1],
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 2},
                {"name": "negative", "link": 3},
                {"name": "latent_image", "link": 4},
            ],
        },
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["v1-5-pruned-emaonly.safetensors"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [512, 640, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": ["a glass bottle"], "inputs": []},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": ["text, watermark"], "inputs": []},
    ],
    "links": [[1, 4, 0, 3, 0, "MODEL"], [2, 6, 0, 3, 1, "C"], [3, 7, 0, 3, 2, "C"], [4, 5, 0, 3, 3, "LATENT"]],
}


def picture_with(path: Path, **texts: Any) -> Path:
    """A small PNG with these texts; what is no text is written as JSON."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text if isinstance(text, str) else json.dumps(text))
    Image.new("RGB", (8, 8), "red").save(path, pnginfo=info)
    return path
