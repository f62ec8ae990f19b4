"""README, CONTRIBUTING and docs/ are true: commands and Python blocks run, YAML blocks are valid, links lead somewhere.

A block with a title (```python title="mine.py") is a file; the page's commands find it under that name.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

import cfgsweep
from cfgsweep.cli import app
from cfgsweep.config.user_code import allow_code
from cfgsweep.guidance import GUIDERS
from cfgsweep.guidance.schedules import SCHEDULES, Cosine
from cfgsweep.metrics.base import METRICS
from cfgsweep.metrics.distances import DISTANCES
from cfgsweep.samplers import SAMPLERS
from cfgsweep.storage.drawings import is_any_drawing
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.training.config import TrainingFile
from cfgsweep.training.tasks import class_to_image, text_to_image
from tests.support.foreign_pictures import A1111, picture_with
from tests.support.shapes import write_shapes

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = {file.relative_to(ROOT).as_posix(): file.read_text() for file in FILES}
TEXT = "\n".join(PAGES.values())
LINKED = {**PAGES, "CHANGELOG.md": (ROOT / "CHANGELOG.md").read_text()}

BLOCK = re.compile(r'^```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMANDS = {page: re.findall(r"^ {4}cfgsweep (.+)$", BLOCK.sub("", text), re.MULTILINE) for page, text in PAGES.items()}
BLOCKS = [(page, *found) for page, text in PAGES.items() for found in BLOCK.findall(text)]
PIPELINE = 'from tests.support import modular_pipelines\n\npipeline = modular_pipelines.build("sdxl")\n'
BEFORE = {"docs/guiders.md": PIPELINE}  # what a page's Python blocks take as given


def pages_with(language: str) -> list[str]:
    return sorted({page for page, kind, title, _ in BLOCKS if kind == language and not title})


def write_files(page: str, folder: Path) -> None:
    """The files that a page shows, and the project's own sweep files."""
    (folder / "configs").symlink_to(ROOT / "configs")
    for where, _, title, text in BLOCKS:
        if where == page and title:
            (folder / title).write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page, commands in COMMANDS.items() if commands])
def test_every_command_runs(page: str, cli, small_training: dict, tmp_path: Path, monkeypatch) -> None:
    """In the order of the page, in a folder of its own."""
    write_files(page, tmp_path)
    write_shapes(tmp_path / "shapes")  # the pictures of docs/training.md
    write_shapes(tmp_path / "data")  # the reference pictures of docs/metrics.md
    picture_with(tmp_path / "picture.png", parameters=A1111)
    monkeypatch.chdir(tmp_path)
    for task in (class_to_image, text_to_image):
        monkeypatch.setattr(task, "SAMPLE_STEPS", 2)  # of the sheets of samples, which no setting makes smaller
    for command in COMMANDS[page]:
        words = shlex.split(command, comments=True)
        smaller = [word for setting in made_small(words, small_training) for word in ("--set", setting)]
        assert cli(*words, *smaller).code == 0, command


def made_small(words: list[str], small_training: dict) -> list[str]:
    """Settings with which the same command takes seconds."""
    match words:
        case ["train", *_, "configs/train/emoji.yaml"]:
            return [
                f"{key}={json.dumps(small_training[key])}"
                for key in ("data", "autoencoder", "text_encoder", "denoiser")
            ]
        case ["train", *_, "configs/train/emoji-scorer.yaml"]:
            return [f"data={json.dumps(small_training['data'])}", "scorer.recipe.steps=2"]
        case ["train", *_, "configs/train/digits.yaml"]:
            networks = ["denoiser.channels=[8, 16]", "denoiser.groups=4", "classifier.channels=[8, 16]"]
            return ["denoiser.recipe.steps=3", "classifier.recipe.steps=3", *networks]
        case ["train", *_]:
            return ["denoiser.recipe.steps=3", "denoiser.recipe.batch=4"]
        case ["phase", *_]:
            return ["steps=3", "phase.scan=9"]
        case ["run", "configs/uturn.yaml", *_]:
            return ["steps=4", "seed={range: [0, 9, 1]}", "start={noise: [0, 0.5, 1]}"]
        case ["run", "configs/fair-digits.yaml", *_]:
            return ["steps=2", "seed=1", "guider=[cfg, apg]"]
        case ["run", "configs/fair.yaml", *_]:
            return ["steps=2", "seed=1", "guider=[cfg, apg]", "prompt=[a cat, a car]"]
        case ["run", "configs/scales.yaml", *_]:
            return ["steps=4"]
        case ["run", "configs/windows.yaml" | "windows", *_]:
            return ["steps=10"]
        case ["run", "tnorm", *_]:
            return ["steps=4"]
        case ["run", "fair.yaml"]:
            return ["steps=4"]
    return []


