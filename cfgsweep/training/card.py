"""Model cards: the README.md beside trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cfgsweep.training.config import FORM, TrainConfig
from cfgsweep.training.data.captions import FLOURISHES, STYLES
from cfgsweep.training.folder import settings_of

EMOJI_LICENCES = """\
| pictures | licence |
| --- | --- |
| Noto Emoji (Google), by `emoji-datasource-google` | Apache-2.0 |
| Twemoji (Twitter and contributors), by `emoji-datasource-twitter` | CC-BY 4.0 |
| Fluent Emoji (Microsoft), by `@lobehub/fluent-emoji-3d` and `-modern` | MIT |
| labels and tags, `emojibase-data` | MIT |"""
EMOJI_CARD = """\
---
license: cc-by-4.0
library_name: diffusers
pipeline_tag: text-to-image
---

# {name}

A miniature Stable Diffusion, trained from scratch on emoji with `cfgsweep train`, so that guidance can be studied
anywhere. It loads with `StableDiffusionPipeline.from_pretrained` like any other, makes pictures of 64×64 pixels and
knows about 1,500 things in four styles.

## Prompts

{styles}

in front of "a photograph of a cat", "a cat", or a few words; "an astronaut riding a horse" for two things at once.
Words of other models' prompts ({flourish}, …) have no meaning here.

## Data

{sizes}. One glyph in twenty is held out, by the hash of its code points, in every style. The composites are made of
two pictures each, a rider drawn behind the back of a mount; without them no picture shows a relation between things.

{licences}

The weights are given under CC-BY 4.0, with attribution to the makers of the pictures above.

## Results

| on held-out pictures | |
| --- | --- |
| autoencoder, mean absolute error on [-1, 1] | {autoencoder:.4f} |
| denoiser, mean squared error of the noise (latents of unit variance) | {denoiser:.4f} |

## Known limits

Small, and trained for hours on a CPU. Faces, riders and their mounts, people and things that look alike in several
styles are good; rare things, text, exact counts and anything that emoji do not show are not. Pictures stand on white.
People are as emoji show them, with their conventions and gaps. For studying guidance, not for making pictures.

## Recipe

```yaml
{recipe}```
"""


PLAIN_CARD = """\
---
{licence}library_name: diffusers
pipeline_tag: {task}
---

# {name}

A small diffusion model, trained {beginning} with `cfgsweep train` so that guidance can be studied anywhere. It was
trained without its condition in {dropout:.0%} of the rows, so that it predicts without one, too.
{bundled}
## Data

{source}.
{sizes}.

## Results

| on held-out pictures | |
| --- | --- |
{results}

## Recipe

```yaml
{recipe}```
"""
SCORER_CARD = """\
---
{licence}library_name: transformers
---

# {name}

A small CLIP model, trained with `cfgsweep train` to tell how well a text fits a picture of the model `{start}`, for
the metric `text_score`. Its text tower began with the text encoder of `{start}`, its vision transformer untrained.
Cosines of other models are not comparable with its own.
{bundled}
## Data

{sizes}.

## Results

| on held-out pictures | |
| --- | --- |
{results}

## Recipe

```yaml
{recipe}```
"""
BUNDLED = """
## From the model {name}

{what} of `{name}`, a model that comes with cfgsweep (SHA-256 of its files `{fingerprint}`).
It is given under CC-BY 4.0, with attribution to the makers of the pictures that it was trained on:

{licences}
"""
SOURCES = {
    "digits": "Handwritten digits, 8×8 pixels, by scikit-learn (Alpaydin and Kaynak 1998, "
    "[UCI](https://archive.ics.uci.edu/dataset/80), CC BY 4.0)",
    "mnist": "MNIST (LeCun, Cortes and Burges)",
    "fashion-mnist": "Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, MIT)",
}


MEASURES = {
    "autoencoder": "autoencoder, mean absolute error on [-1, 1]",
    "denoiser": "denoiser, mean squared error of what it predicts",
    "classifier": "classifier, fraction of pictures that it classifies wrongly",
    "scorer": "scorer, fraction of pictures that another held-out text fits better than their own",
}
LICENCES = {"digits": "cc-by-4.0", "fashion-mnist": "mit"}  # of the data, where weights may have the same licence


def model_card(config: TrainConfig, results: Mapping[str, float], sizes: Mapping[str, int]) -> str:
    """The model card as Markdown: data and licences, recipe, held-out losses; for the emoji data also known limits.

    results: held-out loss by task. sizes: number of pictures by part of the data.
    """
    data = config.data
    recipe = config.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_unused(config))
    if data.path is not None:
        recipe["data"]["path"] = data.path.name  # the folders of the machine do not belong into a published card
    parts = {
        "name": config.name,
        "sizes": ", ".join(f"{count:,} {name}" for name, count in sizes.items()),
        "recipe": yaml.safe_dump(recipe, sort_keys=False),
    }
    table = "\n".join(f"| {MEASURES[name]} | {value:.4f} |" for name, value in results.items())
    if config.only is not None:
        licence = "license: cc-by-4.0\n" if data.name == "emoji" else ""
        bundled = _of_bundled(config)
        return SCORER_CARD.format(start=config.from_, licence=licence, results=table, bundled=bundled, **parts)
    if data.name == "emoji":
        styles = "\n".join(f"- {style}: {', '.join(repr(name) for name in names)}" for style, names in STYLES.items())
        flourish = ", ".join(repr(word) for word in FLOURISHES[:3])
        return EMOJI_CARD.format(styles=styles, flourish=flourish, licences=EMOJI_LICENCES, **parts, **results)
    task = "text-to-image" if config.condition == "text" else "unconditional-image-generation"
    source = SOURCES.get(str(data.name), str(recipe["data"].get("path")))
    dropout = config.denoiser.condition_dropout
    licence = f"license: {LICENCES[data.name]}\n" if data.name in LICENCES else ""
    parts |= {"beginning": f"from the weights of `{config.from_}`" if config.from_ else "from scratch"}
    parts |= {"bundled": _of_bundled(config)}
    return PLAIN_CARD.format(task=task, licence=licence, source=source, results=table, dropout=dropout, **parts)


def _of_bundled(config: TrainConfig) -> str:
    """The section on the bundled model whose weights or autoencoder it began with; empty without one."""
    name = config.autoencoder_of
    if name is None:
        return ""
    if config.only is not None:
        what = "The weights of the text tower were trained further from those"
    else:
        what = _what_is_taken(config)
    return BUNDLED.format(name=name, what=what, fingerprint=settings_of(config)["fingerprint"], licences=EMOJI_LICENCES)


def _what_is_taken(config: TrainConfig) -> str:
    what = "The autoencoder is that, unchanged, and all other weights were trained further from those,"
    return what if config.from_ else "The autoencoder is that, unchanged,"


def _unused(config: TrainConfig) -> dict[str, Any]:
    """Keys that have no effect on this kind of training, as `exclude` of `model_dump` takes them."""
    unused: dict[str, Any] = {"text_encoder": True} if config.condition == "label" else {}
    if config.from_ is not None:
        unused = {"text_encoder": True, "noise": True, "denoiser": set(FORM) if config.only is None else True}
    return unused | ({} if config.data.name == "emoji" else {"data": {"leave_out", "composites", "composite_share"}})
