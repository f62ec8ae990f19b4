"""The previews of pictures in a run folder: x0 of some steps, one APNG a picture with a frame for each."""

from __future__ import annotations

from PIL import Image

from cfgsweep.models.video import AnyPicture, frames_of
from cfgsweep.storage.decoding import frame_count, opened_picture
from cfgsweep.storage.png import save_png
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.files import make_folder


def save_previews(previews: AnyPicture, run: RunFolder, experiment_id: str) -> None:
    make_folder(run.previews)
    save_png(previews, run.preview_path(experiment_id))


def previews_of(run: RunFolder, experiment_id: str) -> tuple[Image.Image, ...]:
    """Empty where there are none. Raises OSError where the file is damaged."""
    path = run.preview_path(experiment_id)
    return frames_of(opened_picture(path)) if path.is_file() else ()


def preview_count(run: RunFolder, experiment_id: str) -> int:
    """How many previews a picture has, without reading their pixels. Raises OSError where the file is damaged."""
    return frame_count(run.preview_path(experiment_id))
