"""Pictures are saved in order, and whatever stops the engine, those that were finished before are saved."""

from __future__ import annotations

import concurrent.futures
import itertools
import shutil
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

import pytest
from PIL import Image

import cfgsweep
from cfgsweep.engine.results import Failed, Finished
from cfgsweep.errors import RunFailed
from cfgsweep.execution import encoding
from cfgsweep.execution.encoding import LARGE, MOST_WAITING, encoded_ahead
from cfgsweep.execution.saver import Saver
from cfgsweep.models.video import EncodedPicture, Picture, Thumbnail
from cfgsweep.pages import thumbs
from cfgsweep.pages.thumbs import thumbnail
from cfgsweep.storage.png import encoded
from cfgsweep.sweep.experiment import Experiment
from tests.support.planned_experiments import experiment
from tests.support.run_state import records_of


class Kept:
    """What a job is asked to save."""

    def __init__(self) -> None:
        self.saved: list[tuple[Experiment, EncodedPicture | None]] = []

    def save(self, result: Finished | Failed, batch_size: int, file: EncodedPicture | None = None) -> None:
        self.saved.append((result.experiment, file))


def finished(sides: list[int]) -> Iterator[Finished]:
    for number, side in enumerate(sides):
        yield Finished(experiment(seed=number), Image.new("RGB", (side, side), (number, 0, 0)))


def add_all(job: Kept, results: Sequence[Finished | Failed]) -> None:
    with Saver(job, 4) as saver:
        for result in results:
            saver.add(result)


def test_large_pictures_are_encoded_and_all_are_saved_in_their_order() -> None:
    job, results = Kept(), list(finished([8, 256, 300, 8, 512] * 4))
    with Saver(job, 4) as saver:
        for number, result in enumerate(results, 1):
            saver.add(result)
            assert number - len(job.saved) <= MOST_WAITING
    assert [e for e, _ in job.saved] == [result.experiment for result in results]
    for result, (_, file) in zip(results, job.saved, strict=True):
        assert file == (encoded(result.image) if result.image.width**2 >= LARGE else None)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, OSError])
def test_what_was_finished_before_an_error_is_saved(error: type[BaseException]) -> None:
    job = Kept()

    def compute() -> None:
        with Saver(job, 4) as saver:
            for result in finished([256] * 3):
                saver.add(result)
            raise error

    with pytest.raises(error):
        compute()
    assert len(job.saved) == 3


@pytest.mark.parametrize("error", [RunFailed, KeyboardInterrupt])
def test_what_was_finished_is_saved_where_a_failure_stops_the_run(error: type[BaseException]) -> None:
    """As with --fail-fast; one of the failures comes to be saved when all else is through."""

    class StoppedByFailures(Kept):
        def save(self, result: Finished | Failed, batch_size: int, file: EncodedPicture | None = None) -> None:
            super().save(result, batch_size, file)
            if isinstance(result, Failed):
                raise error(f"seed {result.experiment.seed}")

    noise = Image.effect_noise((1024, 1024), 100).convert("RGB")  # which takes long to encode
    failed = {seed: Failed(experiment(seed=seed), "for a test") for seed in (1, 3)}
    results = [failed.get(seed, Finished(experiment(seed=seed), noise)) for seed in range(6)]
    job = StoppedByFailures()
    with pytest.raises(error, match="seed 1"):
        add_all(job, results)
    assert [e.seed for e, _ in job.saved] == list(range(6))


def test_ctrl_c_while_it_waits_for_a_picture_loses_none(monkeypatch) -> None:
    job, waits = Kept(), iter([KeyboardInterrupt])
    noise = Image.effect_noise((1024, 1024), 100).convert("RGB")
    results = [Finished(experiment(seed=seed), noise) for seed in range(MOST_WAITING + 1)]

    def interrupted(futures: list) -> None:
        for error in waits:
            raise error
        concurrent.futures.wait(futures)

    monkeypatch.setattr(encoding, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        add_all(job, results)
    assert [e.seed for e, _ in job.saved] == list(range(len(results)))


def test_pictures_of_an_actor_are_encoded_ahead_and_none_is_lost_at_an_error() -> None:
    sides = [8, 256, 300, 8, 512] * 3

    def results() -> Generator[Finished]:
        yield from finished(sides)
        raise MemoryError

    found = encoded_ahead(results(), thumbs=False)
    came = [next(found) for _ in sides]
    assert [result.experiment.seed for result in came] == list(range(len(sides)))
    assert [encoded(result.image) for result in came] == [encoded(result.image) for result in finished(sides)]
    assert [isinstance(result.image, EncodedPicture) for result in came] == [side >= 256 for side in sides]
    with pytest.raises(MemoryError):
        next(found)


def test_those_that_are_encoded_have_thumbnails_where_these_are_wanted() -> None:
    job, results = Kept(), list(finished([8, 256, 512]))
    with Saver(job, 4, thumbs=True) as saver:
        for result in results:
            saver.add(result)
    files = [file for _, file in job.saved]
    assert [file and file.thumb for file in files] == [None, *(thumbnail(result.image) for result in results[1:])]
    assert [replace(file, thumb=None) for file in files if file] == [encoded(result.image) for result in results[1:]]


def test_failures_keep_their_place() -> None:
    job, failed = Kept(), Failed(experiment(seed=9), "for a test")
    with Saver(job, 4) as saver:
        for result in itertools.chain(finished([512, 512]), [failed]):
            saver.add(result)
    assert [e.seed for e, _ in job.saved] == [0, 1, 9]


def test_a_run_of_large_pictures_is_whole(tmp_path, cli) -> None:
    """Its previews and grids, too; the same as where they are small enough to be encoded at once."""
    given = {"name": "s", "model": "emoji", "prompt": "a cat", "seed": [1, 2], "guider": "cfg", "value": 2.0}
    sweep = cfgsweep.Sweep(**given, size=256, steps=2, previews=2)
    run = cfgsweep.run(sweep, out=tmp_path / "r", quiet=True, page=False)
    assert [record["seed"] for record in records_of(run.folder)] == [1, 2]
    assert len(list(run.folder.glob("previews/*.png"))) == 2
    assert cli("verify", run.folder).code == 0


@pytest.mark.parametrize("live", [False, True])
def test_thumbnails_of_large_pictures_are_made_with_them(live, tmp_path, cli, monkeypatch) -> None:
    """And are those that `cfgsweep page` makes of the pictures' files."""

    def made_again(picture: Picture) -> Thumbnail:
        raise AssertionError("made again of the file")

    given = {"name": "s", "model": "emoji", "prompt": "a cat", "seed": [1, 2], "guider": "cfg", "value": [2.0, 4.0]}
    with monkeypatch.context() as patched:
        patched.setattr(thumbs, "thumbnail", made_again)
        run = cfgsweep.run(cfgsweep.Sweep(**given, size=256, steps=2), out=tmp_path / "r", quiet=True, live=live)
    small, page = run.folder / "page/thumbs", (run.folder / "page/data.js").read_bytes()
    written = {path.name: path.read_bytes() for path in small.iterdir()}
    assert len(written) == 4
    shutil.rmtree(run.folder / "page")
    assert cli("page", run.folder).code == 0
    assert {path.name: path.read_bytes() for path in small.iterdir()} == written
    assert (run.folder / "page/data.js").read_bytes() == page, "colours are others"
