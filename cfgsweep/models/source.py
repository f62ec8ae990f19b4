"""Finds a model by its name: bundled, a folder, a file, or on the Hugging Face hub; and whether it can run here."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cfgsweep.errors import UserError, shorten, unknown_name
from cfgsweep.models.load_settings import LoadSettings
from cfgsweep.models.single_file import CONFIGURATION_1, CONFIGURATION_2, configuration_of_file
from cfgsweep.samplers import TEXT_TO_IMAGE, Task
from cfgsweep.system.files import is_utf8
from cfgsweep.system.machine_errors import is_of_machine
from cfgsweep.system.publish import published
from cfgsweep.system.quiet import quiet_libraries

if TYPE_CHECKING:
    import torch

BUNDLED_FOLDER = Path(__file__).parent / "bundled"
SINGLE_FILE = "StableDiffusionPipeline"  # the pipeline class of checkpoints in one file
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def bundled_names() -> list[str]:
    """The names of the models that come with cfgsweep."""
    return sorted(index.parent.name for index in BUNDLED_FOLDER.glob("*/model_index.json"))


def local_path(name: str) -> Path:
    """The path with `~` expanded, or as it is where there is no such user."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def exists(path: Path) -> bool:
    """Whether the path exists; False for names that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class Source:
    """Where a model is loaded from.

    name: as records have it. place: a folder, a file or a hub id. revision: of a model on the hub. allow_pickle: load
    weights that are pickles, which can run any code. settings: how, see `LoadSettings`. without_weights: build it from
    its configurations alone, see `without_weights.py`. task: that it is loaded for. recorded: record its pipeline,
    though it has a denoiser of its own.
    """

    name: str
    place: str
    revision: str | None = None
    allow_pickle: bool = False
    settings: LoadSettings = field(default_factory=LoadSettings)
    without_weights: bool = False
    task: Task = TEXT_TO_IMAGE
    recorded: bool = False

    @classmethod
    def of(cls, name: str, revision: str | None = None, allow_pickle: bool = False) -> Source:
        """The source of a model's name: a bundled model, else a file or folder, else a hub id.

        Raises UserError for an unknown name, for pickles that are not allowed, and for a folder that is no model.
        """
        if name in bundled_names():
            return cls.bundled(name)
        if not is_utf8(name):
            raise UserError("not UTF-8, so that no record could name it", where="model", given=name)
        path = local_path(name)
        if exists(published(path)):
            path = published(path)
            source = cls(name, str(path), None, allow_pickle)
            source._check_local(path)
            return source
        if name.startswith((".", "/", "~")) or path.suffix in (".safetensors", ".ckpt"):
            raise UserError("no such model folder or file", given=name)
        if not HUB_ID.fullmatch(name):
            raise unknown_name(
                "model", name, [*bundled_names(), "a folder", "a .safetensors file", "a hub id a/b"], "model"
            )
        return cls(name, name, revision, allow_pickle)

    @classmethod
    def bundled(cls, name: str) -> Source:
        """The source of a bundled model. Raises UserError where there is none of this name."""
        if name not in bundled_names():
            raise unknown_name("bundled model", name, bundled_names())
        return cls(name, str(BUNDLED_FOLDER / name))

    @property
    def single_file(self) -> bool:
        return Path(self.place).is_file()

    @property
    def on_hub(self) -> bool:
        return not exists(Path(self.place))

    @property
    def configuration(self) -> Source | None:
        """Where the model's configurations are: a checkpoint in one file has those of a model on the hub.

        None where they are not known.
        """
        if not self.single_file:
            return self
        place = configuration_of_file(Path(self.place))
        return None if place is None else Source(place, place)

    def pretrained(self, pipeline: Any, dtype: torch.dtype, **settings: Any) -> Any:
        """Loads a pipeline by its `from_pretrained`, after the indices of its weights have been checked.

        pipeline: a pipeline class of diffusers. settings: further arguments of `from_pretrained`.
        """
        if self.without_weights:
            return self._pretrained_without_weights(pipeline, dtype, {**settings, **in_dtype(dtype)})
        settings |= {**in_dtype(dtype), "use_safetensors": None if self.allow_pickle else True}
        place = pipeline.download(self.place, revision=self.revision, **settings) if self.on_hub else self.place
        check_indices(Path(place))
        return pipeline.from_pretrained(place, **settings)

    def _pretrained_without_weights(self, pipeline: Any, dtype: torch.dtype, settings: dict[str, Any]) -> Any:
        from cfgsweep.models.without_weights import CONFIGURATIONS, pretrained_without_weights

        place = self.place
        if self.on_hub:
            from huggingface_hub import snapshot_download

            place = snapshot_download(self.place, revision=self.revision, allow_patterns=list(CONFIGURATIONS))
        return pretrained_without_weights(pipeline, Path(place), dtype, settings)

    def file(self, name: str) -> Path:
        """A file of the model, from its folder, or downloaded from the hub."""
        if not self.on_hub:
            return Path(self.place) / name
        from huggingface_hub import hf_hub_download

        return Path(hf_hub_download(self.place, name, revision=self.revision))

    def pipeline_class(self) -> str:
        """The name of the model's pipeline class. The index of a model on the hub is downloaded."""
        configuration = self.configuration
        if configuration is None or (self.single_file and configuration.of_stable_diffusion):
            return SINGLE_FILE
        return str(read_json(configuration.file("model_index.json")).get("_class_name"))

    @property
    def of_stable_diffusion(self) -> bool:
        """Whether this is the model whose configuration checkpoints of Stable Diffusion 1.x or 2.x have."""
        return self.place in (CONFIGURATION_1, CONFIGURATION_2)

    def known_file(self, name: str) -> Path | None:
        """A file of the model if it is on this machine, from its folder or the cache of the hub."""
        path = Path(self.place) / name
        if self.on_hub and not self._may_be_cached:
            return None
        if self.on_hub:
            from huggingface_hub import try_to_load_from_cache

            try:
                cached = try_to_load_from_cache(self.place, name, revision=self.revision)
            except (ValueError, OSError):  # not a valid hub id: `reachable` raises an error for it
                return None
            path = Path(cached) if isinstance(cached, str) else path
        return path if path.is_file() else None

    @property
    def known_configuration(self) -> Source | None:
        """The folder with the model's configurations: its own, or one in the hub's cache; None where it is not here."""
        found = self.configuration
        index = found.known_file("model_index.json") if found is not None else None
        return None if index is None else replace(self, place=str(index.parent))

    @property
    def _may_be_cached(self) -> bool:
        """Whether the hub's cache has anything of this model; the functions that read it take long to import."""
        from huggingface_hub import constants

        return (Path(constants.HF_HUB_CACHE) / f"models--{self.place.replace('/', '--')}").is_dir()

    def _check_local(self, path: Path) -> None:
        if path.is_file() and path.suffix != ".safetensors" and not self.allow_pickle:
            hint = "a pickle can run any code; --allow-pickle loads it all the same"
            raise UserError("not a .safetensors file", given=self.name, hint=hint)
        if path.is_dir() and not (path / "model_index.json").is_file():
            raise UserError("not a diffusers folder: no model_index.json in it", given=self.name)
        check_indices(path)


