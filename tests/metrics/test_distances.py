"""Distances are registered by being defined, and `cfgsweep phase` takes each by its name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.metrics.distances import DISTANCES, Distance, check_name, choose
from cfgsweep.models.video import Video


@pytest.fixture
def brightness() -> Iterator[type[Distance]]:
    class Brightness(Distance):
        """Mean brightness."""

        name = "brightness"

        def embed(self, image: Image.Image) -> np.ndarray:
            return np.asarray(image.convert("L")).mean(keepdims=True)

    yield Brightness
    del DISTANCES._classes["brightness"]


def test_defining_a_distance_is_all_that_it_takes(brightness: type[Distance]) -> None:
    check_name("brightness")
    chosen = choose("brightness", lambda: pytest.fail("no denoiser is needed"))
    black, white = (chosen.embed(Image.new("RGB", (4, 4), colour)) for colour in ("black", "white"))
    assert chosen.measure(black, white) == 255
    assert chosen.floor(Image.new("RGB", (4, 4), "grey")) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["layout", "pixels", "ssim"])
def test_videos_are_compared_frame_by_frame(name: str) -> None:
    levels = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
    one, two, three, four = map(Image.fromarray, levels)
    chosen = choose(name, lambda: pytest.fail("no denoiser is needed"))
    a, b = (chosen.embed_frames(Video(frames, fps=8)) for frames in ((one, two, three), (four, two, one)))
    apart = [chosen.measure(chosen.embed(x), chosen.embed(y)) for x, y in ((one, four), (three, one))]
    assert chosen.measure_frames(a, a) == 0
    assert chosen.measure_frames(a, b) == pytest.approx(sum(apart) / 3)
    assert chosen.measure_frames(*map(chosen.embed_frames, (one, four))) == apart[0]


def test_an_unknown_distance_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown distance 'lay\.out'.*\n.*\n.*did you mean 'layout'"):
        check_name("lay.out")


def test_every_distance_describes_itself() -> None:
    assert len(DISTANCES) == 9
    assert all(cls.__doc__ and cls.__doc__.splitlines()[0].endswith(".") for cls in DISTANCES.values())


@pytest.mark.parametrize("name", ["clip=nowhere", "dino=nowhere", "dreamsim", "dreamsim=nowhere", "lpips"])
def test_missing_weights_are_never_downloaded(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="weights are not on this machine"):
        choose(name, lambda: pytest.fail("no denoiser is needed"))
