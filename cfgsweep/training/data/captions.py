"""Random captions of a picture in many wordings, so that the model finds the subject in long prompts, too."""

from __future__ import annotations

import random
import re

from cfgsweep.training.data.dataset import Entry

# "mdjrny-v4 style" is the style prompt of openjourney; here it is another name of the rendered style.
STYLES = {
    "noto": ("noto style", "google emoji style"),
    "twemoji": ("twemoji style", "twitter emoji style"),
    "fluent-3d": ("3d render style", "mdjrny-v4 style"),
    "fluent-flat": ("flat style", "flat vector style"),
}
FRAMES = ("a photograph of {}", "a picture of {}", "a drawing of {}", "{}")
# Words from prompts for other models. They have no meaning here, and the model has to learn to ignore them.
FLOURISHES = (
    "highly detailed", "4k", "8k", "trending on artstation", "cinematic lighting", "masterpiece", "digital art",
    "sharp focus", "studio lighting", "by greg rutkowski", "intricate", "unreal engine", "award winning",
)  # fmt: skip


def article(noun: str) -> str:
    """'horse' -> 'a horse', 'astronaut' -> 'an astronaut'; sentences and plurals are unchanged."""
    if re.search(r"[:,]|(?<![sou])s$", noun):
        return noun
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def caption(entry: Entry, rng: random.Random) -> str:
    """A random caption: mostly a style and a frame, sometimes flourishes. Without a style, the label alone."""
    if entry.style is None:
        return entry.label
    words = [_subject(entry, rng)]
    if rng.random() < 0.7:
        words.insert(0, rng.choice(STYLES[entry.style]))
    if rng.random() < 0.1:
        words.append(", " + ", ".join(rng.sample(FLOURISHES, rng.randint(1, 3))))
    return " ".join(words).replace(" ,", ",")


def with_some_words(text: str, dropout: float, rng: random.Random) -> str:
    """The text, or every other time without a random part of its words, of which one stays.

    Each word is then learned by itself, and those of a text that was never seen mean what they mean in others.
    """
    words = text.split()
    if rng.random() < 0.5 or not words:
        return text
    return " ".join([word for word in words if rng.random() >= dropout] or [rng.choice(words)])


def _subject(entry: Entry, rng: random.Random) -> str:
    """The label in a frame, or with some tags, or some tags alone."""
    kind = rng.random()
    tags = [tag for tag in entry.tags if tag != entry.label]
    if kind < 0.7 or not tags:
        return rng.choice(FRAMES).format(article(entry.label))
    some = rng.sample(tags, min(len(tags), rng.randint(1, 3)))
    return ", ".join([entry.label, *some] if kind < 0.9 else some)


def corpus(entries: list[Entry], rng: random.Random, times: int = 8) -> list[str]:
    """Captions to train a tokenizer on: `times` random ones of every entry."""
    return [caption(entry, rng) for entry in entries for _ in range(times)] + [", ".join(FLOURISHES)] * times
