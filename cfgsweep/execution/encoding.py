"""Encodes large pictures, and makes their thumbnails, in threads while the engine goes on.

Compressing and scaling do not hold up other threads of Python.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple

from cfgsweep.engine.results import Failed, Finished
from cfgsweep.models.device import cores
from cfgsweep.models.video import AnyPicture, EncodedPicture, frame_count
from cfgsweep.pages.thumbs import thumbnail
from cfgsweep.storage.png import encoded

LARGE = 2**16  # pixels, from which on encoding takes longer than handing over: 0.3 s for 1024x1024
MOST_THREADS = 4
MOST_WAITING = 8  # pictures that are encoded or wait for it


class Encoded(NamedTuple):
    """A result, and the file of its picture; None where it was not encoded, since it is small or failed."""

    result: Finished | Failed
    file: EncodedPicture | None


class Encoder:
    """Results come out in the order in which they were added."""

    def __init__(self, thumbs: bool) -> None:
        """thumbs: whether pictures that are encoded get thumbnails, too."""
        self.thumbs = thumbs
        self._pool = ThreadPoolExecutor(min(MOST_THREADS, cores()))
        self._waiting: deque[Future[Encoded]] = deque()

    def __enter__(self) -> Encoder:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def add(self, result: Finished | Failed) -> None:
        if isinstance(result, Finished) and _is_large(result):
            self._waiting.append(self._pool.submit(_encoded, result, self.thumbs))
        else:
            as_it_is: Future[Encoded] = Future()
            as_it_is.set_result(Encoded(result, None))
            self._waiting.append(as_it_is)

    def ready(self) -> Iterator[Encoded]:
        """Those that are encoded; where too many wait, some that are not yet."""
        while self._waiting and (self._waiting[0].done() or len(self._waiting) > MOST_WAITING):
            yield self._first()

    def rest(self) -> Iterator[Encoded]:
        """All that are left."""
        while self._waiting:
            yield self._first()

    def _first(self) -> Encoded:
        """The first that waits, once it is encoded. It goes on waiting where Ctrl-C comes first."""
        wait([self._waiting[0]])
        return self._waiting.popleft().result()


def encoded_ahead(results: Generator[Finished | Failed], thumbs: bool) -> Generator[Finished | Failed]:
    """The results with large pictures encoded, each when the next one is there; at an error those that are left."""
    with Encoder(thumbs) as encoder, closing(results):
        try:
            for result in results:
                encoder.add(result)
                yield from map(_with_file, encoder.ready())
        except Exception:
            yield from map(_with_file, encoder.rest())
            raise
        yield from map(_with_file, encoder.rest())


def encoded_with(picture: AnyPicture, thumbs: bool) -> EncodedPicture:
    """The picture as the bytes of a PNG, with its thumbnail if that is wanted."""
    if isinstance(picture, EncodedPicture) or not thumbs:
        return encoded(picture)
    return replace(encoded(picture), thumb=thumbnail(picture))


def _is_large(result: Finished) -> bool:
    image = result.image
    return not isinstance(image, EncodedPicture) and image.width * image.height * frame_count(image) >= LARGE


def _encoded(result: Finished, thumbs: bool) -> Encoded:
    previews = None if result.previews is None else encoded(result.previews)
    return Encoded(replace(result, previews=previews), encoded_with(result.image, thumbs))


def _with_file(one: Encoded) -> Finished | Failed:
    result, file = one
    return replace(result, image=file) if isinstance(result, Finished) and file is not None else result
