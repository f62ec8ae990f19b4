"""Classes by the name that sweep files call them by. A class is registered by being defined with a `name`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cfgsweep.config import user_code
from cfgsweep.errors import UserError, shorten, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")

# Gives stand-ins for classes whose code is not at hand, while a finished run is read: see `absent`.
substitutes: ContextVar[Callable[[type, str], type | None] | None] = ContextVar("substitutes", default=None)


class Registry(Mapping[str, type[T]]):
    """The guiders, schedules, metrics or distances that there are, by name.

    A name is looked up among the classes of `package`, whose modules are imported at the first look-up, and those
    defined elsewhere in this process; among prefixes (`diffusers.`); as `file.py:Class`; among the entry points of
    `cfgsweep.guiders` (or another kind) in installed packages. Iteration gives the names of all but prefixes
    and files, sorted.

    kind: what the classes are, e.g. "guider".
    base: the class they derive from.
    """

    base: type[T]

    def __init__(self, kind: str, package: str):
        self.kind, self.package = kind, package
        self.group = f"{__name__.partition('.')[0]}.{kind}s"  # cfgsweep.guiders
        self._classes: dict[str, type[T]] = {}
        self._prefixes: dict[str, Callable[[str], type[T]]] = {}
        self._imported = False

    def add(self, cls: type[T], name: str) -> None:
        """Registers a class. Defining it again, as notebooks do, replaces it.

        Raises UserError if another class has the name.
        """
        known = self._classes.get(name)
        if known is not None and _full_name(known) != _full_name(cls):
            raise UserError(f"two {self.kind}s have the name {name!r}", given=[_full_name(known), _full_name(cls)])
        self._classes[name] = cls

    def add_prefix(self, prefix: str, find: Callable[[str], type[T]]) -> None:
        """Has names that begin with `prefix` looked up by `find`."""
        self._prefixes[prefix] = find

    def look_up(self, name: Any) -> type[T]:
        """The class of that name. Raises UserError, with the nearest name, if there is none."""
        try:
            return self[name]
        except KeyError:
            raise unknown_name(self.kind, name, self) from None

    def __getitem__(self, name: str) -> type[T]:
        self._import_package()
        if not isinstance(name, str):
            raise KeyError(name)
        if name in self._classes:
            return self._classes[name]
        for prefix, find in self._prefixes.items():
            if name.startswith(prefix):
                return find(name)
        substitute = substitutes.get()
        absent = substitute(self.base, name) if substitute else None
        if absent is not None:
            return absent
        if user_code.is_reference(name):
            return user_code.load_class(name, self.base, self.kind)
        return self._load_entry_point(self._entry_points()[name])

    def __iter__(self) -> Iterator[str]:
        self._import_package()
        return iter(sorted({*self._classes, *self._entry_points()}))

    def built_in(self) -> list[str]:
        """The names of the package's own classes, without those of other packages, which take longer to find."""
        self._import_package()
        return sorted(name for name, cls in self._classes.items() if cls.__module__.startswith(f"{self.package}."))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _import_package(self) -> None:
        if self._imported:
            return
        self._imported = True  # first, since the modules may look names up themselves
        for module in pkgutil.iter_modules(importlib.import_module(self.package).__path__):
            importlib.import_module(f"{self.package}.{module.name}")

    def _entry_points(self) -> dict[str, EntryPoint]:
        """Those of installed packages. Not kept: they are read for unknown names and listings alone."""
        from importlib.metadata import entry_points  # takes longer to import than all of this package

        return {entry.name: entry for entry in entry_points(group=self.group)}

    def _load_entry_point(self, entry: EntryPoint) -> type[T]:
        package = entry.dist.name if entry.dist else entry.module
        place = f"the {self.kind} {entry.name!r} of the package {package}"
        try:
            cls = entry.load()
        except Exception as error:  # importing a package can raise anything
            text = f"{type(error).__name__}: {shorten(str(error), 300)}"
            raise UserError(f"{place} cannot be imported: {text}", hint=f"update {package}, or remove it") from None
        if not (isinstance(cls, type) and issubclass(cls, self.base) and getattr(cls, "name", None) == entry.name):
            allowed = f"a class derived from {_full_name(self.base)} whose `name` is {entry.name!r}"
            raise UserError(f"{place} is none", given=entry.value, allowed=allowed)
        return cls


class Registered:
    """Base of classes that are registered when they are defined.

    name: the name of a subclass. registry: set by the class from which all of a kind derive.
    code_hash: of the user's file that a class is in; None for all others.
    """

    name: ClassVar[str]
    registry: ClassVar[Registry[Any]]
    code_hash: ClassVar[str | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        register(cls)


def register(cls: Any) -> None:
    """Registers a new class if it has a `name` of its own, or as the base if it has a `registry` of its own.

    To be called when a class is created. Classes of users' files are not registered, but named after their file.
    """
    if "registry" in vars(cls) and cls.registry is not None:
        cls.registry.base = cls
    elif "name" in vars(cls) and cls.registry is not None and not user_code.is_user_class(cls):
        cls.registry.add(cls, cls.name)


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
