"""The JSON Schemas of cfgsweep's files, to validate documents with.

`jsonschema.validate` checks the whole schema before every document; that takes a second or two for a sweep file's.
"""

from __future__ import annotations

from functools import cache

from jsonschema import Draft202012Validator

import cfgsweep


@cache
def checker(of: str = "sweep") -> Draft202012Validator:
    """A validator of documents; its schema is made, and checked itself, once a process. of: see `cfgsweep.schema`."""
    schema = cfgsweep.schema(of)
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