def check_indices(folder: Path, pattern: str = "*/*.index.json") -> None:
    """Raises UserError where an index of weight files names a file outside its own folder.

    pattern: of the indices in the folder; those of a pipeline's parts if not given.
    """
    for index in folder.glob(pattern):
        names = read_json(index).get("weight_map")
        for name in names.values() if isinstance(names, dict) else ():
            if not isinstance(name, str) or name != Path(name).name:
                raise UserError("an index that leads out of its folder", where=str(index), given=name)


def in_dtype(dtype: torch.dtype) -> dict[str, Any]:
    """The argument of diffusers that loads weights in a dtype. Before 0.40 pipelines ignore one of the name `dtype`."""
    import diffusers

    version = tuple(map(int, diffusers.__version__.split(".")[:2]))
    return {"dtype" if version >= (0, 40) else "torch_dtype": dtype}


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file. Raises UserError where the file is missing, or is not a JSON object."""
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        if is_of_machine(error):
            raise
        found = None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UserError("damaged: not a JSON object", where=str(path))
    return found


def find_source(name: str, revision: str | None) -> Source | None:
    """The source of a model, or None where it is not on this machine: a plan may be made for another machine."""
    try:
        return Source.of(name, revision, allow_pickle=True)
    except UserError:
        return None


def why_not_here(source: Source, device: str) -> str | None:
    """The reason to run a sweep's fallback in place of this model on this device, or None.

    There are two: no CUDA or MPS device, or weights that are neither cached nor downloadable.
    """
    if source.name in bundled_names():
        return None
    if device == "cpu":
        return "there is no CUDA or MPS device to run it on"
    if source.on_hub and not reachable(source):
        return "its weights are neither cached nor downloadable"
    return None


def reachable(source: Source) -> bool:
    """Whether the model is in the hub's cache or can be downloaded. Raises UserError where the hub refuses the name.

    Downloads the small files that are read before the weights.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        with quiet_libraries("huggingface_hub"):  # it logs every failed attempt
            for name in ("model_index.json", "scheduler/scheduler_config.json"):
                hf_hub_download(source.place, name, revision=source.revision)
            for part in ("unet", "transformer", "vae"):  # they tell the native size; a model need not have all of them
                with suppress(EntryNotFoundError):
                    hf_hub_download(source.place, f"{part}/config.json", revision=source.revision)
    except HFValidationError as error:
        raise UserError(f"not a name of the hub's: {shorten(str(error))}", given=source.name) from None
    except (LocalEntryNotFoundError, OSError) as error:
        if isinstance(error, HfHubHTTPError) and not isinstance(error, LocalEntryNotFoundError):
            raise UserError(f"the hub refuses it: {shorten(str(error))}", given=source.name) from None
        return False
    return True
