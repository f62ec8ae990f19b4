"""Variables of prompts: `vars: {style: [oil, ink]}` fills `{style}` in `prompt: "{style} of a cat"`.

A variable is an axis. It stands in all prompts, or in all negative prompts; or it only names the values of an axis with
which it is zipped, as a column `Category` of a file of prompts does.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from cfgsweep.config.json_schema import one_or_many, reference
from cfgsweep.config.ranges import spread
from cfgsweep.errors import UserError, unknown_name

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
IN_BRACES = re.compile(rf"\{{({VARIABLE.pattern})\}}")
LONGEST = 10_000  # characters of a text
ALLOWED = "letters, digits and underscores, no digit at the beginning"

_ONE = {"anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST}, {"type": "number"}, reference("File")]}
VARIABLES_SCHEMA = {
    "type": "object",
    "propertyNames": {"pattern": f"^{VARIABLE.pattern}$"},
    "additionalProperties": one_or_many(_ONE, True),
}

Texts = Sequence[str | None]
Variables = tuple[tuple[str, str | int | float], ...]  # names and values


def parse_variables(given: Any) -> dict[str, list[Any]]:
    """The values of every variable. Raises UserError, with the name, where one is not right."""
    if not isinstance(given, dict):
        raise UserError("not variables", given=given, allowed="{name: [value, value]}")
    found = {}
    for name, values in given.items():
        if not isinstance(name, str) or not VARIABLE.fullmatch(name):
            raise UserError("not the name of a variable", given=name, allowed=ALLOWED).at_key(str(name))
        try:
            found[name] = [_value(one) for one in spread(values)]
        except UserError as error:
            raise error.at_key(name) from None
    return found


def _value(given: Any) -> Any:
    is_whole = isinstance(given, int) and not isinstance(given, bool)
    is_number = is_whole or (isinstance(given, float) and math.isfinite(given))
    if not is_number and not (isinstance(given, str) and 0 < len(given) <= LONGEST):
        allowed = f"texts of 1 to {LONGEST} characters, and numbers"
        raise UserError("not the value of a variable", given=given, allowed=allowed)
    return int(given) if isinstance(given, float) and given.is_integer() else given


def names_in(text: str | None) -> list[str]:
    """The names in braces. Other braces, such as `{a|b}`, are a part of the text."""
    return IN_BRACES.findall(text or "")


def filled(text: str | None, variables: Mapping[str, Any]) -> str | None:
    """The text with the values of variables in the place of their names."""
    return text and IN_BRACES.sub(lambda name: str(variables.get(name[1], name[0])), text)


def in_texts(name: str, texts: Texts) -> bool:
    return any(name in names_in(text) for text in texts)


def check_variables(
    variables: Mapping[str, Sequence[Any]], prompts: Texts, negative_prompts: Texts, zipped: Container[str]
) -> None:
    """Raises UserError where a variable is used nowhere, or not in all texts, or a name in braces is none.

    zipped: the axes that are zipped with others.
    """
    if not any(name not in zipped or in_texts(name, [*prompts, *negative_prompts]) for name in variables):
        return
    for key, texts in (("prompt", prompts), ("negative_prompt", negative_prompts)):
        for place, name in _unknown_names(texts, variables):
            raise unknown_name("variable", name, variables).at_key(key, *([place] if len(texts) > 1 else []))
        for text in texts:
            longest = sum(max(len(str(one)) for one in variables[name]) for name in names_in(text))
            if text and len(text) + longest > LONGEST:
                allowed = f"at most {LONGEST} characters"
                raise UserError("too long a text with its variables", given=text, allowed=allowed).at_key(key)
    for name in variables:
        _check_use(name, {"prompt": prompts, "negative_prompt": negative_prompts}, name in zipped)


def _unknown_names(texts: Texts, variables: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    return ((place, name) for place, text in enumerate(texts) for name in names_in(text) if name not in variables)


def _check_use(name: str, texts: Mapping[str, Texts], is_zipped: bool) -> None:
    """Raises UserError where a variable is in some prompts only, so that experiments would be there twice."""
    if any(all(name in names_in(text) for text in some) for some in texts.values()):
        return
    for key, some in texts.items():
        if in_texts(name, some):
            missing = next(text for text in some if name not in names_in(text))
            problem = f"{{{name}}} is in some texts, and not in this one"
            raise UserError(problem, given=missing, allowed="a variable is in all of them").at_key(key)
    if not is_zipped:
        hint = f"write {{{name}}} into the prompt, or zip it with an axis whose values it names"
        raise UserError("nothing is done with this variable", given=name, hint=hint).at_key("vars", name)
