"""`task`, `image`, `mask` and `strength` in sweep files: paths, ids, sizes, steps, titles, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from cfgsweep.engine.cost import cost
from cfgsweep.errors import UserError
from cfgsweep.execution.job import pictures_of
from cfgsweep.samplers import FromPicture, PictureFile
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from tests.support.from_pictures import write_pictures

BASE = {"name": "s", "model": "emoji", "prompt": "a cat", "guider": "cfg", "steps": 10}
TO_IMAGE = {**BASE, "task": "image-to-image", "image": "a.png"}
INPAINT = {**BASE, "task": "inpainting", "image": "a.png", "mask": "m.png"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pictures(tmp_path)
    return tmp_path


def experiments(folder: Path, **settings: Any) -> list[Experiment]:
    (folder / "s.yaml").write_text(yaml.safe_dump(settings))
    return expand(*read_sweep(folder / "s.yaml"))


def test_paths_are_from_the_folder_of_the_sweep_file(folder: Path) -> None:
    (e,) = experiments(folder, **TO_IMAGE)
    assert e.image is not None
    assert e.image.path == str(folder / "a.png")
    assert pictures_of(e)["input_image"] == {"path": e.image.path, "sha256": e.image.sha256}
    assert (e.strength, e.size, e.performed_steps) == (0.8, (32, 32), 8)
    (masked,) = experiments(folder, **INPAINT)
    assert (masked.strength, masked.performed_steps) == (1.0, 10)


def test_from_python_paths_are_from_the_working_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (e,) = expand(Sweep(**{**TO_IMAGE, "image": Path("a.png")}))
    assert e.id == experiments(folder, **TO_IMAGE)[0].id
    assert as_written(Sweep(**TO_IMAGE))["image"] == "a.png"


def test_ids_hash_the_bytes_of_pictures(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    (own,), (copied,), (other,) = (
        experiments(folder, **{**TO_IMAGE, "image": name}) for name in ("a.png", "copy.png", "b.png")
    )
    assert own == copied
    assert own.id == copied.id != other.id
    (folder / "a.png").write_bytes((folder / "b.png").read_bytes())
    assert experiments(folder, **TO_IMAGE)[0].id == other.id
    ids = {experiments(folder, **given)[0].id for given in (TO_IMAGE, {**TO_IMAGE, "strength": 0.5}, INPAINT, BASE)}
    assert len(ids) == 4


def test_the_task_of_old_sweeps_changes_no_id_and_no_file(folder: Path) -> None:
    (old,), (new,) = experiments(folder, **BASE), experiments(folder, **BASE, task="text-to-image")
    assert old.id == new.id
    assert pictures_of(new) == {}
    assert "task" not in as_written(Sweep(**BASE, task="text-to-image"))


@pytest.mark.parametrize(
    ("steps", "strength", "rounds_up", "performed"),
    [(10, 0.3, False, 3), (10, 0.55, False, 5), (10, 0.55, True, 6), (50, 0.01, False, 0), (50, 0.01, True, 1)],
)
def test_steps_at_a_strength(steps: int, strength: float, rounds_up: bool, performed: int) -> None:
    picture = PictureFile("0", None, (8, 8))
    assert FromPicture(picture, strength, rounds_up=rounds_up).performed_steps(steps) == performed


def test_the_plan_counts_the_steps_that_are_taken(folder: Path) -> None:
    some = experiments(folder, **{**TO_IMAGE, "strength": [0.3, 1.0], "image": ["a.png", "b.png"]})
    assert cost(some).evaluations == 2 * 2 * (3 + 10)
    (heun,) = experiments(folder, **{**TO_IMAGE, "strength": 0.3, "sampler": "heun"})
    assert cost([heun]).evaluations == 2 * (2 * 3 - 1)
    (pndm,) = experiments(folder, **{**TO_IMAGE, "strength": 0.3, "sampler": "pndm"})
    assert cost([pndm]).evaluations == 2 * (3 + 1)


def test_noise_intervals_are_of_the_steps_that_are_taken(folder: Path) -> None:
    guider = {"cfg": {"sigma": [0.0, 1.0]}}
    (whole,), (part,) = (experiments(folder, **{**TO_IMAGE, "guider": guider, "strength": s}) for s in (1.0, 0.5))
    assert len(whole.noise_levels) == 10
    assert part.noise_levels == whole.noise_levels[-5:]


def test_the_size_is_the_pictures_own_or_the_given_one(folder: Path) -> None:
    Image.new("RGB", (45, 30)).save(folder / "odd.png")
    found = experiments(folder, **{**TO_IMAGE, "image": ["odd.png", "a.png"]})
    assert [e.size for e in found] == [(40, 24), (32, 32)]
    (given,) = experiments(folder, **{**TO_IMAGE, "size": 64})
    assert given.size == (64, 64)


def test_titles_and_exclusions_have_the_names_of_files(folder: Path) -> None:
    axes = {"image": ["a.png", "b.png"], "strength": [0.3, 0.5]}
    some = experiments(folder, **{**TO_IMAGE, **axes})
    assert title(some[0], varying(some)) == "image a, strength 0.3"
    for wanted in ("b", "b.png", ["b"]):
        left = experiments(folder, **{**TO_IMAGE, **axes}, exclude={"image": wanted})
        assert [Path(str(e.image.path)).stem for e in left if e.image] == ["a", "a"]


BLACK = "black.png"
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({**BASE, "image": "a.png"}, "image", "nothing is done with it by text-to-image"),
    ({**BASE, "strength": 0.5}, "strength", "give task: image-to-image or task: inpainting"),
    ({**TO_IMAGE, "mask": "m.png"}, "mask", "give task: inpainting"),
    ({**BASE, "task": "image-to-image"}, "image", "is missing"),
    ({**BASE, "task": "inpainting", "image": "a.png"}, "mask", "is missing"),
    ({**BASE, "task": "inpaint"}, "task", "did you mean 'inpainting'"),
    ({**TO_IMAGE, "image": "none.png"}, "image.0", "no such picture file"),
    ({**TO_IMAGE, "image": 3}, "image.0", "not the path of a picture"),
    ({**TO_IMAGE, "image": []}, "image", "the axis is empty"),
    ({**TO_IMAGE, "image": ["a.png", "copy.png"]}, "image.1", "the same value twice"),
    ({**TO_IMAGE, "image": "s.yaml"}, "image.0", "not a picture of a kind that is read"),
    ({**INPAINT, "mask": BLACK}, "mask.0", "black everywhere"),
    ({**TO_IMAGE, "strength": 0}, "strength.0", "above 0"),
    ({**TO_IMAGE, "strength": [0.5, 1.5]}, "strength.1", "1 or less"),
    ({**TO_IMAGE, "strength": 0.05}, "strength", "no step is left at this strength"),
    ({**TO_IMAGE, "strength": 0.1, "sampler": "pndm"}, "strength", "pndm takes two steps at least"),
    ({**TO_IMAGE, "call": {"strength": 0.5}}, "call.strength", "strength is set by strength"),
    ({**TO_IMAGE, "model": "digits"}, "task", "models of labels have no image-to-image"),
    ({**TO_IMAGE, "prompt": None, "label": 1, "model": "digits"}, "task", "models of labels have no image-to-image"),
    ({**TO_IMAGE, "image": "tiny.png"}, "image.0", "smaller than 8 pixels"),
]


@pytest.mark.parametrize(("given", "key", "said"), REFUSED)
def test_what_is_refused_by_plan(cli, folder: Path, given: dict[str, Any], key: str, said: str) -> None:
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    Image.new("L", (32, 32), 100).save(folder / BLACK)
    Image.new("L", (32, 7)).save(folder / "tiny.png")
    (folder / "s.yaml").write_text(yaml.safe_dump({name: value for name, value in given.items() if value is not None}))
    refused = cli("plan", folder / "s.yaml", "--out", folder / "run")
    assert refused.code == 2
    assert f": {key}: " in refused.err
    assert said in refused.err
    assert "Traceback" not in refused.err


def test_editing_models_take_no_strength(cli, folder: Path) -> None:
    (folder / "model").mkdir()
    (folder / "model/model_index.json").write_text(json.dumps({"_class_name": "Flux2Pipeline"}))
    edited = {**TO_IMAGE, "model": str(folder / "model"), "sampler": "model"}
    (e,) = experiments(folder, **edited)
    assert (e.strength, e.performed_steps) == (None, 10)
    (folder / "s.yaml").write_text(yaml.safe_dump({**edited, "strength": 0.5}))
    refused = cli("plan", folder / "s.yaml")
    assert refused.code == 2
    assert "a Flux2Pipeline takes no strength" in refused.err


def test_pictures_of_one_name_have_their_folders_in_titles(folder: Path) -> None:
    for place, original in (("one", "a.png"), ("two", "b.png")):
        (folder / place).mkdir()
        (folder / place / "cat.png").write_bytes((folder / original).read_bytes())
    found = experiments(folder, **{**TO_IMAGE, "image": ["one/cat.png", "two/cat.png"]})
    titles = [title(e, varying(found)) for e in found]
    assert titles == ["image one/cat", "image two/cat"]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_no_picture(folder: Path, kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(folder / "a.png", kind, save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="an animation") as refused:
        experiments(folder, **TO_IMAGE)
    assert "2 frames" in str(refused.value)


def test_a_name_that_is_too_long_is_that_of_no_file(folder: Path) -> None:
    with pytest.raises(UserError, match="no such picture file"):
        experiments(folder, **{**TO_IMAGE, "image": "é" * 200 + ".png"})


def test_a_folder_is_no_picture(folder: Path) -> None:
    with pytest.raises(UserError, match="a folder, not a picture"):
        experiments(folder, **{**TO_IMAGE, "image": "."})