def test_every_command_there_is_is_shown() -> None:
    there = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    assert {shown.split()[0] for commands in COMMANDS.values() for shown in commands} == there


@pytest.mark.slow
@pytest.mark.parametrize("page", pages_with("python"))
def test_the_python_blocks_run(page: str, tmp_path: Path) -> None:
    """In a process of their own, one after the other."""
    write_files(page, tmp_path)
    blocks = [text for where, kind, title, text in BLOCKS if where == page and kind == "python" and not title]
    code = BEFORE.get(page, "") + "\n".join(blocks)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


YAML_BLOCKS = [pytest.param(page, text, id=page) for page, kind, _, text in BLOCKS if kind == "yaml"]


@pytest.mark.parametrize(("page", "text"), YAML_BLOCKS)
def test_the_yaml_blocks_are_valid(page: str, text: str, sweep_file, tmp_path: Path, monkeypatch) -> None:
    """A training file, a sweep file, or some keys of one."""
    write_files(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    given = yaml.safe_load(text)
    for name in re.findall(r"[\w-]+\.(?:png|jpg)", text):
        Image.new("RGB", (8, 8), "white").save(name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes() + name.encode())  # no two with the same bytes
    if "condition" in given:
        TrainingFile.model_validate(given)
        return
    rest = {"name": "x", "guider": "cfg", **({"model": "digits"} if "label" in given else {"model": "emoji"})}
    rest |= {} if "label" in given else {"prompt": "a"}
    assert given.keys() <= Sweep.model_fields.keys()
    with allow_code():
        assert expand(*read_sweep(sweep_file(yaml.safe_dump({**rest, **given}))))


@pytest.mark.parametrize(("page", "text"), [(page, text) for page, kind, _, text in BLOCKS if kind == "yml"])
def test_files_of_other_programs_are_whole(page: str, text: str) -> None:
    """Their volumes are there, and the commands in them are commands of this version."""
    documents = list(yaml.safe_load_all(text))
    claims = {one["metadata"]["name"] for one in documents if one.get("kind") == "PersistentVolumeClaim"}
    for found in documents:
        for pod in pods_of(found):
            volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
            assert {volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values()} <= claims
            assert all(mount["name"] in volumes for one in pod["containers"] for mount in one.get("volumeMounts", ()))


def pods_of(tree: object) -> list[dict]:
    """What has containers, at any depth."""
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    found = [pod for each in inner for pod in pods_of(each)]
    return [*found, tree] if isinstance(tree, dict) and "containers" in tree else found


OPTIONS = re.compile(r"cfgsweep (\w+)([^#;&|\n']*)")


@pytest.mark.parametrize("page", ["docs/clusters.md", "docs/shards.md"])
def test_commands_of_clusters_have_options_that_there_are(page: str, cli) -> None:
    """They are not run here."""
    blocks = [text for where, kind, _, text in BLOCKS if where == page and kind in ("bash", "yml")]
    found = [(command, rest) for text in blocks for command, rest in OPTIONS.findall(text)]
    assert found
    for command, rest in found:
        said = cli(command, "--help").out
        assert all(option in said for option in re.findall(r"--[\w-]+", rest)), (command, rest)


def test_the_plan_it_shows_is_the_plan(cli, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.findall(r"^ {4}\$ cfgsweep (plan .+)\n((?: {4}.+\n)+)", TEXT, re.MULTILINE)
    assert shown
    for command, lines in shown:
        printed = cli(*shlex.split(command)).out
        assert printed == "".join(line[4:] + "\n" for line in lines.splitlines())


def test_its_pictures_are_there_with_their_runs(cli) -> None:
    """And the runs are whole: every experiment of their file is recognised."""
    pictures = [
        (ROOT / page).parent / place
        for page, text in PAGES.items()
        for place in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    ]
    shown = {picture.resolve() for picture in pictures}
    figures = {*ROOT.glob("docs/figures/*.png")}  # of runs that are too large to be kept
    gallery = {*ROOT.glob("outputs/gallery/*/grids/*.png"), *ROOT.glob("outputs/gallery/*/phase.png")}
    screenshots = {*ROOT.glob("docs/figures/page*.webp")}  # of pages in the gallery, by scripts/build_page_pictures.py
    assert shown == gallery | figures | screenshots
    assert all(is_any_drawing(figure) and figure.stat().st_size < 100_000 for figure in figures)
    for picture in sorted(gallery):
        run = next(folder for folder in picture.parents if (folder / "sweep.yaml").is_file())
        searched = (run / "phase.json").is_file()  # its values are in no file but the run's own
        file = run / "sweep.yaml" if searched else ROOT / f"configs/{run.name}.yaml"
        planned = cli("plan", file, "--out", run, "--json")
        assert json.loads(planned.out)["pending"] == 0


@pytest.mark.parametrize("page", LINKED)
def test_its_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", LINKED[page]):
        if link.startswith("https://"):
            continue
        place, _, heading = link.partition("#")
        file = (ROOT / page).parent / place if place else ROOT / page
        assert file.exists(), link
        assert not heading or heading in headings(file.read_text()), link


STEPS = re.findall(r"^\d+\. `([\w/]+\.py)`: (.+(?:\n {3,}.+)*)", PAGES["CONTRIBUTING.md"], re.MULTILINE)


@pytest.mark.parametrize(("file", "text"), STEPS)
def test_the_way_of_one_experiment_is_in_the_code(file: str, text: str) -> None:
    """Every step's file has the names that the step mentions, and the other files that it mentions exist."""
    code = (ROOT / "cfgsweep" / file).read_text()
    for name in re.findall(r"`([^`]+)`", text):
        if name.endswith(".py"):
            assert (ROOT / "cfgsweep" / name).is_file(), name
        else:
            assert re.search(rf"\b{re.escape(name)}\b", code), name


def headings(text: str) -> list[str]:
    """As GitHub's anchors."""
    return [
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    ]


def test_the_guiders_it_shows_are_valid(sweep_file) -> None:
    (shown,) = [text for _, kind, _, text in BLOCKS if kind == "yaml" and "diffusers." in text]
    assert len(expand(*read_sweep(sweep_file(f"name: x\nmodel: emoji\nprompt: a\n{shown}")))) == 2 + 2 + 1 + 5 + 1


def test_its_sweep_file_is_the_shipped_one() -> None:
    (block,) = [text for _, kind, _, text in BLOCKS if kind == "yaml" and text.startswith("name: tnorm")]
    assert yaml.safe_load(block) == yaml.safe_load((ROOT / "configs/tnorm.yaml").read_text())


def test_the_keys_of_a_sweep_file_are_all_explained() -> None:
    for key in Sweep.model_fields:
        assert f"`{key}`" in PAGES["docs/sweep-file.md"], key
    for name, field in TrainingFile.model_fields.items():
        assert f"`{field.alias or name}`" in PAGES["docs/training.md"], name


def test_the_public_names_are_all_explained() -> None:
    for name in cfgsweep.__all__:
        assert re.search(rf"\b{name}\b", PAGES["docs/python-api.md"]), name


PARAMETERS = ["k_decay", "num_warmup_steps", "min_val"]


@pytest.mark.parametrize("names", [GUIDERS, SCHEDULES, SAMPLERS, METRICS, DISTANCES, PARAMETERS])
def test_everything_there_is_is_named(names) -> None:
    for name in names:
        assert f"`{name}`" in TEXT
    assert set(PARAMETERS) <= Cosine.model_fields.keys()
