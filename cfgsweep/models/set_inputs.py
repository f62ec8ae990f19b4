"""Inputs of a pipeline's call that cannot be given as `call` in sweep files."""

# Inputs that cfgsweep sets itself, and the key that stands for them, if there is one.
SET_ELSEWHERE = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "num_inference_steps": "steps",
    "height": "size",
    "width": "size",
    "image": "image",
    "mask_image": "mask",
    "strength": "strength",
    "true_cfg_scale": "value",
    "generator": "seed",
    "timesteps": "sampler",
    "latents": None,
    "prompt_embeds": None,
    "negative_prompt_embeds": None,
    "num_images_per_prompt": None,
    "num_videos_per_prompt": None,
    "output_type": None,
    "return_dict": None,
    "callback_on_step_end": None,
    "callback_on_step_end_tensor_inputs": None,
}
