"""The machine whose device computes: this one, unless the work is done elsewhere."""

from __future__ import annotations

from cfgsweep.models import device as devices
from cfgsweep.models.device import Compute
from cfgsweep.models.device_kind import DeviceKind


class Machine:
    """Answers what has to be known of the device before a model is loaded on it. This one, in this class."""

    def here_like(self, device: str) -> str | None:
        """See `device.here_like`."""
        return devices.here_like(device)

    def choose(self, device: str, dtype: str) -> Compute:
        """See `device.choose`."""
        return devices.choose(device, dtype)

    def describe(self, compute: Compute) -> str:
        return devices.describe(compute)

    def capability(self, compute: Compute) -> str | None:
        return devices.capability(compute)

    def kind(self, compute: Compute) -> DeviceKind:
        return DeviceKind(self.describe(compute), self.capability(compute))
