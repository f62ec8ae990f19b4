"""Faults that are really caused: signals, locks, full disks, damaged files, NaN predictions, lack of memory."""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from cfgsweep.storage.png import hash_of_file
from cfgsweep.system.locks import held
from tests.support import tiny_models as tiny
from tests.support.commands import command, finish_here, started, wait_for
from tests.support.mounts import needs_mounts, unshared
from tests.support.run_state import records_of, state_of

SWEEP = """\
name: f
model: {model}
label: [0, 1, 2, 3]
seed: [1, 2]
steps: {steps}
guider: cfg
value: [1, 3]
"""


@pytest.fixture(scope="module")
def model_with_nan(saved) -> Path:
    """A model that has no finite prediction for label 2."""
    pipeline = tiny.labelled_unet()
    pipeline.unet.class_embedding.weight.data[2] = torch.nan
    return saved(pipeline)


@pytest.fixture
def file_of(sweep_file) -> Callable[..., Path]:
    return lambda model, steps=4: sweep_file(SWEEP.format(model=model, steps=steps))


@pytest.fixture(scope="module")
def undisturbed(labelled: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "sweep.yaml").write_text(SWEEP.format(model=labelled, steps=4))
    finish_here("run", folder / "sweep.yaml", "--out", folder / "r", "--quiet")
    return folder / "r"


@pytest.fixture
def copy(undisturbed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(undisturbed, tmp_path / "r"))


