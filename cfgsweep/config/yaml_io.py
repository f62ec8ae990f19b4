"""Reads YAML 1.2 safely, with limits on its size, and keeps the line of every key for error messages."""

from __future__ import annotations

import errno
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from cfgsweep.config.base_folder import paths_from
from cfgsweep.config.validation_words import told
from cfgsweep.config.yaml_core import Dumper, Loader
from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.system.files import naming
from cfgsweep.system.machine_errors import is_of_machine

MAX_BYTES = 4 * 2**20
MAX_NODES = 500_000  # after aliases are expanded
MAX_DEPTH = 20
NULLS = ("null", "~")
UNION = "="  # with which the tags of the members of a union begin, which pydantic puts between the keys of a place
FLOW = ("[", "{", '"', "'")  # with which lists, mappings and quoted texts begin

Key = tuple[str | int, ...]
T = TypeVar("T", bound=BaseModel)


def dump(data: Mapping[str, Any]) -> bytes:
    """YAML that `read` reads as the same data."""
    return yaml.dump(dict(data), Dumper=Dumper, sort_keys=False, allow_unicode=True).encode()


@dataclass
class Document:
    """A mapping read from YAML.

    source: the path of the file. lines: the line of every key; -1 for those that `--set` gave.
    """

    data: dict[str, Any]
    source: str
    lines: dict[Key, int] = field(default_factory=dict)

    def where(self, key: Sequence[str | int] = ()) -> str:
        """'file:line: key', with the line of the nearest enclosing key that has one."""
        key = tuple(key)
        name = ".".join(str(part) for part in key)
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.lines), None)
        place = self.source if known is None else f"{self.source}:{self.lines[known]}"
        if known is not None and self.lines[known] < 0:
            place = "--set"
        return ": ".join(part for part in (place, name) if part)

    @contextmanager
    def error_context(self) -> Iterator[None]:
        """Gives user errors raised inside the block, if they have a key and no place yet, the key's place."""
        try:
            yield
        except UserError as error:
            raise error.at(self.where(error.inside)) if error.inside else error from None

    def override(self, assignments: Sequence[str], texts: Container[str] = ()) -> None:
        """Applies `--set key=value`, the value as `given_value` reads it; a key with dots is one within a mapping.

        texts: the keys of texts. Raises UserError if one is no assignment.
        """
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals or not name.strip():
                raise UserError("not an assignment", where="--set", given=assignment, allowed="key=value")
            key = tuple(name.strip().split("."))
            target = self.data
            for part in key[:-1]:
                inner = target.get(part, {})
                if not isinstance(inner, dict):
                    raise UserError(f"{part!r} is not a mapping", where="--set", given=assignment)
                target[part] = dict(inner)  # a copy: an alias of it elsewhere stays as it is
                target = target[part]
            target[key[-1]] = given_value(text, "--set", is_text=name.strip() in texts)
            self.lines = {k: v for k, v in self.lines.items() if k[: len(key)] != key}
            self.lines[key] = -1


def read(path: Path) -> Document:
    """Reads a YAML mapping from a file. Raises UserError if it cannot be read, is too large, or is none."""
    try:
        with naming(path), open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)  # no more, since a device may have no end
        if len(content) > MAX_BYTES:
            raise UserError("file too large", where=str(path), allowed=f"at most {MAX_BYTES} bytes")
        text = content.decode("utf-8-sig")
    except OSError as error:
        if is_of_machine(error) and error.errno not in (errno.EACCES, errno.EPERM):
            raise
        raise UserError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8: {error.reason} at byte {error.start}", where=str(path)) from None
    return parsed(text, str(path))


def parsed(text: str, source: str) -> Document:
    """Parses YAML of a mapping. Raises UserError if it is none."""
    document = _parse(text, source)
    if not isinstance(document.data, dict):
        raise UserError("must be a mapping of keys to values", where=source, given=document.data)
    return document


def given_value(text: str, where: str, is_text: bool = False) -> Any:
    """A value on a command line: YAML, and `1,2,3` a list.

    is_text: it is a text as it stands, such as `a dog: happy`, unless it is null, quoted, a list or a mapping.
    """
    is_plain = not text.lstrip().startswith(FLOW)
    if not text.strip() or (is_text and is_plain and text.strip() not in NULLS):
        return text.strip() and text
    try:
        value = _parse(text, where).data
    except UserError:
        if is_text:  # such as `[a cat:0.5] x`
            return text
        raise
    if isinstance(value, str) and "," in value and value == text.strip():
        return [_parse(part, where).data for part in value.split(",") if part.strip()]
    return value


