"""Run folders with damaged files, files of other programs, and files that never end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import cfgsweep
from cfgsweep.errors import RunFailed
from cfgsweep.execution.options import Options
from cfgsweep.execution.session import RunSession
from cfgsweep.storage.png import hash_of_file, own_record, record_in
from cfgsweep.storage.run_folder import RunFolder
from cfgsweep.system.display import SilentDisplay
from cfgsweep.system.files import is_left_behind, open_atomic
from tests.support.commands import command, finish_here, started, wait_for
from tests.support.hostile_files import POSTSCRIPT, bomb, grey16, with_chunk
from tests.support.run_state import records_of, state_of
from tests.support.trainings import label_training

SWEEP = "name: s\nmodel: {model}\nlabel: [0, 1]\nsteps: 2\nguider: cfg\nvalue: [1, 3]\n"
CHUNKS_THAT_BREAK_PILLOW = [
    *((b"iCCP", bytes(size)) for size in range(4)),  # IndexError for the first two
    *((kind, bytes(size)) for kind in (b"IHDR", b"PLTE", b"gAMA", b"pHYs", b"acTL", b"fcTL") for size in (0, 1)),
    (b"zTXt", b"a\0\1"),
]


@pytest.fixture(scope="module")
def sound(labelled: Path, tmp_path_factory) -> Path:
    """A folder with a finished run `r` and its sweep file `s.yaml`."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "s.yaml").write_text(SWEEP.format(model=labelled))
    finish_here("run", folder / "s.yaml", "--out", folder / "r", "--quiet")
    return folder


@pytest.fixture
def run(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound / "r", tmp_path / "r"))


def first_picture(run: Path) -> Path:
    return run / "images" / f"{records_of(run)[0]['id']}.png"


@pytest.mark.parametrize(
    "ruin",
    [
        bomb,
        lambda path: path.write_bytes(POSTSCRIPT),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.mkdir()),
        with_chunk(b"iCCP", b"", -12),
        lambda path: Image.new("RGB", (16, 8)).save(path),  # of another size
    ],
)
def test_damaged_pictures_are_found_and_made_again(
    cli, sound: Path, run: Path, ghostscript: Path, ruin: Callable[[Path], object]
) -> None:
    picture = first_picture(run)
    ruin(picture)
    bomb(run / "images/other.png")
    (run / "grids/s.png").unlink()
    bomb(run / "grids/s.png")
    found = cli("verify", run)
    assert found.code == 1
    assert f"{picture.stem}: its picture is damaged" in found.out
    assert cli("plan", sound / "s.yaml", "--out", run).code == 0
    assert cli("grid", run).code == 0
    if picture.is_dir():
        picture.rmdir()  # a folder is not ours to remove
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    (run / "images/other.png").unlink()
    assert state_of(run) == state_of(sound / "r")
    assert not ghostscript.exists()


def test_no_chunk_of_a_picture_makes_an_exception(run: Path) -> None:
    """Pillow raises IndexError for a short iCCP, ValueError, SyntaxError and others for others."""
    for (kind, content), at in itertools.product(CHUNKS_THAT_BREAK_PILLOW, (33, -12)):
        picture = Path(shutil.copy(first_picture(run), run / "odd.png"))
        with_chunk(kind, content, at)(picture)
        for look in (hash_of_file, record_in, own_record):
            look(picture)


def test_records_are_read_without_the_pixels(run: Path) -> None:
    """Also behind them, where other programs put them: a huge picture that somebody put there takes no memory."""
    picture = first_picture(run)
    expected, whole = own_record(picture), picture.read_bytes()
    assert expected is not None
    picture.write_bytes(picture.read_bytes()[:-30])
    assert record_in(picture) == expected, "it is in front of the damage"
    picture.write_bytes(whole)
    Image.open(picture).save(picture)  # without the record
    assert record_in(picture) is None
    with_chunk(b"iTXt", b"cfgsweep\0\0\0\0\0" + expected.line().encode(), -12)(picture)
    assert own_record(picture) == expected
    content = picture.read_bytes()
    at = content.index(b"IDAT") + 4
    picture.write_bytes(content[:at] + bytes(16) + content[at + 16 :])
    assert (record_in(picture), own_record(picture)) == (expected, None)


