"""Kinds of devices: pictures of one kind are equal to the last bit, those of two kinds may differ."""

from __future__ import annotations

from typing import NamedTuple


class DeviceKind(NamedTuple):
    """name: of the device's model, "NVIDIA H100", or "cpu". capability: see `device.capability`."""

    name: str
    capability: str | None = None

    def __str__(self) -> str:
        """'cpu with AVX2'."""
        return " with ".join(filter(None, self))
