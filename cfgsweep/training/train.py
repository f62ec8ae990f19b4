"""`cfgsweep train`: checks and preparations that do not need torch, then the training itself (training/stages.py)."""

from __future__ import annotations

from pathlib import Path

from cfgsweep.errors import RunFailed
from cfgsweep.models.bfloat16 import advertises_amx, bfloat16_works
from cfgsweep.system.display import Display
from cfgsweep.system.quiet import quiet_libraries
from cfgsweep.training.config import TrainingFile
from cfgsweep.training.folder import check


def train(file: TrainingFile, folder: Path, display: Display, wait: bool = False) -> Path:
    """Trains in `folder`, resuming from its checkpoints; returns the folder of the finished model.

    The same file and data on the same machine gives the same weights, however often the training was interrupted.
    wait: wait while another command uses the folder, in place of an error. Raises UserError for a folder or data that
    cannot be used, RunFailed where memory is not enough or the loss is no longer finite.
    """
    check(folder, file)
    if file.dtype == "bfloat16" or (file.dtype == "auto" and advertises_amx()):
        bfloat16_works(display.notice)  # before torch is imported: AMX can still be switched off
    with quiet_libraries("diffusers", "transformers"):
        from cfgsweep.models.device_memory import is_out_of_memory
        from cfgsweep.training.stages import Stages, train_on_labels, train_on_texts

        train_model = train_on_labels if file.condition == "label" else train_on_texts
        with Stages(file, folder, display, wait) as stages:
            try:
                return train_model(file, stages)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                raise RunFailed("not enough memory", hint="a smaller `recipe.batch` needs less") from None
