"""With which versions of libraries the pictures of a run were made."""

from __future__ import annotations

from cfgsweep.storage.records import DoneRecord
from cfgsweep.storage.run_folder import RunFolder


def versions_in(run: RunFolder) -> list[dict[str, str]]:
    """Each mapping of names of libraries to versions that some picture's record has, once; none of earlier records."""
    made = (record.versions for record in run.records().values() if isinstance(record, DoneRecord))
    return list({tuple(sorted(versions.items())): versions for versions in made if versions}.values())
