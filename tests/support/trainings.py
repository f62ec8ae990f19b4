"""Training files for tests, and the weights of trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.support import commands


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    """All tensors of a model folder by folder and name."""
    return {
        f"{file.parent.name}.{name}": tensor
        for file in sorted(model.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def assert_a_kill_changes_no_weights(place: Path, stage: str, *words: object) -> None:
    """Kills a training once the stage has a checkpoint, runs the command again, compares with an uninterrupted one."""
    checkpoint = place / "killed" / stage / "checkpoint.pt"
    commands.killed_when(checkpoint.exists, "train", *words, "--quiet", "--out", place / "killed")
    assert checkpoint.exists()
    assert not (place / "killed/model").exists()
    for out in ("killed", "whole"):
        commands.finish("train", *words, "--quiet", "--out", place / out)
    killed, whole = (weights_of(place / out / "model") for out in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)


RECIPE = {"steps": 8, "batch": 8, "learning_rate": 0.002, "checkpoint_every": 2, "sample_every": 100}


def label_training(**changes: Any) -> dict[str, Any]:
    """A training file for labels that takes seconds."""
    return {
        "name": "tiny",
        "seed": 3,
        "condition": "label",
        "data": {"name": "digits"},
        "noise": {"schedule": "linear", "prediction": "v"},
        "denoiser": {"channels": [8, 16], "groups": 4, "recipe": RECIPE},
        "classifier": {"channels": [8, 16], "layers_per_block": 1, "recipe": RECIPE},
        **changes,
    }
