"""The kinds of field a sweep file has: how each is read, what is said of a wrong one, its JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, ValidationError, WithJsonSchema
from pydantic_core import CoreSchema

from cfgsweep.axes import RANGES, combinations, spread
from cfgsweep.errors import UserError, unknown_name
from cfgsweep.guidance import GUIDERS, Guider
from cfgsweep.parameters import Parameters
from cfgsweep.samplers import SAMPLERS
from cfgsweep.schedules import SCHEDULES, Schedule
from cfgsweep.yamlfile import UserErrorInside

Size = tuple[int, int] | None  # width, height in pixels; None: what the model was made for


def _known_sampler(name: Any) -> str:
    if not isinstance(name, str) or name not in SAMPLERS:
        raise UserErrorInside(unknown_name("sampler", name, SAMPLERS))
    return name


def _number(given: Any) -> Any:
    """No text and no true/false where a number belongs (pydantic would take both)."""
    if isinstance(given, bool | str):
        raise ValueError("not a number")
    return given


def _sizes(given: Any) -> list[Any]:
    """`512`, `[512, 768]` (one size, width and height) or a list of sizes."""
    pair = isinstance(given, list) and len(given) == 2 and all(isinstance(side, int) for side in given)
    return [_size(size) for size in ([given] if pair else spread(given))]


def _size(given: Any) -> Size:
    if given is None or given == "native":
        return None
    sides = given if isinstance(given, list | tuple) else [given, given]
    fine = len(sides) == 2 and all(isinstance(s, int) and not isinstance(s, bool) and 8 <= s <= 8192 for s in sides)
    if not fine or any(side % 8 for side in sides):
        allowed = "native, a side, or [width, height]; sides are multiples of 8, from 8 to 8192"
        raise UserErrorInside(UserError("not a size", given=given, allowed=allowed))
    return sides[0], sides[1]


def _named(kind: str, registry: Mapping[str, type[Parameters]]) -> Callable[[Any], list[Any]]:
    """A validator: names, or names with parameters (which may be lists), to instances."""

    def parse(given: Any) -> list[Any]:
        made = []
        for index, item in enumerate(spread(given)):
            try:
                made += _make_all(kind, registry, item)
            except UserErrorInside as error:
                raise UserErrorInside(error.error, (index,) if isinstance(given, list) else ()) from None
        return made

    return parse


def _make_all(kind: str, registry: Mapping[str, type[Parameters]], item: Any) -> list[Any]:
    """'tnorm', or {'cosine': {'k_decay': [0.6, 0.8]}} -> the instances meant."""
    if isinstance(item, Parameters):
        return [item]
    if isinstance(item, str):
        item = {item: {}}
    if not isinstance(item, dict) or len(item) != 1:
        allowed = "a name, or {name: {parameter: value}}"
        raise UserErrorInside(UserError(f"not a {kind}", given=item, allowed=allowed))
    ((name, parameters),) = item.items()
    if not isinstance(name, str) or name not in registry:
        raise UserErrorInside(unknown_name(kind, name, registry))
    cls = registry[name]
    if isinstance(parameters, list) and len(cls.lists) == 1:
        parameters = {cls.lists[0]: parameters}
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise UserErrorInside(
            UserError(f"{name} takes named parameters", given=parameters, allowed=f"{{{name}: {{...}}}}")
        )
    return [_make(kind, cls, combination) for combination in combinations(parameters, cls.lists)]


def _make(kind: str, cls: type[Parameters], parameters: dict[str, Any]) -> Parameters:
    for key, value in parameters.items():
        if key not in cls.model_fields:
            raise UserErrorInside(unknown_name(f"parameter of {kind} {cls.name}", key, cls.model_fields))
        if isinstance(value, bool | str):
            raise UserErrorInside(UserError(f"{kind} {cls.name}: {key} is not a number", given=value))
    try:
        return cls.model_validate(parameters)
    except ValidationError as invalid:
        error = invalid.errors()[0]
        original = error.get("ctx", {}).get("error")
        if isinstance(original, UserErrorInside):
            raise original from None
        place = ".".join(str(part) for part in error["loc"])
        raise UserErrorInside(UserError(f"{kind} {cls.name}: {place}: {error['msg']}", given=error["input"])) from None


class _OneOrMany:
    """JSON Schema of an axis, with `item` as the schema of its values where pydantic cannot know it."""

    def __init__(self, item: dict[str, Any] | None = None, numeric: bool = False):
        self.item, self.numeric = item, numeric

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return _one_or_many(self.item or handler(schema).get("items", {}), self.numeric)


def _one_or_many(item: dict[str, Any], numeric: bool) -> dict[str, Any]:
    """One thing, a list of things, or for numbers a range."""
    three = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
    one_of = [item, *(_only(kind, three) for kind in RANGES if numeric)]
    return {"anyOf": [*one_of, {"type": "array", "items": {"anyOf": one_of}, "minItems": 1}]}


def _only(key: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {key: schema}, "required": [key], "additionalProperties": False}


def _named_schema(registry: Mapping[str, type[Parameters]]) -> dict[str, Any]:
    """A name, or a name with its parameters."""
    forms: list[dict[str, Any]] = [{"enum": sorted(registry)}]
    for name, cls in registry.items():
        fields = cls.model_json_schema()["properties"]
        forms += [_only(name, fields[key]) for key in cls.lists[:1]]
        several = {key: field if key in cls.lists else _one_or_many(field, True) for key, field in fields.items()}
        forms.append(_only(name, {"type": ["object", "null"], "properties": several, "additionalProperties": False}))
    return {"anyOf": forms}


SIDE = {"type": "integer", "minimum": 8, "maximum": 8192, "multipleOf": 8}
PAIR = {"type": "array", "items": SIDE, "minItems": 2, "maxItems": 2}
SIZE_SCHEMA = {"anyOf": [{"const": "native"}, SIDE, PAIR]}

Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=500)]
Number = Annotated[float, BeforeValidator(_number)]
Seed = Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**63)]
Steps = Annotated[int, BeforeValidator(_number), Field(ge=1, le=1000)]
Sampler = Annotated[str, BeforeValidator(_known_sampler)]

Many = BeforeValidator(spread)
Names = Annotated[list[Name], Many, _OneOrMany()]
Texts = Annotated[list[Text], Many, _OneOrMany()]
Numbers = Annotated[list[Number], Many, _OneOrMany(numeric=True)]
Seeds = Annotated[list[Seed], Many, _OneOrMany(numeric=True)]
StepCounts = Annotated[list[Steps], Many, _OneOrMany(numeric=True)]
Samplers = Annotated[list[Sampler], Many, _OneOrMany({"enum": sorted(SAMPLERS)})]
Sizes = Annotated[list[Size], BeforeValidator(_sizes), _OneOrMany(SIZE_SCHEMA)]
Guiders = Annotated[list[Guider], BeforeValidator(_named("guider", GUIDERS)), _OneOrMany(_named_schema(GUIDERS))]
Schedules = Annotated[
    list[Schedule], BeforeValidator(_named("schedule", SCHEDULES)), _OneOrMany(_named_schema(SCHEDULES))
]


def _groups(given: Any) -> Any:
    """One group of axes is a list of one group."""
    return [given] if isinstance(given, list) and given and all(isinstance(name, str) for name in given) else given


def _conditions(given: Any) -> Any:
    return [given] if isinstance(given, dict) else given


NAMES = {"type": "array", "items": {"type": "string"}, "minItems": 2}
OBJECT = {"type": "object", "minProperties": 1}
GROUPS_SCHEMA = {"anyOf": [NAMES, {"type": "array", "items": NAMES}]}
CONDITIONS_SCHEMA = {"anyOf": [OBJECT, {"type": "array", "items": OBJECT}]}

Groups = Annotated[list[list[str]], BeforeValidator(_groups), WithJsonSchema(GROUPS_SCHEMA)]
Conditions = Annotated[list[dict[str, Any]], BeforeValidator(_conditions), WithJsonSchema(CONDITIONS_SCHEMA)]
