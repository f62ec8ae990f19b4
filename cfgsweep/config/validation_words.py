"""What pydantic finds wrong with a value, in the words of this program."""

from __future__ import annotations

from typing import NamedTuple

from pydantic_core import ErrorDetails

# By the type of the error: the problem, and what is allowed, with the error's own numbers in it.
WORDS = {
    "string_type": ("not a text", "a text, in quotes where YAML would read something else"),
    "int_type": ("not a whole number", ""),
    "int_parsing": ("not a whole number", ""),
    "int_from_float": ("not a whole number", ""),
    "float_type": ("not a number", ""),
    "float_parsing": ("not a number", ""),
    "finite_number": ("not a finite number", ""),
    "bool_type": ("neither true nor false", "true, false"),
    "bool_parsing": ("neither true nor false", "true, false"),
    "list_type": ("not a list", "[…]"),
    "dict_type": ("not a mapping", "{key: value}"),
    "model_type": ("not a mapping", "{key: value}"),
    "greater_than": ("too small", "above {gt}"),
    "greater_than_equal": ("too small", "{ge} or more"),
    "less_than": ("too large", "below {lt}"),
    "less_than_equal": ("too large", "{le} or less"),
    "string_pattern_mismatch": ("not of the form that it has to have", "{pattern}"),
    "string_too_long": ("too long", "at most {max_length} characters"),
    "string_too_short": ("too short", "at least {min_length} characters"),
    "too_long": ("too many", "at most {max_length}"),
    "too_short": ("too few", "at least {min_length}"),
    "literal_error": ("an unknown word", "{expected}"),
}


class Told(NamedTuple):
    """problem: what is wrong. allowed: what would not be, or empty."""

    problem: str
    allowed: str


def told(error: ErrorDetails) -> Told:
    """One of a ValidationError's `errors()` in words; pydantic's own where there are none here."""
    problem, allowed = WORDS.get(error["type"], (error["msg"].removeprefix("Value error, "), ""))
    for name, number in error.get("ctx", {}).items():
        allowed = allowed.replace(f"{{{name}}}", str(number))
    return Told(problem, allowed)
