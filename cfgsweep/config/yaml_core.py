"""The scalars of YAML 1.2, as its core schema has them (https://yaml.org/spec/1.2.2/#103-core-schema).

PyYAML reads YAML 1.1, in which `1:30` is 90, `1_0` is 10, `010` is 8, `no` is false and `2001-01-01` a date. Editors,
and programs that check a file with the JSON Schema, read `010` as 10 and the others as text. Merge keys (`<<`) stay.
"""

from __future__ import annotations

import re

import yaml

INTEGER = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
SCALARS = {  # in this order: an integer also looks like a float. With the characters that one may begin with
    "null": (re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")),
    "int": (INTEGER, list("-+0123456789")),
    "float": (FLOAT, list("-+.0123456789")),
    "merge": (re.compile(r"^<<$"), ["<"]),
}


class Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict = {}


class Dumper(yaml.SafeDumper):
    """Quotes text that a reader of YAML 1.1 or of YAML 1.2 would take for something else."""


for _side in (Loader, Dumper):
    for _name, (_pattern, _first) in SCALARS.items():
        _side.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _pattern, _first)


def _integer(loader: Loader, node: yaml.ScalarNode) -> int:
    text = loader.construct_scalar(node)
    return int(text[2:], {"0o": 8, "0x": 16}[text[:2]]) if text[:2] in ("0o", "0x") else int(text)


def _float(loader: Loader, node: yaml.ScalarNode) -> float:
    text = loader.construct_scalar(node).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


Loader.add_constructor("tag:yaml.org,2002:int", _integer)
Loader.add_constructor("tag:yaml.org,2002:float", _float)


def _text(dumper: Dumper, text: str) -> yaml.ScalarNode:
    """Text with a line break that is none in YAML 1.2 is quoted: PyYAML would read it as a space."""
    style = '"' if set(text) & set("\x85\u2028\u2029") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, _text)