def _parse(text: str, source: str) -> Document:
    lines: dict[Key, int] = {}
    try:
        node = yaml.compose(text, Loader)
        if node is None:
            return Document({}, source)
        _measure(node, {}, 0, source)
        _note_lines(node, (), lines, source)
        loader = Loader("")
        data = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"not valid YAML: {error.problem}", where=f"{source}{line}") from None
    except UserError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date such as 2001-99-99
        raise UserError(f"not valid YAML: {shorten(str(error))}", where=source) from None
    except RecursionError:
        raise UserError("nested too deeply", where=source, allowed=f"at most {MAX_DEPTH} levels") from None
    return Document(data, source, lines)


def _measure(node: yaml.Node, sizes: dict[int, int], depth: int, source: str) -> int:
    """The number of nodes once aliases are expanded. Raises UserError above MAX_NODES or MAX_DEPTH.

    sizes: those of nodes that are measured already, by their `id`.
    """
    if id(node) in sizes:
        return sizes[id(node)]
    where = f"{source}:{node.start_mark.line + 1}"
    if depth > MAX_DEPTH:
        raise UserError("nested too deeply (or an alias that holds itself)", where=where, allowed=f"{MAX_DEPTH} levels")
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        children = [part for pair in node.value for part in pair]
    size = 1 + sum(_measure(child, sizes, depth + 1, source) for child in children)
    if size > MAX_NODES:
        raise UserError("document too large once its aliases are expanded", where=where, allowed=f"{MAX_NODES} values")
    sizes[id(node)] = size
    return size


def _note_lines(node: yaml.Node, key: Key, lines: dict[Key, int], source: str) -> None:
    """Adds the lines of a node and of all within it. Raises UserError if a mapping has a key twice."""
    lines[key] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _note_lines(child, (*key, index), lines, source)
    elif isinstance(node, yaml.MappingNode):
        for name, child in node.value:
            inner = (*key, str(name.value))
            if inner in lines:
                where = f"{source}:{name.start_mark.line + 1}"
                raise UserError(f"key {name.value!r} is there twice", where=where)
            _note_lines(child, inner, lines, source)
            lines[inner] = name.start_mark.line + 1


def validate(model: type[T], document: Document) -> T:
    """The document as `model`. Raises UserError, with the place, if it is none.

    Validators find the folder of the document's file as "folder" in the context.
    """
    folder = Path(document.source).parent
    try:
        with paths_from(folder):
            return model.model_validate(document.data, context={"folder": str(folder)})
    except ValidationError as invalid:
        raise explain(invalid, model, document.where) from None


def explain(invalid: ValidationError, model: type[BaseModel], where: Callable[[Key], str]) -> UserError:
    """One thing wrong with a model's fields as a UserError: an unknown key if there is one, else the first error.

    A misspelt key often makes another error, since the right one is missing then. A model can have `words_of_others`:
    its own keys by those that other tools have for them.

    where: names the place of a key.
    """
    errors = invalid.errors()
    error = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    key = tuple(part for part in error["loc"] if not str(part).startswith(UNION))
    place = where(key)
    original = error.get("ctx", {}).get("error")
    if isinstance(original, UserError):
        return original.at(where((*key, *original.inside)))
    if error["type"] == "extra_forbidden":
        unknown = unknown_name("key", str(key[-1]), _fields(model, key[:-1]), place)
        ours = getattr(model, "words_of_others", {}).get(str(key[-1]).lower()) if len(key) == 1 else None
        unknown.hint = f"did you mean {ours!r}?" if ours else unknown.hint
        return unknown
    if error["type"] == "missing":
        return UserError("is missing", where=place, allowed=_fields(model, key[:-1]))
    problem, allowed = told(error)
    return UserError(problem, where=place, given=error["input"], allowed=allowed)


def _fields(model: Any, key: Key) -> list[str]:
    """Names of the fields of the model at `key` below `model`."""
    for part in key:
        inner = _fields_by_key(model).get(str(part))
        model = next(_models_within(inner.annotation), None) if inner else None
    return list(_fields_by_key(model))


def _fields_by_key(model: Any) -> dict[str, Any]:
    return {field.alias or name: field for name, field in getattr(model, "model_fields", {}).items()}


def _models_within(annotation: Any) -> Iterator[Any]:
    """The model that an annotation is, or those among its parts, as in `Annotated[A | B, ...] | None`."""
    if hasattr(annotation, "model_fields"):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _models_within(part)
