"""U-turns and forks in sweep files: `start: {noise: [0, 0.3, 0.6]}` and `fork: {at: [0.2, 0.5], seeds: 8}`."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationInfo

from cfgsweep.config.json_schema import one_or_many
from cfgsweep.config.parameters import compact
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name, within_key
from cfgsweep.samplers import Fork, PictureFile, UTurn
from cfgsweep.sweep.pictures import PATH_SCHEMA, parse_images, picture_title

NONE = "none"  # neither a U-turn nor a fork
THIS_RUN = "from"  # the picture that the experiment makes without the U-turn
MOST_SEEDS = 10_000

_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_COUNT = {"type": "integer", "minimum": 0, "maximum": MOST_SEEDS - 1}
_SEEDS = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST_SEEDS}, {"type": "array", "items": _COUNT}]}


def _schema(needed: str, **properties: dict[str, Any]) -> dict[str, Any]:
    """Of an axis whose entries are mappings. needed: the key that each has to have."""
    whole = {"type": "object", "properties": properties, "required": [needed], "additionalProperties": False}
    return one_or_many({"anyOf": [{"enum": [NONE, None]}, whole]}, False)


START_SCHEMA = _schema("noise", noise=one_or_many(_SHARE, True), image=one_or_many(PATH_SCHEMA, False), seeds=_SEEDS)
FORK_SCHEMA = _schema(
    "at",
    at=one_or_many({"type": "number", "exclusiveMinimum": 0}, True),
    seeds=_SEEDS,
    amount=one_or_many({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, True),
)


def parse_starts(given: Any, info: ValidationInfo | None) -> list[UTurn | None]:
    """The U-turns of an axis; None where the picture is left as it is. Raises UserError for what is none."""

    def parse(entry: Mapping[str, Any]) -> list[UTurn | None]:
        noises = _numbers(entry, "noise", _is_share, "from 0, the picture itself, to 1, all of the steps")
        images = _images(entry.get("image"), info)
        if any(images) and 0 in noises:
            problem = "a file's picture without noise is the file itself"
            raise UserError(problem, given=0, allowed="above 0").at_key("noise", noises.index(0))
        seeds = _seeds(entry)
        several = itertools.product(images, noises, seeds)  # a picture itself has no seed
        return [
            UTurn(noise, seed, image) if noise else None for image, noise, seed in several if noise or seed == seeds[0]
        ]

    return _entries(given, "noise", ("noise", "image", "seeds"), UTurn, parse)


def parse_forks(given: Any) -> list[Fork | None]:
    """The forks of an axis; None where the way is not split. Raises UserError for what is none."""

    def parse(entry: Mapping[str, Any]) -> list[Fork | None]:
        allowed = "a share of the steps, between 0 and 1, or a number of steps"
        places = _numbers(entry, "at", lambda at: at > 0 and (at < 1 or at == int(at)), allowed)
        amounts: list[Any] = [None]
        if "amount" in entry:
            amounts = _numbers(entry, "amount", lambda one: 0 < one <= 1, "above 0, up to 1, which is all of the noise")
        several = itertools.product(places, amounts, _seeds(entry))
        return [Fork(at, seed, amount) for at, amount, seed in several]

    return _entries(given, "at", ("at", "seeds", "amount"), Fork, parse)


def _entries(given: Any, needed: str, keys: Sequence[str], kind: type, parse: Callable[[Any], list[Any]]) -> list[Any]:
    if given == []:
        raise UserError("the axis is empty", allowed="at least one value")
    found = []
    for number, entry in enumerate(given if isinstance(given, list) else [given]):
        if entry is None or entry == NONE or isinstance(entry, kind):  # the last: parsed already
            found.append(entry if isinstance(entry, kind) else None)
            continue
        with within_key(*([number] if isinstance(given, list) else [])):
            if not isinstance(entry, dict) or needed not in entry:
                example = "{noise: [0.3, 0.6]}" if needed == "noise" else "{at: [0.2, 0.5], seeds: 8}"
                raise UserError(f"{needed!r} is missing", given=entry, allowed=f"{NONE}, or such as {example}")
            if unknown := [key for key in entry if key not in keys]:
                raise unknown_name("key", str(unknown[0]), keys)
            found += parse(entry)
    return found


def _numbers(entry: Mapping[str, Any], key: str, fits: Callable[[float], bool], allowed: str) -> list[float]:
    with within_key(key):
        values = spread(entry[key])
        for number, value in enumerate(values):
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not is_number or not fits(value):
                raise UserError("not a value of it", given=value, allowed=allowed).at_key(number)
    return [float(value) for value in values]


def _is_share(value: float) -> bool:
    return 0 <= value <= 1


def _seeds(entry: Mapping[str, Any]) -> list[int]:
    """`seeds: 8` is 0 to 7, `seeds: [3]` is 3 alone."""
    given = entry.get("seeds", 1)
    found = list(range(given)) if type(given) is int and 0 < given <= MOST_SEEDS else given
    numbers = isinstance(found, list) and all(type(one) is int and 0 <= one < MOST_SEEDS for one in found)
    if not numbers or not found or len(set(found)) < len(found):
        allowed = f"how many, from 1 to {MOST_SEEDS:,}, or a list of their numbers, from 0 on"
        raise UserError("not seeds", given=given, allowed=allowed).at_key("seeds")
    return found


def _images(given: Any, info: ValidationInfo | None) -> Sequence[PictureFile | None]:
    if given is None or given == THIS_RUN:
        return [None]
    with within_key("image"):
        return parse_images(given, info) or [None]


def turn_spec(value: UTurn | Fork | None, places: Mapping[Any, str] | None = None) -> Any:
    """One value of an axis as a sweep file has it. places: of the pictures' files, if not their own."""
    if value is None:
        return NONE
    if isinstance(value, Fork):
        found: dict[str, Any] = {"at": _whole(value.at)} | ({} if value.amount is None else {"amount": value.amount})
    else:
        found = {"noise": value.noise}
        if value.image is not None:
            found["image"] = (places or {}).get(value.image, value.image.path)
    return found | ({"seeds": [value.seed]} if value.seed else {})


def turn_title(name: str, value: UTurn | Fork | None) -> str:
    """'start 0.3', 'start cat 0.3 seed 2', 'fork 0.2 amount 0.1', 'fork none'."""
    if value is None:
        return f"{name} {NONE}"
    parts = [name, compact(_whole(number_of(value)))]
    if isinstance(value, UTurn) and value.image is not None:
        parts.insert(1, picture_title("", value.image).strip())
    if isinstance(value, Fork) and value.amount is not None:
        parts.append(f"amount {compact(value.amount)}")
    return " ".join([*parts, *([f"seed {value.seed}"] if value.seed else [])])


def number_of(value: Any) -> Any:
    """The number of a U-turn or a fork, for axes of plots and comparisons; any other value as it is."""
    return value.noise if isinstance(value, UTurn) else value.at if isinstance(value, Fork) else value


def without_draw(value: Any) -> Any:
    """A U-turn or a fork with 0 in the place of its seed: what all of its seeds have in common. Others as they are."""
    return value._replace(seed=0) if isinstance(value, UTurn | Fork) else value


def _whole(value: float) -> float:
    return int(value) if value == int(value) else value
