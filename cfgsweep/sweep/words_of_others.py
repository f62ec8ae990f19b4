"""Words of other tools for what a sweep file calls otherwise: diffusers, AUTOMATIC1111's web UI (A1111), ComfyUI."""

from __future__ import annotations

import re

from cfgsweep.samplers import SAMPLERS as OURS

KEYS = {
    **dict.fromkeys(("guidance_scale", "cfg", "cfg_scale", "scale", "guidance", "true_cfg_scale"), "value"),
    **dict.fromkeys(("num_inference_steps", "sampling_steps"), "steps"),
    **dict.fromkeys(("scheduler", "sampler_name", "sampling_method"), "sampler"),
    **dict.fromkeys(("width", "height", "resolution"), "size"),
    **dict.fromkeys(("seeds", "noise_seed", "generator"), "seed"),
    **dict.fromkeys(("checkpoint", "ckpt_name", "sd_model_checkpoint", "pretrained_model_name_or_path"), "model"),
    **dict.fromkeys(("positive", "text", "caption"), "prompt"),
    **dict.fromkeys(("negative", "uncond"), "negative_prompt"),
    **dict.fromkeys(("class_labels", "class_label", "class"), "label"),
    **dict.fromkeys(("denoising_strength", "denoise"), "strength"),
    **dict.fromkeys(("init_image", "input_image"), "image"),
    **dict.fromkeys(("mask_image",), "mask"),
    **dict.fromkeys(("cross_attention_kwargs", "loras"), "lora"),
}
SAMPLERS = {
    **dict.fromkeys(("eulera", "eulerancestral", "keulerancestral", "eulerancestraldiscrete"), "euler_a"),
    **dict.fromkeys(("keuler", "eulerdiscrete", "flowmatcheulerdiscrete"), "euler"),
    **dict.fromkeys(("dpm++2mkarras", "dpmpp2mkarras"), "dpm++2m_karras"),
    **dict.fromkeys(("dpm++2m", "dpmpp2m", "dpmsolvermultistep", "dpmsolver++"), "dpm++2m"),
    **dict.fromkeys(("heundiscrete", "flowmatchheundiscrete", "kheun"), "heun"),
    **dict.fromkeys(("plms",), "pndm"),
    **dict.fromkeys(("klms", "lmsdiscrete"), "lms"),
    **dict.fromkeys(("unipcmultistep", "unipcbh2"), "unipc"),
}
TASK_NAMES = {
    **dict.fromkeys(("img2img", "image2image", "imagetoimage", "i2i"), "image-to-image"),
    **dict.fromkeys(("inpaint", "inpainting", "fill"), "inpainting"),
    **dict.fromkeys(("txt2img", "text2image", "texttoimage", "t2i"), "text-to-image"),
}  # without signs and spaces


def sampler_called(name: str) -> str | None:
    """The sampler that another tool calls so, whatever the signs and spaces in the name."""
    plain = _plain(name).removesuffix("scheduler")
    return SAMPLERS.get(plain) or next((ours for ours in OURS if _plain(ours) == plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9+]", "", name.lower())