def test_pixels_that_pillow_does_not_convert_are_damage(run: Path) -> None:
    grey16(first_picture(run))
    assert not RunFolder(run).is_whole(next(iter(RunFolder(run).records().values())))
    grey16(run / "images/mine.png")
    assert own_record(run / "images/mine.png") is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "[" * 100_000,
        '{"id": "../../evil", "status": "failed", "reason": "x"}',
        '{"id": "%s", "status": "done"}' % ("0" * 16),
        '{"id": "0000000000000000", "status": "failed", "reason": 3}',
        '{"id": "a\\ud800", "status": "failed", "reason": "x"}',
        '{"id": "%s", "status": "done"}' % ("a" * 5000),
        "\x00\xff",
    ],
)
def test_lines_that_are_no_records_are_passed_over(cli, sound: Path, run: Path, line: str) -> None:
    with open(run / "experiments.jsonl", "a") as file:
        file.write(line + "\n")
    found = cli("verify", run)
    assert found.code == 1
    assert "line 5: no whole record" in found.out
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert cli("phase", run, "--out", run.with_name("p"), "--low", 1, "--high", 3, "--scan", 5).code == 0
    assert state_of(run) == state_of(sound / "r")


@pytest.mark.parametrize("model", ["x" * 300, "a/" + "b" * 300, "a\0b", ""])
def test_a_record_of_a_model_that_cannot_be_ends_no_command(cli, sound: Path, run: Path, model: str) -> None:
    odd = {**records_of(run)[0], "id": "0" * 16, "model": model}
    with open(run / "experiments.jsonl", "a") as file:
        file.write(json.dumps(odd) + "\n")
    assert "a record without its picture" in cli("verify", run).out
    for command_of_run in ("plan", "run"):
        assert cli(command_of_run, sound / "s.yaml", "--out", run).code == 0
    assert cli("grid", run).code == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../evil"},
        {"id": "/tmp/evil"},
        {"pixels_sha256": None},
        {"status": 3},
        {"batch_size": "x"},
        {"model": None},
        {"metrics": 3},
        {"metrics": {"contrast": "x"}},
        {"steps": None},
        {"prompt": 3},
    ],
)
def test_a_record_with_wrong_types_is_restored_from_its_picture(
    cli, sound: Path, run: Path, change: dict[str, Any]
) -> None:
    lines = [json.dumps(record | change if n == 0 else record) for n, record in enumerate(records_of(run))]
    (run / "experiments.jsonl").write_text("\n".join(lines) + "\n")
    (run / "environment.json").unlink()
    assert cli("verify", run).code == 1
    before = set(run.parent.rglob("*.png"))
    phase = ("phase", run, "--out", run.parent / "a/b/p", "--low", 1, "--high", 3, "--scan", 5)
    assert cli(*phase).code == 0
    outside = {path for path in run.parent.rglob("*.png") if run.parent / "a/b/p" not in path.parents}
    assert outside == before, "written outside of the output folder"
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert state_of(run)[0] == state_of(sound / "r")[0]


@pytest.mark.parametrize("rows", ['"8"', "0", "-1", "8.0", "1000000000", "true", "null"])
def test_an_invalid_batch_size_is_taken_from_the_records(cli, sound: Path, run: Path, rows: str) -> None:
    text = (run / "environment.json").read_text()
    shape = records_of(run)[0]["batch_size"]
    assert f'"8x8": {shape}' in text
    (run / "environment.json").write_text(text.replace(f'"8x8": {shape}', f'"8x8": {rows}'))
    first_picture(run).unlink()
    assert "environment.json: not whole" in cli("verify", run).out
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert state_of(run) == state_of(sound / "r")


