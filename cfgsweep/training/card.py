"""The model card that is written beside trained weights."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from cfgsweep.training.captions import FLOURISHES, STYLES
from cfgsweep.training.config import TrainConfig

CARD = """\
---
license: cc-by-4.0
library_name: diffusers
pipeline_tag: text-to-image
---

# {name}

A miniature Stable Diffusion, trained from scratch on emoji with `cfgsweep train`, so that guidance can be studied
anywhere. It loads with `StableDiffusionPipeline.from_pretrained` like any other, makes pictures of 64×64 pixels and
knows a thousand and a half things in four styles.

## Prompts

{styles}

in front of "a photograph of a cat", "a cat", or a few words; "an astronaut riding a horse" for two things at once.
Words of other models' prompts ({flourish}, …) are known to mean nothing.

## Data

{sizes}. One glyph in twenty is held out, by the hash of its code points, in every style. The composites are made of
two pictures each, a rider drawn behind the back of a mount; without them no picture shows a relation between things.

| pictures | licence |
| --- | --- |
| Noto Emoji (Google), by `emoji-datasource-google` | Apache-2.0 |
| Twemoji (Twitter and contributors), by `emoji-datasource-twitter` | CC-BY 4.0 |
| Fluent Emoji (Microsoft), by `@lobehub/fluent-emoji-3d` and `-modern` | MIT |
| labels and tags, `emojibase-data` | MIT |

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


def model_card(config: TrainConfig, losses: Mapping[str, float], sizes: Mapping[str, int]) -> str:
    """Markdown: data and licences, recipe, loss on held-out pictures, known limits."""
    recipe = config.model_dump(mode="json")
    recipe["data"]["path"] = config.data.path.name  # where it lay is nobody's business
    return CARD.format(
        name=config.name,
        styles="\n".join(f"- {style}: {', '.join(repr(name) for name in names)}" for style, names in STYLES.items()),
        flourish=", ".join(repr(word) for word in FLOURISHES[:3]),
        sizes=", ".join(f"{count:,} {name}" for name, count in sizes.items()),
        recipe=yaml.safe_dump(recipe, sort_keys=False),
        **losses,
    )
