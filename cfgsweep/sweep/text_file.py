"""What a sweep file says of a file of texts: `{file: prompts.csv, with: [seed], where: {Category: Animals}}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cfgsweep.errors import UserError, unknown_name
from cfgsweep.system.input_files import is_path

FILE, COLUMN, WITH, WHERE, SAMPLE, SEED = KEYS = ("file", "column", "with", "where", "sample", "seed")

_NAMES = {"type": "array", "items": {"type": "string"}}
FILE_SCHEMA = {
    "type": "object",
    "properties": {
        FILE: {"type": "string", "minLength": 1},
        COLUMN: {"type": "string"},
        WITH: {"anyOf": [{"type": "string"}, _NAMES]},
        WHERE: {"type": "object", "minProperties": 1},
        SAMPLE: {"type": "integer", "minimum": 1},
        SEED: {"type": "integer"},
    },
    "required": [FILE],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class TextFile:
    """What a sweep file says of a file of texts.

    column: the one with the texts, if it has another name than its axis. more: further columns; those that are named
    after axes if None. where: conditions on columns. sample: how many rows are drawn, by the seed.
    """

    file: str
    column: str | None = None
    more: Sequence[str] | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    sample: int | None = None
    seed: int = 0

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> TextFile:
        """Raises UserError, with the key, where something is not as it should be."""
        for key in given:
            if key not in KEYS:
                error = unknown_name("key", str(key), KEYS).at_key(str(key))
                if given[key] is None:  # `{animal}`, which is a mapping in YAML
                    error.hint = "a text that begins with a brace has quotes around it"
                raise error
        more = given.get(WITH)
        more = [more] if isinstance(more, str) else more
        kinds = [(FILE, is_path(given.get(FILE)), "the path of a file")]
        kinds += [(COLUMN, isinstance(given.get(COLUMN), str | None), "the name of a column")]
        kinds += [(WITH, more is None or _are_texts(more), "names of columns")]
        kinds += [(WHERE, isinstance(given.get(WHERE, {}), dict) and given.get(WHERE) != {}, "{column: value}")]
        kinds += [(SAMPLE, given.get(SAMPLE) is None or (_is_whole(given[SAMPLE]) and given[SAMPLE] > 0), "1 or more")]
        kinds += [(SEED, _is_whole(given.get(SEED, 0)), "a whole number")]
        for key, is_right, allowed in kinds:
            if not is_right:
                raise UserError("not of the right kind", given=given.get(key), allowed=allowed).at_key(key)
        if SEED in given and given.get(SAMPLE) is None:
            raise UserError("there is no sample for which it could be the seed", given=given[SEED]).at_key(SEED)
        return cls(given[FILE], given.get(COLUMN), more, given.get(WHERE) or {}, given.get(SAMPLE), given.get(SEED, 0))


def _are_texts(given: Any) -> bool:
    return isinstance(given, list) and all(isinstance(one, str) for one in given)


def _is_whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)
