"""Shifted pictures and texts without some of their words, of which few pictures become more."""

from __future__ import annotations

import random

import pytest
import torch

from cfgsweep.training.data.captions import with_some_words
from cfgsweep.training.data.dataset import SHIFTED_COPIES, Entry, Pictures, shifted, with_shifts


def test_a_shift_moves_a_picture_and_repeats_its_edge() -> None:
    pixels = torch.arange(25, dtype=torch.uint8).view(1, 1, 5, 5).repeat(200, 1, 1, 1)
    found = shifted(pixels, 1, torch.Generator().manual_seed(0))
    assert found.dtype == torch.uint8
    rows = torch.tensor([[0, 0, 1, 2, 3], [0, 1, 2, 3, 4], [1, 2, 3, 4, 4]])
    expected = {tuple(pixels[0, 0][y][:, x].flatten().tolist()) for y in rows for x in rows}
    assert {tuple(one.flatten().tolist()) for one in found} == expected
    assert torch.equal(shifted(pixels, 0, torch.Generator()), pixels)


def test_shifted_copies_follow_the_pictures_with_their_texts() -> None:
    pixels = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures = Pictures(pixels, [Entry(name) for name in "abc"])
    found = with_shifts(pictures, 2, seed=1)
    assert torch.equal(found.pixels[:3], pixels)
    assert len(found.pixels) == len(found) == 3 * (1 + SHIFTED_COPIES)
    assert [entry.label for entry in found.entries[3:6]] == list("abc")
    assert torch.equal(with_shifts(pictures, 2, seed=1).pixels, found.pixels)
    assert not torch.equal(with_shifts(pictures, 2, seed=2).pixels, found.pixels)


def test_half_of_the_texts_stay_and_the_others_lose_words() -> None:
    rng = random.Random(0)
    words = ["a", "small", "red", "circle"]
    found = [with_some_words(" ".join(words), 0.3, rng).split() for _ in range(4000)]
    assert all(some and some == [word for word in words if word in some] for some in found)
    whole = sum(some == words for some in found) / len(found)
    assert whole == pytest.approx(0.5 + 0.5 * 0.7**4, abs=0.03)
    for word in words:
        kept = sum(word in some for some in found) / len(found)
        assert kept == pytest.approx(0.5 + 0.5 * 0.7, abs=0.03)
    assert with_some_words("", 0.3, rng) == ""
    assert {with_some_words("one two", 1.0, rng) for _ in range(50)} == {"one two", "one", "two"}