# Signals ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_keeps_finished_pictures_and_draws_the_grid(
    labelled: Path, tmp_path: Path, file_of, number: signal.Signals, code: int
) -> None:
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # though these tests were started by `nohup`
    process = started("run", file_of(labelled, steps=900), "--out", tmp_path / "r", "--quiet", preexec_fn=heard)
    wait_for(lambda: len(list((tmp_path / "r").glob("images/*.png"))) > 1, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert (tmp_path / "r/grids/f.png").is_file()
    records = records_of(tmp_path / "r")
    assert 0 < len(records) < 16
    pictures = {path.stem: hash_of_file(path) for path in (tmp_path / "r/images").glob("*.png")}
    assert {record["id"]: record["pixels_sha256"] for record in records} == pictures


def test_a_second_signal_ends_it_at_once(labelled: Path, tmp_path: Path) -> None:
    """The first signal waits for the end of an uninterrupted block; the second does not."""
    script = (
        "import time, cfgsweep.system.signals as i\n"
        "i.listen()\n"
        "with i.uninterrupted():\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "in\n"
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


# Clocks -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_survives_being_suspended(labelled: Path, undisturbed: Path, tmp_path: Path, file_of) -> None:
    process, run = started("run", file_of(labelled), "--out", tmp_path / "r", "--quiet"), tmp_path / "r"
    for there in (lambda: run.exists(), lambda: list(run.glob("images/*.png"))):
        wait_for(there, process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert state_of(run) == state_of(undisturbed)


def test_a_run_survives_a_clock_that_jumps(
    cli, labelled: Path, undisturbed: Path, tmp_path: Path, file_of, monkeypatch
) -> None:
    """The clock goes days forwards or backwards at every call, and files get such dates."""
    clock, rng, run = time.time, random.Random(0), tmp_path / "r"  # noqa: TID251 - the one that jumps
    monkeypatch.setattr(time, "time", lambda: clock() + 86400 * rng.randint(-3, 3))
    path = file_of(labelled)
    assert cli("run", path, "--out", run, "--limit", 8).code == 0
    for file in run.rglob("*"):
        os.utime(file, (clock() + 86400 * rng.randint(-3, 3),) * 2)
    assert cli("run", path, "--out", run).code == 0
    assert state_of(run) == state_of(undisturbed)
    assert cli("verify", run).code == 0


# Two processes in one folder ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [["run"], ["phase", "--search", "value", "--low", "0", "--high", "4", "--scan", "5"]])
def test_a_folder_in_which_another_process_works_is_refused(
    cli, labelled: Path, tmp_path: Path, file_of, words: list[str]
) -> None:
    (tmp_path / "r").mkdir()
    with held(tmp_path / "r", wait=False, say=print):
        refused = cli(words[0], file_of(labelled), *words[1:], "--out", tmp_path / "r")
    assert refused.code == 2
    for word in ("another command is at work", f"process {os.getpid()}", "--wait"):
        assert word in refused.err
    assert not list((tmp_path / "r").glob("experiments.jsonl"))


@pytest.mark.slow
def test_wait_continues_with_the_pictures_and_the_batch_size_of_the_other_process(
    cli, labelled: Path, tmp_path: Path, file_of
) -> None:
    """The pictures are not computed again, and the batch size is the one that the other process settled."""
    path, run, others = file_of(labelled), tmp_path / "r", tmp_path / "others"
    assert cli("run", path, "--out", others, "--batch-size", 3).code == 0
    drop_a_record(others)
    a_picture(others).unlink()
    run.mkdir()
    with held(run, wait=False, say=print):
        process = started("run", path, "--out", run, "--wait")
        assert process.stderr
        line = process.stderr.readline()
        while line and "waiting for process" not in line:
            line = process.stderr.readline()
        assert line
        shutil.copytree(others, run, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock*"))
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "15 of 16 pictures were there already" in said
    assert [record["batch_size"] for record in records_of(run)] == [3] * 16


def test_the_lock_of_a_dead_process_does_not_count(cli, labelled: Path, tmp_path: Path, file_of) -> None:
    (tmp_path / "r").mkdir()
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom cfgsweep.system.locks import held\n"
        "with held(Path(sys.argv[1]), False, print):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path / "r"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.wait()
    assert cli("run", file_of(labelled), "--out", tmp_path / "r").code == 0


# No space, no permission --------------------------------------------------------------------------------------------


def limited(kind: int, amount: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (amount, amount))


@pytest.mark.slow
def test_a_limit_on_the_size_of_files(labelled: Path, undisturbed: Path, tmp_path: Path, file_of) -> None:
    path, run = file_of(labelled), tmp_path / "r"
    process = started("run", path, "--out", run, "--quiet", preexec_fn=limited(resource.RLIMIT_FSIZE, 4000))
    _, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "experiments.jsonl" in said
    assert "File too large" in said
    assert "Traceback" not in said
    done = len(records_of_whole_lines(run))
    assert 0 < done < 16
    finish_here("run", path, "--out", run, "--quiet")
    assert state_of(run) == state_of(undisturbed)


def records_of_whole_lines(run: Path) -> list[dict]:
    lines = (run / "experiments.jsonl").read_text().split("\n")
    return [json.loads(line) for line in lines[:-1]]


IN_A_SMALL_DISK = "mount -t tmpfs -o size={size} tmpfs {at}; {command}; code=$?; cp -a {at}/. {kept}/; exit $code"


@pytest.mark.slow
@needs_mounts
def test_a_full_disk(labelled: Path, undisturbed: Path, tmp_path: Path, file_of) -> None:
    path, run, at = file_of(labelled), tmp_path / "r", tmp_path / "disk"
    run.mkdir()
    at.mkdir()
    words = " ".join(command("run", path, "--out", at, "--quiet"))
    full = unshared(IN_A_SMALL_DISK.format(size="64k", at=at, kept=run, command=words))
    assert full.returncode == 1, full.stderr
    assert "No space left on device" in full.stderr
    assert "the same command goes on" in full.stderr
    assert 0 < len(list(run.glob("images/*.png"))) < 16
    finish_here("run", path, "--out", run, "--quiet")
    assert state_of(run) == state_of(undisturbed)


@needs_mounts
def test_a_read_only_folder(labelled: Path, tmp_path: Path, file_of, copy: Path) -> None:
    before = state_of(copy)
    words = " ".join(command("run", file_of(labelled), "--out", copy, "--quiet", "--set", "seed=[1,2,3]"))
    refused = unshared(f"mount --bind {copy} {copy} && mount -o remount,ro,bind {copy} && {words}")
    assert refused.returncode == 1, refused.stderr
    assert "Read-only file system" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert state_of(copy) == before


@pytest.mark.slow
def test_too_many_open_files(labelled: Path, tmp_path: Path, file_of) -> None:
    script = (
        "import sys, os, resource\nfrom cfgsweep import cli\n"
        "import cfgsweep.execution.run_sweep, cfgsweep.models.families.class_conditional\n"
        "from cfgsweep.storage.run_folder import RunFolder\n"
        "save = RunFolder.save\n"
        "def starved(*given):\n"
        "    used = len(os.listdir('/proc/self/fd'))\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "    return save(*given)\n"
        "RunFolder.save = starved\n"
        "sys.exit(cli.run_command(sys.argv[1:]))\n"
    )
    words = ["run", file_of(labelled), "--out", tmp_path / "r", "--quiet"]
    done = subprocess.run([sys.executable, "-c", script, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "Too many open files" in done.stderr
    assert "Traceback" not in done.stderr


# Damage -------------------------------------------------------------------------------------------------------------


def a_picture(run: Path) -> Path:
    return sorted(run.glob("images/*.png"))[3]


def cut_the_last_line(run: Path) -> None:
    path = run / "experiments.jsonl"
    path.write_bytes(path.read_bytes()[:-40])


def drop_a_record(run: Path) -> None:
    kept = [json.dumps(record) + "\n" for record in records_of(run) if record["id"] != a_picture(run).stem]
    (run / "experiments.jsonl").write_text("".join(kept))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: a_picture(run).write_bytes(a_picture(run).read_bytes()[:90]), ["damaged"]),
        (lambda run: a_picture(run).unlink(), ["a record without its picture"]),
        (lambda run: shutil.copy(sorted(run.glob("images/*.png"))[0], a_picture(run)), ["not the one its record"]),
        (cut_the_last_line, ["line 16: no whole record", "a picture without its record"]),
        (drop_a_record, ["a picture without its record"]),
        (lambda run: (run / "environment.json").unlink(), ["environment.json: not whole"]),
        (lambda run: (run / "environment.json").write_text("[3"), ["environment.json: not whole"]),
        (lambda run: (run / "environment.json").write_text('{"models": 3}'), ["environment.json: not whole"]),
        (lambda run: (run / "grids/f.png").write_bytes(b"x"), ["grids/f.png: damaged"]),
        (lambda run: (run / "images/.x.png.999999999.tmp").write_bytes(b"half"), ["left behind by a kill"]),
        (lambda run: (run / "images/mine.png").write_bytes(b"mine"), ["images/mine.png: not of this run"]),
        (lambda run: (run / "notes.txt").write_text("mine"), ["notes.txt: not of this run; left alone"]),
    ],
)
def test_damage_is_found_and_repaired(
    cli,
    labelled: Path,
    undisturbed: Path,
    copy: Path,
    file_of,
    damage: Callable[[Path], object],
    words: list[str],
) -> None:
    assert cli("verify", copy).code == 0
    damage(copy)
    unknown_files = {p: p.read_bytes() for p in (copy / "images/mine.png", copy / "notes.txt") if p.exists()}
    found = cli("verify", copy)
    assert found.code == 1
    for word in words:
        assert word in found.out
    mended = cli("run", file_of(labelled), "--out", copy)
    assert mended.code == 0
    assert {p: p.read_bytes() for p in unknown_files} == unknown_files
    for path in unknown_files:
        path.unlink()
    assert state_of(copy) == state_of(undisturbed)
    assert cli("verify", copy).code == 0


def test_the_batch_size_is_known_without_environment_json(cli, labelled: Path, tmp_path: Path, file_of) -> None:
    run, path = tmp_path / "r", file_of(labelled)
    assert cli("run", path, "--out", run, "--batch-size", 3).code == 0
    drop_a_record(run)
    a_picture(run).unlink()
    (run / "environment.json").write_text('{"device": "cpu"')
    done = cli("run", path, "--out", run)
    assert done.code == 0
    assert "taken from the pictures' records" in done.err
    assert [record["batch_size"] for record in records_of(run)] == [3] * 16
    assert json.loads((run / "environment.json").read_text())["versions"]


def test_a_lost_record_is_restored_from_its_picture(cli, labelled: Path, copy: Path, file_of) -> None:
    (copy / "experiments.jsonl").write_text("")
    done = cli("run", file_of(labelled), "--out", copy)
    assert "16 pictures had lost their records" in done.err
    assert "16 of 16 pictures were there already" in done.out


def test_a_picture_with_a_false_record_is_not_used(cli, labelled: Path, undisturbed: Path, copy: Path, file_of) -> None:
    one, other = sorted(copy.glob("images/*.png"))[:2]
    shutil.copy(one, other)
    (copy / "experiments.jsonl").write_text("")
    assert cli("run", file_of(labelled), "--out", copy).code == 0
    assert state_of(copy)[1] == state_of(undisturbed)[1]


# Predictions that are not finite ------------------------------------------------------------------------------------


def test_only_experiments_with_predictions_that_are_not_finite_fail(
    cli, model_with_nan: Path, undisturbed: Path, tmp_path: Path, file_of
) -> None:
    path, run = file_of(model_with_nan), tmp_path / "r"
    done = cli("run", path, "--out", run)
    assert done.code == 1
    failed = [line for line in done.err.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 4
    assert "failed: label 2, seed 1, value 3: step 0: the prediction 'cond' is not finite" in failed
    assert "failed: label 2, seed 1, value 1: step 0: the prediction is not finite" in failed
    records = {(r["label"], r["seed"], r["value"]): r for r in records_of(run)}
    for (label, *_), record in records.items():
        assert record["status"] == ("failed" if label == 2 else "done")
    whole = {(r["label"], r["seed"], r["value"]): r["pixels_sha256"] for r in records_of(undisturbed)}
    for key, record in records.items():
        assert record["status"] == "failed" or record["pixels_sha256"] == whole[key]
    assert (run / "grids/f.png").is_file()
    found = cli("verify", run)
    assert found.code == 1
    assert found.out.count("failed: step 0") == 4


def test_fail_fast_stops_and_retry_failed_computes_the_failed_ones_alone(
    cli, model_with_nan: Path, tmp_path: Path, file_of
) -> None:
    path, run = file_of(model_with_nan), tmp_path / "r"
    stopped = cli("run", path, "--out", run, "--fail-fast")
    assert stopped.code == 1
    assert "is not finite" in stopped.err
    assert (run / "grids/f.png").is_file()
    failed = [r for r in records_of(run) if r["status"] == "failed"]
    assert len(failed) == 1
    pictures = len(list(run.glob("images/*.png")))
    again = cli("run", path, "--out", run, "--retry-failed")
    assert again.code == 1
    assert again.err.count("failed: ") == 1
    assert len(list(run.glob("images/*.png"))) == pictures


def test_a_search_names_the_picture_that_failed(cli, model_with_nan: Path, tmp_path: Path, sweep_file) -> None:
    text = f"name: p\nmodel: {model_with_nan}\nlabel: 2\nsteps: 4\nguider: cfg\nsearch: value\n"
    where = "phase: {low: 1.5, high: 4, scan: 5}\n"
    failed = cli("phase", sweep_file(text + where), "--out", tmp_path / "r")
    assert failed.code == 1
    assert "a search needs every picture" in failed.err


# Memory -------------------------------------------------------------------------------------------------------------


WITH_LITTLE_MEMORY = """
import resource, sys
from cfgsweep import cli
import cfgsweep.models.families.class_conditional
from cfgsweep.execution.local import LocalExecutor
run = LocalExecutor.run
def limited(*given, **named):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 1500 * 2**20, resource.RLIM_INFINITY))
    return run(*given, **named)
LocalExecutor.run = limited
sys.exit(cli.run_command(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def plain(saved) -> Path:
    """A model without attention, whose memory would grow with the square of the number of pixels."""
    blocks = {"down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2, "add_attention": False}
    return saved(tiny.labelled_unet(**blocks))


def run_with_little_memory(path: Path, run: Path, *words: str) -> subprocess.CompletedProcess:
    """Run with 1.5 GiB of address space more than the process has when it begins to compute."""
    command = [sys.executable, "-c", WITH_LITTLE_MEMORY, "run", str(path), "--out", str(run), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_a_limit_on_the_address_space_halves_the_batch(plain: Path, tmp_path: Path, sweep_file) -> None:
    text = SWEEP.format(model=plain, steps=1).replace("label: [0, 1, 2, 3]", "label: 1") + "size: 256\n"
    done = run_with_little_memory(sweep_file(text), tmp_path / "r", "--batch-size", "256")
    assert done.returncode == 0, done.stderr
    assert "out of memory: the batch is halved" in done.stderr
    assert {record["status"] for record in records_of(tmp_path / "r")} == {"done"}
    assert max(record["batch_size"] for record in records_of(tmp_path / "r")) < 256
    assert len(records_of(tmp_path / "r")) == 4


@pytest.mark.slow
def test_a_picture_that_does_not_fit_into_memory_fails_alone(plain: Path, tmp_path: Path, sweep_file) -> None:
    """Not even one row of the large picture fits; the pictures of the other size are computed."""
    text = SWEEP.format(model=plain, steps=1).replace("label: [0, 1, 2, 3]", "label: 1")
    path = sweep_file(text.replace("seed: [1, 2]", "size: [native, 8192]"))
    done = run_with_little_memory(path, tmp_path / "r")
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("failed: ") == 2
    assert "not enough memory for even one row" in done.stderr
    assert {(r["status"], r.get("width")) for r in records_of(tmp_path / "r")} == {("done", 8), ("failed", None)}


# Outside of the folder ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["images", "grids", "experiments.jsonl", "environment.json", "sweep.yaml"])
def test_nothing_is_written_through_a_link(cli, labelled: Path, tmp_path: Path, copy: Path, file_of, name: str) -> None:
    outside = tmp_path / "outside"
    shutil.move(copy / name, outside)
    (copy / name).symlink_to(outside)
    refused = cli("run", file_of(labelled), "--out", copy, "--set", "seed=[5]")
    assert refused.code == 2
    assert "a run writes nothing outside of its folder" in refused.err


@pytest.mark.parametrize(
    "name", ["../x", "a/b", ".hidden", "", "a" * 101, "a\\nb", "con", "NUL.txt", "a.", "x\\u202ey"]
)
def test_names_never_become_paths(cli, tmp_path: Path, labelled: Path, sweep_file, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = sweep_file(SWEEP.format(model=labelled, steps=2).replace("name: f", f'name: "{name}"'))
    refused = cli("run", path)
    assert refused.code == 2
    assert "name" in refused.err
    assert {p.name for p in tmp_path.iterdir()} == {"sweep.yaml"}


def test_control_characters_of_a_file_do_not_reach_the_terminal(cli, tmp_path: Path, sweep_file) -> None:
    """Escape sequences of a prompt, in titles, notices and errors."""
    text = 'name: t\nmodel: emoji\nprompt: "\\e[31mred\\a {}"\nsteps: 2\nguider: [cfg]\nvalue: [2]\n'
    done = cli("run", sweep_file(text.format("very long " * 30)), "--out", tmp_path / "r")
    assert done.code == 0
    refused = cli("run", sweep_file(text.replace("[cfg]", '["\\e[2Jx"]')), "--out", tmp_path / "q")
    assert refused.code == 2
    for said in (done.out, done.err, refused.out, refused.err):
        assert "\x1b" not in said
        assert "\a" not in said
