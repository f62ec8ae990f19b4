"""The text chunk `parameters` of pictures of AUTOMATIC1111's web UI (A1111), of its forks, and of cfgsweep.

The prompt, then lines of the negative prompt after "Negative prompt:", then one line of settings, "Steps: 20, Sampler:
Euler a, …", whose values are in quotation marks where they have a comma.
"""

from __future__ import annotations

import json
import re

from cfgsweep.guidance import GUIDERS
from cfgsweep.sweep.foreign.settings import OURS, ForeignSettings, as_text

NEGATIVE = "Negative prompt:"
SETTING = re.compile(r'\s*(\w[\w \-/]{0,60}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
FEWEST = 3  # settings in the last line, if it is one of settings
LORA = re.compile(r"<lora:([^:<>]{1,300})(?::([^:<>]{1,20}))?[^<>]{0,100}>")
SIZE = re.compile(r"(\d{1,6})x(\d{1,6})")
KNOWN = ("Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model", "Model hash", "Guider", "Schedule")


def parse_parameters(text: str) -> ForeignSettings:
    """The settings in a text. Whatever the text is, there are some, or empty ones."""
    *lines, last = text.strip().splitlines() or [""]
    found = dict(SETTING.findall(last))
    if len(found) < FEWEST:
        lines, found = [*lines, last], {}
    begins = next((place for place, line in enumerate(lines) if line.strip().startswith(NEGATIVE)), len(lines))
    prompt = "\n".join(line.strip() for line in lines[:begins])
    negative = "\n".join(line.strip() for line in lines[begins:]).removeprefix(NEGATIVE).strip()
    settings = {name: _unquoted(value.strip()) for name, value in found.items()}
    size = SIZE.fullmatch(settings.get("Size", ""))
    others = {name: as_text(value) for name, value in settings.items() if name not in KNOWN}
    guider = settings.get("Guider", "cfg")
    is_known = guider in GUIDERS.built_in()
    others |= {} if is_known else {"Guider": as_text(guider)}
    others |= {"Schedule": as_text(settings["Schedule"])} if settings.get("Schedule", "constant") != "constant" else {}
    return ForeignSettings(
        OURS if "Guider" in settings else "A1111",
        guider=guider if is_known else "cfg",
        prompt=_without_loras(prompt),
        negative_prompt=_without_loras(negative),
        model=settings.get("Model", "") or settings.get("Model hash", ""),
        sampler=settings.get("Sampler", ""),
        schedule=settings.get("Schedule type", ""),
        seed=settings.get("Seed"),
        steps=settings.get("Steps"),
        value=settings.get("CFG scale"),
        size=(size[1], size[2]) if size else None,
        loras=[(name, _scale(scale)) for name, scale in LORA.findall(prompt)],
        others=others,
    )


def _without_loras(text: str) -> str:
    """The text without the tags, and without the spaces before them."""
    return re.sub(rf" *{LORA.pattern}", "", text).strip()


def _unquoted(value: str) -> str:
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    try:
        return str(json.loads(value))
    except (ValueError, RecursionError):
        return value


def _scale(text: str) -> float:
    """Of a LoRA; 1 where none is given."""
    try:
        return float(text)
    except ValueError:
        return 1.0
