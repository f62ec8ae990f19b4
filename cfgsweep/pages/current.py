"""Whether the page in a run's folder is of what the folder has now."""

from __future__ import annotations

import hashlib
from importlib.metadata import version

from cfgsweep.storage.page_files import head_of, is_head
from cfgsweep.storage.run_folder import RunFolder

MADE_OF = "made_of"  # the key of the head


def is_current(run: RunFolder) -> bool:
    """Is the page whole as far as its head tells, and of these records, this sweep and this search?

    Details and thumbnails that were damaged since are not seen; `cfgsweep page` mends them.
    """
    head = head_of(run.page)
    return head is not None and head.get(MADE_OF) == made_of(run) and is_head(run.page / "data.js")


def made_of(run: RunFolder) -> str:
    """A hash of what a page is made of; pictures are told by their names alone."""
    hashed = hashlib.sha256(version("cfgsweep").encode())
    for path in (run.sweep_file, run.records_file, run.report_file):
        hashed.update(path.read_bytes() if path.is_file() else b"")
        hashed.update(b"\0")
    for folder in (run.images, run.previews):
        hashed.update("\n".join(sorted(path.name for path in folder.glob("*.png"))).encode() + b"\0")
    return hashed.hexdigest()[:16]
