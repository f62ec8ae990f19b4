"""The types of a sweep file's fields: how each is parsed and checked, and its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from cfgsweep.config.instances import make_list
from cfgsweep.config.json_schema import one_or_many, reference
from cfgsweep.config.parameters import Number, Whole, number
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance.schedules import SCHEDULES, Schedule
from cfgsweep.metrics.spec import metrics_schema, parse_metrics
from cfgsweep.samplers import SAMPLERS, TASKS, PictureFile
from cfgsweep.sweep.call_inputs import CALL_SCHEMA, parse_calls
from cfgsweep.sweep.guider_axis import parse_guiders
from cfgsweep.sweep.lora import LORA_SCHEMA, parse_loras
from cfgsweep.sweep.pictures import PATH_SCHEMA, parse_images, parse_masks
from cfgsweep.sweep.step_cache import CACHE_SCHEMA, parse_caches
from cfgsweep.sweep.turns import FORK_SCHEMA, START_SCHEMA, parse_forks, parse_starts
from cfgsweep.sweep.variables import LONGEST, VARIABLES_SCHEMA, parse_variables
from cfgsweep.sweep.words_of_others import TASK_NAMES, sampler_called
from cfgsweep.sweep.zip_group import GROUPS_SCHEMA, ZipGroup, parse_groups

LONGEST_SIDE = 8192  # of a picture, in pixels

Size = tuple[int, int] | None  # width and height in pixels; None is the native size of the model


def _known_sampler(name: Any) -> str:
    if not isinstance(name, str) or name not in SAMPLERS:
        error = unknown_name("sampler", str(name), SAMPLERS)
        if (ours := sampler_called(str(name))) is not None:
            error.hint = f"did you mean {ours!r}?"
        elif "sde" in str(name).lower():
            error.hint = "there is no sampler of an SDE; euler_a and ddpm are those that draw noise at every step"
        raise error
    return name


def _known_task(name: Any) -> str:
    if not isinstance(name, str) or name not in TASKS:
        error = unknown_name("task", str(name), TASKS)
        if (ours := TASK_NAMES.get(re.sub(r"[^a-z0-9]", "", str(name).lower()))) is not None:
            error.hint = f"did you mean {ours!r}?"
        raise error
    return name


def _sizes(given: Any) -> list[Any]:
    """From `512`, `[512, 768]`, which is one size, or a list of sizes."""
    pair = isinstance(given, list) and len(given) == 2 and all(isinstance(side, int) for side in given)
    return [_size(size) for size in ([given] if pair else spread(given))]


def _size(given: Any) -> Size:
    if given is None or given == "native":
        return None
    sides = given if isinstance(given, list | tuple) else [given, given]
    fine = len(sides) == 2 and all(
        isinstance(s, int) and not isinstance(s, bool) and 8 <= s <= LONGEST_SIDE for s in sides
    )
    if not fine or any(side % 8 for side in sides):
        allowed = f"native, a side, or [width, height]; sides are multiples of 8, from 8 to {LONGEST_SIDE}"
        spelt = re.fullmatch(r"\s*(\d{1,6})\s*[xX×*]\s*(\d{1,6})\s*", given) if isinstance(given, str) else None
        hint = f"did you mean [{spelt[1]}, {spelt[2]}]?" if spelt else ""
        raise UserError("not a size", given=given, allowed=allowed, hint=hint)
    return sides[0], sides[1]


class _OneOrMany:
    """The JSON Schema of an axis: one value, a list, or with `numeric` a range.

    item: the schema of one value where pydantic's own is too wide. A function where it lists a registry, so that the
        registry is filled only when a schema is made.
    files: whether values are read from files, too. least: how many a list has at least.
    """

    def __init__(
        self,
        item: dict[str, Any] | Callable[[], dict[str, Any]] | None = None,
        numeric: bool = False,
        files: bool = False,
        least: int = 1,
    ):
        self.item, self.numeric, self.files, self.least = item, numeric, files, least

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        item = self.item() if callable(self.item) else self.item
        item = item or handler(schema).get("items", {})
        found = one_or_many({"anyOf": [item, reference("File")]} if self.files else item, self.numeric)
        found["anyOf"][1]["minItems"] = self.least
        return found


def _label(given: Any) -> Any:
    """A class by its number or its name. The numbers of a range are floats."""
    given = int(given) if isinstance(given, float) and given.is_integer() else given
    if isinstance(given, bool) or not isinstance(given, int | str) or given == "" or (type(given) is int and given < 0):
        raise UserError("not a label", given=given, allowed="a class's number, from 0 on, or its name")
    return given


SIDE = {"type": "integer", "minimum": 8, "maximum": LONGEST_SIDE, "multipleOf": 8}
PAIR = {"type": "array", "items": SIDE, "minItems": 2, "maxItems": 2}
SIZE_SCHEMA = {"anyOf": [{"const": "native"}, SIDE, PAIR]}


def _no_reserved_name(name: str) -> str:
    """Raises ValueError for names that Windows reserves for devices, and for a dot at the end, which it drops."""
    devices = {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}
    if name.split(".")[0].lower() in devices or name.endswith("."):
        raise ValueError("not a name that every system takes for a folder")
    return name


LOWEST_SEED, HIGHEST_SEED = -(2**63), 2**64 - 1  # of torch.Generator.manual_seed
SEED_SCHEMA = {"type": "integer", "minimum": LOWEST_SEED, "maximum": HIGHEST_SEED}


def _seed_of_torch(seed: int) -> int:
    if not LOWEST_SEED <= seed <= HIGHEST_SEED:
        raise ValueError(f"not a seed: seeds are from {LOWEST_SEED} to {HIGHEST_SEED}")
    return seed


RunName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"), AfterValidator(_no_reserved_name)]
Text = Annotated[str, Field(max_length=LONGEST)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Label = int | str
Seed = Annotated[int, BeforeValidator(number), AfterValidator(_seed_of_torch), WithJsonSchema(SEED_SCHEMA)]
Steps = Annotated[int, BeforeValidator(number), Field(ge=1, le=1000)]
Sampler = Annotated[str, BeforeValidator(_known_sampler)]

Many = BeforeValidator(spread)
Axes = Annotated[list[Name], Many, Field(max_length=2), _OneOrMany()]
Metrics = Annotated[list[Any], BeforeValidator(parse_metrics), _OneOrMany(metrics_schema, least=0)]
Names = Annotated[list[Name], Many, _OneOrMany()]
Texts = Annotated[list[Text], Many, _OneOrMany(files=True)]
NegativeTexts = Annotated[list[Text | None], Many, _OneOrMany(files=True)]
Vaes = Annotated[list[Name | None], Many, _OneOrMany()]
Calls = Annotated[list[Any], BeforeValidator(parse_calls), WithJsonSchema(CALL_SCHEMA)]
LoraFiles = Annotated[list[Any], BeforeValidator(parse_loras), WithJsonSchema(LORA_SCHEMA)]
TaskName = Annotated[Any, BeforeValidator(_known_task), WithJsonSchema({"enum": list(TASKS)})]
Strength = Annotated[float, BeforeValidator(number), Field(gt=0, le=1)]
Strengths = Annotated[list[Strength], Many, _OneOrMany({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, True)]
Images = Annotated[list[PictureFile], BeforeValidator(parse_images), WithJsonSchema(one_or_many(PATH_SCHEMA, False))]
Masks = Annotated[list[PictureFile], BeforeValidator(parse_masks), WithJsonSchema(one_or_many(PATH_SCHEMA, False))]
Starts = Annotated[list[Any], BeforeValidator(parse_starts), WithJsonSchema(START_SCHEMA)]
Forks = Annotated[list[Any], BeforeValidator(parse_forks), WithJsonSchema(FORK_SCHEMA)]
StepCaches = Annotated[list[Any], BeforeValidator(parse_caches), WithJsonSchema(CACHE_SCHEMA)]
Labels = Annotated[
    list[Annotated[Label, BeforeValidator(_label)]],
    Many,
    _OneOrMany({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "minLength": 1}]}, True, True),
]
Previews = Annotated[Whole, Field(ge=0, le=100)]
Numbers = Annotated[list[Number], Many, _OneOrMany(numeric=True)]
Seeds = Annotated[list[Seed], Many, _OneOrMany(numeric=True, files=True)]
StepCounts = Annotated[list[Steps], Many, _OneOrMany(numeric=True)]
Samplers = Annotated[list[Sampler], Many, _OneOrMany({"enum": sorted(SAMPLERS)})]
Sizes = Annotated[list[Size], BeforeValidator(_sizes), _OneOrMany(SIZE_SCHEMA)]
Guiders = Annotated[list[Any], BeforeValidator(parse_guiders), _OneOrMany(reference("Guider"))]
Schedules = Annotated[list[Schedule], BeforeValidator(partial(make_list, SCHEDULES)), _OneOrMany(reference("Schedule"))]


def _conditions(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


OBJECT = {"type": "object", "minProperties": 1}
CONDITIONS_SCHEMA = {"anyOf": [OBJECT, {"type": "array", "items": OBJECT}]}

Groups = Annotated[list[ZipGroup], BeforeValidator(parse_groups), WithJsonSchema(GROUPS_SCHEMA)]
Conditions = Annotated[list[dict[str, Any]], BeforeValidator(_conditions), WithJsonSchema(CONDITIONS_SCHEMA)]
Variables = Annotated[dict[str, list[Any]], BeforeValidator(parse_variables), WithJsonSchema(VARIABLES_SCHEMA)]
TitleTexts = Annotated[dict[Name, Annotated[str, Field(max_length=500)]], Field(max_length=1000)]
