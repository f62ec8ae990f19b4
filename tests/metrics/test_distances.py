"""Distances are registered by being defined, and `cfgsweep phase` takes each by its name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.metrics.distances import DISTANCES, Distance, check_name, choose


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
