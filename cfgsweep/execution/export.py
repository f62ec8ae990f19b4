"""Writes the videos of a run in a form that players know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cfgsweep.models.video import Video
from cfgsweep.storage.mp4 import save_mp4
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.sweep.experiment import Experiment


def export_mp4(run: RunFolder, experiments: Sequence[Experiment], folder: Path | None = None) -> list[Path]:
    """Write every whole video of these experiments as FOLDER/<id>.mp4; return the paths, in the experiments' order.

    folder: the run's `videos` if not given. Raises UserError where PyAV is not installed.
    """
    folder = folder or run.videos
    paths = []
    for record in run.done(experiments).values():
        if record.frames == 1:
            continue
        video = run.load_picture(record)
        assert isinstance(video, Video)
        paths.append(folder / f"{record.id}.mp4")
        save_mp4(video, paths[-1])
    return paths
