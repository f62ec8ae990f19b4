"""What to call a picture: many ways to say it, so that a long prompt still finds its subject."""

from __future__ import annotations

import random
import re

from cfgsweep.training.data.dataset import Entry

# "mdjrny-v4 style" is how openjourney is asked for its look; here it is one more name of the rendered style.
STYLES = {
    "noto": ("noto style", "google emoji style"),
    "twemoji": ("twemoji style", "twitter emoji style"),
    "fluent-3d": ("3d render style", "mdjrny-v4 style"),
    "fluent-flat": ("flat style", "flat vector style"),
}
FRAMES = ("a photograph of {}", "a picture of {}", "a drawing of {}", "{}")
# Words of other models' prompts. They mean nothing here, and the model has to learn that.
FLOURISHES = (
    "highly detailed", "4k", "8k", "trending on artstation", "cinematic lighting", "masterpiece", "digital art",
    "sharp focus", "studio lighting", "by greg rutkowski", "intricate", "unreal engine", "award winning",
)  # fmt: skip


def article(noun: str) -> str:
    """'horse' -> 'a horse', 'astronaut' -> 'an astronaut'; sentences and plurals pass as they are."""
    if re.search(r"[:,]|(?<![sou])s$", noun):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def caption(entry: Entry, rng: random.Random) -> str:
    """One of the ways to ask for this picture."""
    if entry.style is None:
        return entry.label
    words = [_subject(entry, rng)]
    if rng.random() < 0.7:
        words.insert(0, rng.choice(STYLES[entry.style]))
    if rng.random() < 0.1:
        words.append(", " + ", ".join(rng.sample(FLOURISHES, rng.randint(1, 3))))
    return " ".join(words).replace(" ,", ",")


def _subject(entry: Entry, rng: random.Random) -> str:
    kind = rng.random()
    tags = [tag for tag in entry.tags if tag != entry.label]
    if kind < 0.7 or not tags:
        return rng.choice(FRAMES).format(article(entry.label))
    some = rng.sample(tags, min(len(tags), rng.randint(1, 3)))
    return ", ".join([entry.label, *some] if kind < 0.9 else some)


def corpus(entries: list[Entry], rng: random.Random, times: int = 8) -> list[str]:
    """Captions enough to train a tokenizer on."""
    return [caption(entry, rng) for entry in entries for _ in range(times)] + [", ".join(FLOURISHES)] * times
