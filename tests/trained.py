"""What a training comes to."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from . import commands


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    return {
        f"{file.parent.name}.{name}": tensor
        for file in sorted(model.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }


def refute_that_a_kill_matters(place: Path, stage: str, *words: object) -> None:
    """Kill a training once the stage has a checkpoint, give the same command again, compare with one left alone."""
    checkpoint = place / "killed" / stage / "checkpoint.pt"
    commands.killed_when(checkpoint.exists, "train", *words, "--quiet", "--out", place / "killed")
    assert checkpoint.exists()
    assert not (place / "killed/model").exists()
    for out in ("killed", "whole"):
        commands.finish("train", *words, "--quiet", "--out", place / out)
    killed, whole = (weights_of(place / out / "model") for out in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
