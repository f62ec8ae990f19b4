"""One HTML file in which a person compares pictures without knowing whose they are. It loads nothing from elsewhere."""

from __future__ import annotations

import base64
from collections.abc import Callable
from importlib.resources import files
from random import Random
from string import Template

from cfgsweep.evidence.rating_pairs import Shown
from cfgsweep.models.video import Picture
from cfgsweep.storage.png import png_bytes
from cfgsweep.storage.rating_files import RatingKey
from cfgsweep.system.html import content_policy, csp_hash, json_in_html


def page_of(key: RatingKey, shown: list[Shown], load: Callable[[str], Picture]) -> str:
    """The page as text. load: a picture by its id.

    The pictures are inside, without their records, in an order that tells nothing. Texts of the run are in JSON alone.
    """
    ids = sorted({picture for pair in key.pairs for picture in pair.pictures})
    Random(key.seed).shuffle(ids)
    place = {name: number for number, name in enumerate(ids)}
    pairs = [
        {"id": pair.id, "left": place[pair.left_picture], "right": place[pair.right_picture], "text": one.choice.text}
        for pair, one in zip(key.pairs, shown, strict=True)
    ]
    pictures = [base64.b64encode(png_bytes(load(name))).decode() for name in ids]
    data = {"id": key.page, "question": key.question, "pairs": pairs, "pictures": pictures}
    style, script = _asset("rate.css"), _asset("rate.js")
    return Template(_asset("rate.html")).substitute(
        policy=content_policy(csp_hash(style), [script]), style=style, script=script, data=json_in_html(data)
    )


def _asset(name: str) -> str:
    return files("cfgsweep.evidence").joinpath("assets", name).read_text(encoding="utf-8")
