"""Which kinds of devices have made the pictures of a run, and of every root: what begins as one initial noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from cfgsweep.engine.prefix_tree import StartKey
from cfgsweep.models.device_kind import DeviceKind
from cfgsweep.storage.records import DoneRecord, EnvironmentRecord
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment

Made = tuple[Experiment, DeviceKind]  # an experiment that has a picture, and on what it was made


def kind_of_picture(record: DoneRecord, environment: EnvironmentRecord | None) -> DeviceKind | None:
    """None where it is not known. environment: of the folder, for records of earlier versions."""
    return record.kind or (environment.kind if environment else None)


def made_in(run: RunFolder, experiments: Iterable[Experiment]) -> Iterator[Made]:
    """The experiments that have a picture in a folder, as far as it is known on what it was made."""
    experiments = list(experiments)
    records, environment = run.records_of(experiments), run.kept_environment()
    for e in experiments:
        record = records.get(e.id)
        if isinstance(record, DoneRecord) and (kind := kind_of_picture(record, environment)):
            yield e, kind


def kinds_in(run: RunFolder) -> list[DeviceKind]:
    """All kinds that have made pictures in a folder, as far as they are known."""
    environment = run.kept_environment()
    made = (kind_of_picture(r, environment) for r in run.records().values() if isinstance(r, DoneRecord))
    return list(dict.fromkeys(filter(None, made)))


def kinds_of_roots(made: Iterable[Made]) -> dict[StartKey, Counter[DeviceKind]]:
    """For every root that has pictures, how many are of which kind."""
    found: dict[StartKey, Counter[DeviceKind]] = {}
    for e, kind in made:
        found.setdefault(StartKey.of(e), Counter())[kind] += 1
    return found


def kind_of_roots(made: Iterable[Made]) -> dict[StartKey, DeviceKind]:
    """For every root that has pictures, the kind that the others have to be of: that of most."""
    return {root: kinds.most_common(1)[0][0] for root, kinds in kinds_of_roots(made).items()}
