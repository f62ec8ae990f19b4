"""From another program's settings to a sweep file of one cell, with remarks on what it cannot have."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from cfgsweep.config.yaml_io import dump
from cfgsweep.errors import shorten
from cfgsweep.sweep.fields import HIGHEST_SEED, LONGEST_SIDE
from cfgsweep.sweep.foreign.settings import OURS, ForeignSettings, as_text, number, whole
from cfgsweep.sweep.words_of_others import sampler_called

Find = Callable[[str], str | None]  # the path of a file of weights by its name, None where it is not here

OTHER_NOISE = "# Its noise is drawn otherwise there: the picture will be another one of the same settings."
LONGEST_TEXT = 10_000  # of a prompt
MOST_STEPS = 1000
MOST_REMARKS = 60
PLACEHOLDER = "path/to/your/model.safetensors"
WEIGHTED = re.compile(r"[(\[][^()\[\]]*:\s*[\d.]+\s*[)\]]|\(\(|\[\[")  # (word:1.3), ((word))
ENDINGS = (".safetensors", ".ckpt", ".pt", ".gguf")


def as_sweep_file(found: ForeignSettings, name: str, source: str, find: Find) -> tuple[str, list[str]]:
    """The text of a sweep file, and the remarks that it has as comments.

    name: of the sweep. source: what the settings were read from. find: where files of weights are.
    """
    fields, remarks = _fields(found, name, find)
    remarks += [f"{key}: {value} is not taken over" for key, value in found.others.items()]
    lines = [
        f"# From {_comment(source)}, a picture of {found.program}.",
        *([] if found.program == OURS else [OTHER_NOISE]),
        *(f"# - {_comment(remark)}" for remark in remarks[:MOST_REMARKS]),
    ]
    return "\n".join(lines) + "\n" + dump(fields).decode(), remarks[:MOST_REMARKS]


def _fields(found: ForeignSettings, name: str, find: Find) -> tuple[dict[str, Any], list[str]]:
    """The keys of the sweep file, and a remark for everything that they do not say."""
    remarks: list[str] = []

    def known(key: str, value: Any, given: object) -> dict[str, Any]:
        if value is None and given not in (None, ""):
            remarks.append(f"{key}: {as_text(given)} is not taken over: cfgsweep has no such {key}")
        return {} if value is None else {key: value}

    fields: dict[str, Any] = {"name": _name(name), **_model(found, find, remarks)}
    for key, text in (("prompt", found.prompt), ("negative_prompt", found.negative_prompt)):
        fields[key] = _readable(text)[:LONGEST_TEXT]
        if WEIGHTED.search(text):
            remarks.append(f"{key}: weights such as (word:1.3) are read as plain text")
    fields |= known("seed", _within(whole(found.seed), 0, HIGHEST_SEED), found.seed)
    fields |= known("steps", _within(whole(found.steps), 1, MOST_STEPS), found.steps)
    fields |= known("sampler", _sampler(found, remarks), found.sampler)
    fields |= known("size", _size(found.size), found.size and "x".join(map(as_text, found.size)))
    fields |= _loras(found, find, remarks)
    fields["guider"] = found.guider
    fields |= known("value", number(found.value), found.value)
    return fields, remarks


def _model(found: ForeignSettings, find: Find, remarks: list[str]) -> dict[str, Any]:
    name = _readable(found.model)
    if found.program == OURS and name:
        return {"model": name}
    stem = name.replace("\\", "/").rpartition("/")[2]
    for ending in ENDINGS:
        stem = stem.removesuffix(ending)
    if not stem:
        remarks.append("model: the picture does not say which; name yours")
        return {"model": PLACEHOLDER}
    place = find(f"{stem}.safetensors")
    if place is None:
        remarks.append(f"model: {stem} is not here: write its path, a folder, or its name on the hub")
    return {"model": place or f"{stem[:200]}.safetensors"}


def _loras(found: ForeignSettings, find: Find, remarks: list[str]) -> dict[str, Any]:
    """The LoRAs whose files are here, all at once; a remark for every other one."""
    entries: list[dict[str, Any]] = []
    for name, scale in found.loras:
        file = name if name.endswith(".safetensors") else f"{name}.safetensors"
        place = find(file.replace("\\", "/").rpartition("/")[2])
        scale = round(min(max(scale, -100.0), 100.0), 6) if scale == scale else 1.0
        if place is None:
            remarks.append(f"lora: {{file: {file}, scale: {scale:g}}} is not here: write it with its path")
        elif place not in [entry["file"] for entry in entries]:
            entries.append({"file": place, "scale": scale})
    return {"lora": [entries]} if entries else {}


def _sampler(found: ForeignSettings, remarks: list[str]) -> str | None:
    """Ours by the name of the sampler with its noise schedule, or without it, which is then remarked."""
    name, schedule = as_text(found.sampler), as_text(found.schedule)
    usual = ("", "automatic", "normal", "simple", "uniform")
    whole_name = name if schedule.lower() in usual else f"{name} {schedule}"
    plain = re.sub(r"[\s_]+(karras|exponential|sgm[_ ]uniform)$", "", whole_name, flags=re.IGNORECASE)
    ours = sampler_called(whole_name) or sampler_called(plain) or sampler_called(name)
    if ours is None:
        return None
    if not sampler_called(whole_name):
        remarks.append(f"sampler: {whole_name} is taken over as {ours}, with its usual noise schedule")
    return ours


def _size(given: tuple[object, object] | None) -> list[int] | None:
    sides = [_within(whole(side), 8, LONGEST_SIDE) for side in given or (None, None)]
    return [side for side in sides if side] if all(side and side % 8 == 0 for side in sides) else None


def _within(found: int | None, low: int, high: int) -> int | None:
    return found if found is not None and low <= found <= high else None


def _name(given: str) -> str:
    """A name that a sweep can have."""
    kept = re.sub(r"[^A-Za-z0-9_-]+", "-", given).strip("-_")[:80]
    return f"converted-{kept}".strip("-")


def _readable(text: str) -> str:
    """Without characters that YAML cannot have."""
    return "".join(_characters(text))


def _characters(text: str) -> Iterator[str]:
    return (one for one in text if (one.isprintable() or one == "\n") and not "\ud800" <= one <= "\udfff")


def _comment(text: str) -> str:
    return shorten(_readable(as_text(text)), 200)
