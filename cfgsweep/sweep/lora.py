"""LoRA files in sweep files: `lora: [none, {file: style.safetensors, scale: [0.5, 1.0]}]`."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

from cfgsweep.config.json_schema import one_or_many
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.samplers import Lora, Loras

LARGEST_SCALE = 100.0
ALLOWED = f"none, {{file: NAME.safetensors, scale: a number up to {LARGEST_SCALE:g}}}, or a list of such files"

_FILE = {"type": "string", "pattern": r"^[^\x00]+\.safetensors$"}
_SCALE = {"type": "number", "minimum": -LARGEST_SCALE, "maximum": LARGEST_SCALE}
_WITH_SCALE = {
    "type": "object",
    "properties": {"file": _FILE, "scale": one_or_many(_SCALE, True)},
    "required": ["file"],
    "additionalProperties": False,
}
_ONE = {"anyOf": [_FILE, _WITH_SCALE]}
_NONE = {"enum": ["none", None]}
LORA_SCHEMA = one_or_many({"anyOf": [_NONE, _ONE, {"type": "array", "items": _ONE, "minItems": 1}]}, False)


def parse_loras(given: Any) -> list[Loras]:
    """The values of the axis: every scale of every file; for files that are used at once every combination.

    Raises UserError for what is no LoRA, and for a file that is used twice at once.
    """
    if given == []:
        raise UserError("the axis is empty", allowed="at least one value")
    items = given if isinstance(given, list) else [given]
    return [loras for number, item in enumerate(items) for loras in _values(item, number)]


def _values(item: Any, number: int) -> list[Loras]:
    if isinstance(item, tuple):  # parsed already
        return [item]
    if item is None or item == "none":
        return [()]
    together = item if isinstance(item, list) else [item]
    if not together:
        raise UserError("not a LoRA", given=item, allowed=ALLOWED).at_key(number)
    combined = list(itertools.product(*(_scaled(one, number) for one in together)))
    files = [lora.file for lora in combined[0]]
    if len(set(files)) < len(files):
        raise UserError("one LoRA file twice at once", given=files, allowed="every file once").at_key(number)
    return combined


def _scaled(given: Any, number: int) -> list[Lora]:
    """A file at each of its scales; 1 if there is none."""
    found = {"file": given} if isinstance(given, str) else given
    if not isinstance(found, dict) or "file" not in found:
        raise UserError("not a LoRA", given=given, allowed=ALLOWED).at_key(number)
    for key in found:
        if key not in ("file", "scale"):
            raise unknown_name("key", str(key), ["file", "scale"]).at_key(number)
    file = found["file"]
    if not isinstance(file, str) or Path(file).suffix != ".safetensors" or "\x00" in file:
        hint = "other files can be pickles, which run any code"
        raise UserError("not the name of a .safetensors file", given=file, hint=hint).at_key(number)
    return [Lora(file, _scale(scale, number)) for scale in spread(found.get("scale", 1.0))]


def _scale(given: Any, number: int) -> float:
    fine = isinstance(given, int | float) and not isinstance(given, bool)
    if not fine or not math.isfinite(given) or abs(given) > LARGEST_SCALE:
        raise UserError("not a scale of a LoRA", given=given, allowed=ALLOWED).at_key(number)
    return float(given)


def lora_spec(loras: Loras) -> Any:
    """One value of the axis as a sweep file has it."""
    files = [{"file": lora.file, "scale": lora.scale} for lora in loras]
    return files[0] if len(files) == 1 else files or "none"


def lora_title(loras: Loras) -> str:
    """'lora style 0.5 + film 1', by the files' names without folders."""
    return "lora " + (" + ".join(f"{Path(lora.file).stem} {lora.scale:.5g}" for lora in loras) or "none")
