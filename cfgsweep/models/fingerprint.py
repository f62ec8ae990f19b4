"""The fingerprint of a model: a hash of all files that decide what it predicts and decodes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from cfgsweep.errors import UserError
from cfgsweep.models.source import SINGLE_FILE, Source, read_json
from cfgsweep.system.file_hashes import sha256_of_files

UNUSED = ("safety_checker", "feature_extractor")  # components that are not loaded
OF_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")
WEIGHTS = ("diffusion_pytorch_model", "model", "pytorch_model")  # names of files as diffusers looks for them


def fingerprint(source: Source) -> str:
    """64 hex digits, a SHA-256 over the contents of the model's files. The model has to be on this machine.

    Raises UserError where a file cannot be read.
    """
    root = _root(source)
    return _hash_of(root, sorted(_files(root)), sorted(_configuration_files(source)))


def fingerprint_of_part(folder: Path) -> str:
    """The same of a part by itself, such as an autoencoder."""
    return _hash_of(folder, sorted(_files_of_part(folder)))


def _hash_of(root: Path, paths: list[Path], of_others: Sequence[Path] = ()) -> str:
    """of_others: files of another model's folder."""
    try:
        hashes = sha256_of_files([*paths, *of_others])
    except OSError as error:
        raise UserError(f"cannot be read: {error.strerror}", where=str(error.filename or root)) from None
    names = [path.name if path == root else path.relative_to(root).as_posix() for path in paths]
    names += [f"{path.parent.name}/{path.name}" for path in of_others]
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in zip(names, hashes, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def _root(source: Source) -> Path:
    """The model's file, its folder, or the folder of its snapshot in the hub's cache."""
    if not source.on_hub:
        return Path(source.place)
    index = source.known_file("model_index.json")
    if index is None:
        raise UserError("its files are not on this machine", where="model", given=source.name)
    return index.parent


def _files(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    yield root / "model_index.json"
    for component in read_json(root / "model_index.json"):
        if component not in UNUSED and re.fullmatch(r"\w+", component):  # no path that leads elsewhere
            yield from _files_of_part(root / component)


def _configuration_files(source: Source) -> Iterator[Path]:
    """Those files of a model on the hub that decide what a checkpoint in one file predicts.

    Its weights are among them where the file may have the network alone.
    """
    if not source.single_file or source.configuration is None:
        return
    index = source.configuration.known_file("model_index.json")
    whole = source.pipeline_class() == SINGLE_FILE
    if index is not None:
        yield from (path for path in _files(index.parent) if not whole or path.suffix not in OF_WEIGHTS)


def _files_of_part(folder: Path) -> Iterator[Path]:
    files = [path for path in folder.glob("*") if path.is_file()]
    of_text = (".txt", ".model") if folder.name.startswith("tokenizer") else ()
    yield from (path for path in files if path.suffix == ".json" and not _is_index(path))
    yield from (path for path in files if path.suffix in of_text)
    yield from _loaded_weights(files)


def _is_index(path: Path) -> bool:
    """Whether this is an index of weights in several files, also of a variant: `x.safetensors.index.fp16.json`."""
    return ".index." in path.name


def _loaded_weights(files: Iterable[Path]) -> list[Path]:
    """Those weights of a component that diffusers loads: safetensors before pickles, and no variants such as fp16."""
    by_name = {path.name: path for path in files}
    for suffix in (".safetensors", ".bin"):
        names = {f"{weights}{suffix}" for weights in WEIGHTS}
        for index in [by_name[f"{name}.index.json"] for name in names if f"{name}.index.json" in by_name]:
            shards = read_json(index).get("weight_map")
            names |= set(map(str, shards.values())) if isinstance(shards, dict) else set()
        if found := [by_name[name] for name in names if name in by_name]:
            return found
    return [path for path in by_name.values() if path.suffix in OF_WEIGHTS]
