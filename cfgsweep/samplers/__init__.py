"""Samplers: diffusers' schedulers under their usual names, and their states on the way of a picture.

Nothing here imports torch until a sampler is built, so that a plan can count evaluations quickly.
"""

from cfgsweep.samplers.from_picture import (
    IMAGE_TO_IMAGE,
    INPAINTING,
    TASKS,
    TEXT_TO_IMAGE,
    WHITE,
    FromPicture,
    PictureFile,
    Task,
    performed_steps,
)
from cfgsweep.samplers.sampler import Sampler, noise_levels
from cfgsweep.samplers.sampling import Lora, Loras, Mixing, PictureLayout, PipelineInputs, Sampling, StepCache, thawed
from cfgsweep.samplers.schedulers import (
    LATENT_DEFAULTS,
    MOST_TRAINING_STEPS,
    STABLE_DIFFUSION_NOISE,
    build_scheduler,
    check_sampler,
    config_of,
    direction_of,
    is_flow,
    noised,
    predicted_by,
    usual_name,
)
from cfgsweep.samplers.table import HIGHER_ORDER, OWN_SAMPLER, PREDICTION_TYPES, SAMPLERS, PredictionKind, SamplerKind
from cfgsweep.samplers.turns import HALF, Fork, Restart, UTurn, restart_of_fork, restart_of_turn

__all__ = [
    "HALF",
    "HIGHER_ORDER",
    "IMAGE_TO_IMAGE",
    "INPAINTING",
    "LATENT_DEFAULTS",
    "MOST_TRAINING_STEPS",
    "OWN_SAMPLER",
    "PREDICTION_TYPES",
    "SAMPLERS",
    "STABLE_DIFFUSION_NOISE",
    "TASKS",
    "TEXT_TO_IMAGE",
    "WHITE",
    "Fork",
    "FromPicture",
    "Lora",
    "Loras",
    "Mixing",
    "PictureFile",
    "PictureLayout",
    "PipelineInputs",
    "PredictionKind",
    "Restart",
    "Sampler",
    "SamplerKind",
    "Sampling",
    "StepCache",
    "Task",
    "UTurn",
    "build_scheduler",
    "check_sampler",
    "config_of",
    "direction_of",
    "is_flow",
    "noise_levels",
    "noised",
    "performed_steps",
    "predicted_by",
    "restart_of_fork",
    "restart_of_turn",
    "thawed",
    "usual_name",
]