@pytest.mark.parametrize("name", ["environment.json", "experiments.jsonl", "sweep.yaml"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_pipes_and_folders_in_the_place_of_files_are_refused(
    cli, sound: Path, run: Path, name: str, make: Callable
) -> None:
    (run / name).unlink()
    make(run / name)
    for words in (("verify", run), ("grid", run), ("run", sound / "s.yaml", "--out", run)):
        refused = cli(*words)
        assert refused.code == 2
        assert name in refused.err


def test_grids_are_not_drawn_or_removed_through_a_link(cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    for name in ("s.png", "s-2.png"):
        (tmp_path / "own" / name).write_text("precious")
    shutil.rmtree(run / "grids")
    (run / "grids").symlink_to(tmp_path / "own")
    refused = cli("grid", run)
    assert refused.code == 2
    assert "a link" in refused.err
    assert [path.read_text() for path in (tmp_path / "own").iterdir()] == ["precious"] * 2


def test_a_folder_with_a_users_sweep_file_is_not_a_run(cli, sound: Path, tmp_path: Path) -> None:
    """A run would overwrite the file, and its comments would be lost."""
    (tmp_path / "own").mkdir()
    own = tmp_path / "own/sweep.yaml"
    own.write_text("# mine\n" + (sound / "s.yaml").read_text())
    refused = cli("run", own, "--out", own.parent)
    assert refused.code == 2
    assert "something else here already" in refused.err
    assert own.read_text().startswith("# mine")


FOREIGN: list[dict[str, str]] = [
    {"sweep.yaml": "# mine", "images/cat.jpg": "mine"},
    {"sweep.yaml": "# mine", "images/.keep": ""},
    {"sweep.yaml": "# mine", "environment.json": '{"name": "mine"}', "experiments.jsonl": '{"id": 1}', "images/a": ""},
    {"experiments.jsonl": '{"id": "mine", "status": "done"}'},
    {"images/cat.jpg": "mine"},
    {"grids/cat.png": "mine"},
    {"phase.json": "{}"},
    {"images": "a file"},
]


@pytest.mark.parametrize("files", FOREIGN)
@pytest.mark.parametrize("words", [["run"], ["phase", "--low", 1, "--high", 3, "--scan", 5]])
def test_a_users_folder_is_not_a_run_whatever_its_names(
    cli, sound: Path, tmp_path: Path, files: dict[str, str], words: list
) -> None:
    own = tmp_path / "own"
    for name, text in files.items():
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(text)
    refused = cli(words[0], sound / "s.yaml", *words[1:], "--out", own)
    assert refused.code == 2
    assert "something else here already" in refused.err
    assert {str(p.relative_to(own)): p.read_text() for p in own.rglob("*") if p.is_file()} == files


@pytest.mark.parametrize("kept", ["environment.json", "experiments.jsonl", "images", "nothing"])
def test_a_run_is_known_by_any_one_thing_that_a_run_wrote(cli, sound: Path, run: Path, kept: str) -> None:
    for name in {"environment.json", "experiments.jsonl", "images"} - {kept}:
        shutil.rmtree(run / name) if name == "images" else (run / name).unlink()
    if kept == "nothing":
        shutil.rmtree(run / "grids")
    done = cli("run", sound / "s.yaml", "--out", run)
    assert done.code == (2 if kept == "nothing" else 0)
    if done.code == 0:
        assert state_of(run) == state_of(sound / "r")


@pytest.mark.slow
def test_a_run_that_is_killed_before_its_first_picture_is_known(sound: Path, tmp_path: Path) -> None:
    """Killed at its second and third rename: the same command goes on from each."""
    script = (
        "import os, sys\n"
        "from cfgsweep.cli import run_command\n"
        "left, replace = int(sys.argv.pop(1)), os.replace\n"
        "def counted(*given):\n"
        "    global left\n"
        "    replace(*given)\n"
        "    left -= 1\n"
        "    if not left:\n        os._exit(9)\n"
        "os.replace = counted\n"
        "sys.exit(run_command(sys.argv[1:]))\n"
    )
    words = ["run", str(sound / "s.yaml"), "--quiet", "--out", str(tmp_path / "r")]
    for renames in (2, 3):
        done = subprocess.run([sys.executable, "-c", script, str(renames), *words], capture_output=True, text=True)
        assert done.returncode == 9, done.stderr
    subprocess.run(command(*words), check=True)
    assert state_of(tmp_path / "r") == state_of(sound / "r")


def test_finished_pictures_are_not_overwritten_by_drawings(cli, run: Path) -> None:
    before = state_of(run)
    for words in (("grid", run, "--out"), ("schedules", "--plot")):
        refused = cli(*words, first_picture(run))
        assert refused.code == 2
        assert "a finished picture of a run" in refused.err
    assert state_of(run) == before


def test_temporary_files_of_a_running_command_are_kept(cli, sound: Path, run: Path) -> None:
    """`grid` holds no lock, so a run must not remove the file that it is writing."""
    with open_atomic(run / "grids/s.png") as file:
        (writing,) = (run / "grids").glob(".*.tmp")
        (run / "images/.a.999999999.tmp").mkdir()
        assert cli("run", sound / "s.yaml", "--out", run).code == 0
        assert writing.exists()
        Image.new("RGB", (8, 8)).save(file, "PNG")
    assert Image.open(run / "grids/s.png").size == (8, 8)


IN_ITS_OWN_NAMES_OF_PROCESSES = "unshare -Urpf --mount-proc sh -c '{command}'"


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-Urpf", "--mount-proc", "true"], capture_output=True).returncode != 0,
    reason="no process namespace may be made here",
)
def test_a_run_in_another_process_namespace_keeps_a_live_temporary_file(sound: Path, run: Path) -> None:
    """As in another container, or on another machine that shares the folder: its process table is another one."""
    words = " ".join(command("run", sound / "s.yaml", "--out", run, "--quiet"))
    with open_atomic(run / "images/x.png"):
        (writing,) = (run / "images").glob(".*.tmp")
        subprocess.run(["sh", "-c", IN_ITS_OWN_NAMES_OF_PROCESSES.format(command=words)], check=True)
        assert writing.exists()
        assert not is_left_behind(writing)


@pytest.mark.slow
def test_moving_a_folder_during_a_run_ends_the_run(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SWEEP.format(model=labelled).replace("steps: 2", "steps: 900\nseed: [1, 2, 3]"))
    process = started("run", tmp_path / "s.yaml", "--out", tmp_path / "r", "--quiet")
    wait_for(lambda: list((tmp_path / "r").glob("images/*.png")), process)
    (tmp_path / "r").rename(tmp_path / "moved")
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "the folder is gone" in said


def test_a_folder_that_was_moved_is_gone_also_where_thumbnails_made_it_anew(tmp_path: Path) -> None:
    sweep = cfgsweep.Sweep(name="m", model="digits", label=1, guider="cfg", value=2.0)
    session = RunSession.begin(sweep, tmp_path / "r", Options(), SilentDisplay())

    def work() -> None:
        with session.at_work():
            (tmp_path / "r").rename(tmp_path / "moved")
            (tmp_path / "r/page/thumbs").mkdir(parents=True)
            (tmp_path / "r/images/a.png").write_bytes(b"")

    with pytest.raises(RunFailed, match="the folder is gone"):
        work()


def test_hidden_files_that_are_not_ours_are_kept(cli, sound: Path, run: Path) -> None:
    (run / "images/.mine.tmp").write_text("mine")
    assert cli("run", sound / "s.yaml", "--out", run).code == 0
    assert (run / "images/.mine.tmp").exists()


def test_control_characters_in_reasons_do_not_reach_the_terminal(cli, run: Path) -> None:
    line = {"id": "0" * 16, "status": "failed", "reason": "\x1b]0;pwned\x07\x1b[2J"}
    with open(run / "experiments.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    said = cli("verify", run).out
    assert "pwned" in said
    assert "\x1b" not in said


@pytest.mark.parametrize("place", ["file/x", "file", "L" * 300, "loop", "/dev/null"])
@pytest.mark.parametrize("words", [["run", "s.yaml"], ["train", "t.yaml"]])
def test_output_folders_that_cannot_be_made_are_refused(
    cli, sound: Path, tmp_path: Path, words: list[str], place: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    shutil.copy(sound / "s.yaml", tmp_path)
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(label_training()))
    refused = cli(words[0], tmp_path / words[1], "--out", tmp_path / place)
    assert refused.code == 2
    assert place in refused.err or str(tmp_path / place) in refused.err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["folder.png", "file/x.png", f"{'L' * 300}.png"])
def test_output_files_that_cannot_be_written_are_refused(cli, run: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("mine")
    for words in (("grid", run, "--out"), ("schedules", "--plot"), ("schedules", "constant", "--plot")):
        refused = cli(*words, tmp_path / place)
        assert refused.code == 2
        assert "error: " in refused.err


def test_an_endless_sweep_file_is_refused(cli) -> None:
    refused = cli("plan", "/dev/zero")
    assert refused.code == 2
    assert "too large" in refused.err


def test_output_to_ascii_terminals_and_closed_streams(sound: Path) -> None:
    ascii_alone = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = subprocess.run(command("guiders", "cfg"), capture_output=True, env=ascii_alone)
    assert told.returncode == 0
    line = " ".join(command("run", sound / "s.yaml", "--out", sound / "r"))
    closed = subprocess.run(["sh", "-c", f"{line} >&-"], capture_output=True, text=True)
    assert closed.returncode == 0, closed.stderr
