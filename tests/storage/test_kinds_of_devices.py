"""Cards of one kind are one kind of device, whatever their numbers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.errors import UserError
from cfgsweep.models.device import Compute
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.models.machine import Machine
from cfgsweep.storage.alike import Alike
from cfgsweep.storage.environment import Environment
from cfgsweep.storage.picture_kinds import kind_of_roots
from cfgsweep.storage.records import EnvironmentRecord, ModelEntry
from cfgsweep.system.display import SilentDisplay
from tests.support.planned_experiments import experiment

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


A100, H100, H200 = DeviceKind("A100", "8.0"), DeviceKind("H100", "9.0"), DeviceKind("H200", "9.0")


class MachineWith(Machine):
    def __init__(self, kind: DeviceKind):
        self.has = kind

    def describe(self, compute: Compute) -> str:
        return self.has.name

    def capability(self, compute: Compute) -> str | None:
        return self.has.capability


@pytest.mark.parametrize("before", [A100, H200, H100])
def test_a_run_that_goes_on_on_another_card_says_so_and_keeps_that_of_its_beginning(before: DeviceKind) -> None:
    """Also where only their names differ."""
    found = FOUND.model_copy(update={"device_name": before.name, "capability": before.capability})
    compute = Compute("cuda", "float16", 1)
    environment = Environment(found, SilentDisplay(), machine=MachineWith(H100))
    written = environment.as_json(compute)
    assert (written["device_name"], written["capability"]) == before
    notice = environment.other_kind(compute)
    assert (notice is None) == (before == H100)
    assert notice is None or notice.startswith(f"this run was begun on {before}; here it is {H100}, ")


def test_a_folder_that_does_not_say_its_card_is_not_taken_for_another_one() -> None:
    environment = Environment(FOUND, SilentDisplay(), machine=MachineWith(H100))
    assert environment.other_kind(Compute("cuda", "float16", 1)) is None


def test_a_root_is_of_the_kind_of_most_of_its_pictures() -> None:
    """A run in one process may have added some of another kind."""
    first, second = ([experiment(seed=seed, value=value) for value in (1.0, 2.0, 3.0)] for seed in (1, 2))
    made = [(first[0], A100), (first[1], H100), (first[2], H100), (second[0], A100)]
    assert kind_of_roots(made) == {StartKey.of(first[0]): H100, StartKey.of(second[0]): A100}
