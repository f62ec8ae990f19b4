"""Cards of one kind are one kind of device, whatever their numbers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfgsweep.errors import UserError
from cfgsweep.models.device import Compute
from cfgsweep.storage.alike import Alike
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.records import EnvironmentRecord, ModelEntry
from cfgsweep.system.display import SilentDisplay

MODELS = {"m": ModelEntry(runs="m", batch_sizes={"8x8": 4})}
FOUND = EnvironmentRecord(device="cuda:1", dtype="float16", models=MODELS)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1", "cuda"])
def test_a_run_goes_on_on_another_card_with_its_batch_size(device: str) -> None:
    environment = Environment(FOUND, SilentDisplay())
    assert environment.batch_size("m", (8, 8), Compute(device, "float16", 1)) == 4
    assert environment.batch_size("m", (8, 8), Compute("cpu", "float16", 1)) is None


@pytest.mark.parametrize("device", ["cuda:0", "cuda:1", "cuda"])
def test_shards_of_several_cards_are_alike(device: str) -> None:
    alike = Alike()
    alike.add(FOUND, Path("a"))
    alike.add(FOUND.model_copy(update={"device": device}), Path("b"))
    with pytest.raises(UserError, match="another kind of device"):
        alike.add(FOUND.model_copy(update={"device": "cpu"}), Path("c"))


def test_versions_are_compared_library_by_library() -> None:
    alike = Alike()
    alike.add(FOUND.model_copy(update={"versions": {"torch": "2", "python": "3.12"}}), Path("a"))
    alike.add(FOUND.model_copy(update={"versions": {"torch": "2", "python": "3.13", "pillow": "12"}}), Path("b"))
    with pytest.raises(UserError, match="another version of pillow") as error:
        alike.add(FOUND.model_copy(update={"versions": {"torch": "2", "pillow": "11"}}), Path("c"))
    assert "12, as in b" in str(error.value)
