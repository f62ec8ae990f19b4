"""What a run folder was made with, kept so that every later picture is made the same way."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.models import device as devices
from cfgsweep.models.denoiser import Denoiser
from cfgsweep.system.display import Display

LIBRARIES = ("cfgsweep", "torch", "diffusers", "transformers", "pillow")
ELSEWHERE = "leave the flag out, or name another folder with --out"


class Environment:
    """The content of environment.json: as it was found, and as it goes on."""

    def __init__(self, found: dict[str, Any], display: Display):
        self.found, self.display = found, display
        self.models: dict[str, dict[str, Any]] = dict(found.get("models", {}))

    def settle_compute(self, device: str, dtype: str) -> devices.Compute:
        """Device and dtype as asked; else as the folder was made, where that can be had."""
        before = self.found.get("device")
        self._refuse_other("--device", device if device != "auto" else None, before)
        self._refuse_other("--dtype", dtype if dtype != "auto" else None, self.found.get("dtype"))
        if before and device == "auto" and before.split(":")[0] in ("cpu", devices.accelerator()):
            device, dtype = before, self.found["dtype"]
        compute = devices.choose(device, dtype)
        if before and compute.device != before:
            self.display.notice(
                f"this run was begun on {before}, which is not here; it goes on on {compute.device}, "
                "and new pictures may differ from those there in their last bits"
            )
        return compute

    def settle_batch_size(self, model: str, asked: int | None, compute: devices.Compute) -> int | None:
        """The model's batch shape as asked; else as the folder was made on this device; None: nobody has said."""
        same_device = self.found.get("device") == compute.device
        shapes = [known["batch_size"] for known in self.models.values() if known["runs"] == model and same_device]
        before = shapes[0] if shapes else None
        self._refuse_other("--batch-size", asked, before)
        return asked or before

    def _refuse_other(self, flag: str, asked: object, before: object) -> None:
        if asked is not None and before is not None and asked != before:
            raise UserError("this run was made otherwise", where=flag, given=asked, allowed=str(before), hint=ELSEWHERE)

    def note_model(self, asked: Iterable[str], denoiser: Denoiser, batch_size: int) -> None:
        """Remember what runs under these names; refuse a model that is no longer what it was in this folder."""
        fingerprint = denoiser.fingerprint()
        for known in self.models.values():
            if known["runs"] == denoiser.name and known["fingerprint"] not in (None, fingerprint):
                raise UserError(
                    "the model has changed since this run was made",
                    where=denoiser.name,
                    given=fingerprint,
                    allowed=known["fingerprint"],
                    hint="name another folder with --out",
                )
        entry = {"runs": denoiser.name, "fingerprint": fingerprint, "batch_size": batch_size}
        self.models |= {name: dict(entry) for name in asked}

    def as_json(self, compute: devices.Compute) -> dict[str, Any]:
        """What goes into the file now."""
        return {
            "command": shlex.join(["cfgsweep", *sys.argv[1:]]),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
            "platform": platform.platform(),
            "device": compute.device,
            "device_name": devices.describe(compute),
            "dtype": compute.dtype_name,
            "threads": 1 if compute.device == "cpu" else None,
            "workers": compute.workers,
            "models": self.models,
        }
