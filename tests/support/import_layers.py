"""Reads the imports of a package with `ast`, without running it, and compares them with an order of layers.

An import inside a function or under `if TYPE_CHECKING:` counts as much as one at the top of the module, and so does a
string that names a module (`importlib.import_module("cfgsweep.cli")`): a reader meets the dependency in all four.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One module of the package that uses another."""

    importer: str
    imported: str
    file: Path
    line: int


def module_files(package: Path) -> dict[str, Path]:
    """The modules of a package by their dotted names, a subpackage under its own name without `__init__`."""
    names = {}
    for file in sorted(package.rglob("*.py")):
        parts = [package.name, *file.relative_to(package).with_suffix("").parts]
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return names


def imports_of(name: str, file: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    """The modules of the same package that a module uses, one entry for each line that does so."""
    for node in ast.walk(ast.parse(file.read_text())):
        for used in _names_in(node, name, file.name == "__init__.py"):
            while used and used not in modules:  # a class or a function of a module
                used = used.rpartition(".")[0]
            if used and used != name:
                yield Import(name, used, file, getattr(node, "lineno", 0))


def _names_in(node: ast.AST, name: str, is_package: bool) -> Iterator[str]:
    package = name.partition(".")[0]
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name for alias in aliases)
        case ast.ImportFrom(module=module, names=aliases, level=level):
            parents = name.split(".")[: len(name.split(".")) - level + is_package] if level else []
            base = ".".join([*parents, *([module] if module else [])])
            yield from (f"{base}.{alias.name}" for alias in aliases)
        case ast.Constant(value=str(text)) if text.startswith(f"{package}.") and text.replace(".", "_").isidentifier():
            yield text


def room_of(module: str) -> str:
    """The part of the package that a module belongs to; of the package's own `__init__`, that name."""
    return [*module.split("."), "__init__"][1]


def package_imports(package: Path) -> list[Import]:
    """Every import of one module of a package by another."""
    modules = module_files(package)
    return [entry for name, file in modules.items() for entry in imports_of(name, file, modules)]


def layer_violations(package: Path, rooms: Sequence[str]) -> list[str]:
    """One sentence for every module in no room, or else for every import of a higher room.

    rooms: the lowest first. A module may import from its own room and from lower ones, so that rooms form no cycle.
    """
    found = [
        f"{file}: in none of the rooms" for name, file in module_files(package).items() if room_of(name) not in rooms
    ]
    if found:
        return found
    for entry in package_imports(package):
        own, other = room_of(entry.importer), room_of(entry.imported)
        if rooms.index(other) > rooms.index(own):
            found.append(f"{entry.file}:{entry.line}: {own} is below {other} and must not import {entry.imported}")
    return found


def import_cycle(package: Path) -> list[str]:
    """The names of modules that import each other in a circle, the first again at the end; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for entry in package_imports(package):
        graph.setdefault(entry.importer, set()).add(entry.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []
