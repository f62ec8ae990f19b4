"""Pictures composed of two, a rider above a mount: "an astronaut riding a horse".

Single glyphs show no relation between things. These do, and the prompt of the shipped sweeps is one of them.
"""

from __future__ import annotations

import random
from collections import defaultdict

import torch
from PIL import Image, ImageChops, ImageDraw

from cfgsweep.training.data.captions import article
from cfgsweep.training.data.dataset import Entry, Pictures, to_image, to_pixels

RIDERS = (
    "astronaut man woman boy girl baby artist cook detective farmer firefighter guard judge mage pilot scientist "
    "singer student superhero prince princess ninja elf fairy genie vampire zombie robot alien ghost|"
    "teddy bear|clown face|santa claus|police officer|construction worker|cat face|"
    "dog face|monkey face|panda|frog|fox|lion|bear|snowman"
)
MOUNTS = (
    "horse elephant camel tiger cow ox pig ram goat llama deer dog cat leopard kangaroo turtle crocodile sauropod "
    "t-rex rhinoceros hippopotamus dragon snail rooster swan duck whale dolphin fish bicycle motorcycle rocket zebra "
    "giraffe mammoth bison crab octopus|two-hump camel|water buffalo|motor scooter|tropical fish"
)
FAVOURITES = {"astronaut", "horse"}  # drawn five times as often as the others


def _names(listed: str) -> list[str]:
    first, *phrases = listed.split("|")
    return first.split() + phrases


def compose(pictures: Pictures, count: int, seed: int) -> Pictures:
    """`count` random riders on mounts, each pair in one style. The seed determines the result."""
    rng = random.Random(seed)
    by_style: dict[str, dict[str, torch.Tensor]] = defaultdict(dict)
    for pixels, entry in zip(pictures.pixels, pictures.entries, strict=True):
        by_style[str(entry.style)][entry.label] = pixels
    images, entries = [], []
    for i in range(count):
        style = sorted(by_style)[i % len(by_style)]
        rider, mount = (_choose(names, by_style[style], rng) for names in (RIDERS, MOUNTS))
        images.append(to_pixels(_ride(to_image(by_style[style][rider]), to_image(by_style[style][mount]), rng)))
        entries.append(Entry(f"{rider.removesuffix(' face')} riding {article(mount)}", (), style))
    shape = pictures.pixels.shape[1:]
    return Pictures(torch.stack(images) if images else torch.empty(0, *shape, dtype=torch.uint8), entries)


def _choose(listed: str, available: dict[str, torch.Tensor], rng: random.Random) -> str:
    names = [name for name in _names(listed) if name in available]
    return rng.choices(names, [5 if name in FAVOURITES else 1 for name in names])[0]


def _ride(rider: Image.Image, mount: Image.Image, rng: random.Random) -> Image.Image:
    """The rider, smaller and above, with the mount, larger and below, in front of it."""
    side = mount.width
    canvas = Image.new("RGB", mount.size, "white")
    for image, share, low in ((rider, 0.56, False), (mount, 0.72, True)):
        size = round(side * share) + rng.randint(-1, 1)
        small = image.resize((size, size), Image.Resampling.LANCZOS)
        mask = _cut_out(image).resize((size, size), Image.Resampling.LANCZOS)
        left = (side - size) // 2 + rng.randint(-2, 2)
        canvas.paste(small, (left, side - size if low else 0), mask)
    return canvas


def _cut_out(image: Image.Image) -> Image.Image:
    """A mask of a glyph without the white background around it; white inside the glyph belongs to it."""
    nearly_white = ImageChops.invert(image.convert("L")).point(lambda value: 255 if value < 8 else 0)
    outside = Image.new("L", (image.width + 2, image.height + 2), 255)
    outside.paste(nearly_white, (1, 1))
    ImageDraw.floodfill(outside, (0, 0), 128)
    return outside.crop((1, 1, image.width + 1, image.height + 1)).point(lambda value: 0 if value == 128 else 255)
