"""Writes videos as MP4 files, by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.models.video import Video
from cfgsweep.system.files import make_folder, open_atomic

QUALITY = "17"  # CRF of x264, of which 18 is said to look like the original


def save_mp4(video: Video, path: Path) -> None:
    """Write H.264, whole or not at all. Raises UserError where PyAV is not installed.

    The folder is made where there is none. Colours are halved in width and height, as most players need it, where both
    are even.
    """
    av = _pyav()
    make_folder(path.parent)
    halves = video.width % 2 == 0 and video.height % 2 == 0
    with open_atomic(path) as file, av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(video.fps).limit_denominator(1001))
        stream.width, stream.height = video.size
        stream.pix_fmt = "yuv420p" if halves else "yuv444p"
        stream.options = {"crf": QUALITY}
        for frame in video.frames:
            container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))


def _pyav() -> Any:
    try:
        import av
    except ImportError:
        raise UserError("PyAV is not installed", where="--mp4", hint="pip install 'cfgsweep[video]'") from None
    return av
