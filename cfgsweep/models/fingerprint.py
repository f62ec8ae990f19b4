"""The fingerprint of a model: a hash of all files that decide what it predicts and decodes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.models.source import Source, read_json
from cfgsweep.system.file_hashes import sha256_of_files

UNUSED = ("safety_checker", "feature_extractor")  # components that are not loaded
CONFIGURATIONS = (".json", ".txt", ".model")  # of networks, schedulers and tokenizers
PICKLES = (".bin", ".pt", ".pth", ".ckpt")


def fingerprint(source: Source) -> str:
    """64 hex digits, a SHA-256 over the contents of the model's files. The model has to be on this machine.

    Raises UserError where a file cannot be read.
    """
    root = _root(source)
    paths = sorted(_files(root))
    try:
        hashes = sha256_of_files(paths)
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(error.filename or root)) from None
    names = [path.name if path == root else path.relative_to(root).as_posix() for path in paths]
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in zip(names, hashes, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def _root(source: Source) -> Path:
    """The model's file, its folder, or the folder of its snapshot in the hub's cache."""
    return source.file("model_index.json").parent if source.on_hub else Path(source.place)


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    yield root / "model_index.json"
    for component in read_json(root / "model_index.json"):
        if component not in UNUSED and component == Path(component).name:  # and no path that leads elsewhere
            files = [path for path in (root / component).rglob("*") if path.is_file()]
            yield from (path for path in files if path.suffix in CONFIGURATIONS)
            yield from _loaded_weights(files)


def _loaded_weights(files: Iterable[Path]) -> list[Path]:
    """Those weights of a component that diffusers loads: no pickles beside safetensors, no variants beside others."""
    files = list(files)
    weights = [path for path in files if path.suffix == ".safetensors"] or [
        path for path in files if path.suffix in PICKLES
    ]
    return [path for path in weights if "." not in path.stem] or weights
