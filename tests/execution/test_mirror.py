"""A mirror on other storage has what a run has finished, and a run on another machine goes on from there."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

import cfgsweep
from cfgsweep.errors import RunFailed, UserError
from cfgsweep.storage.mirror import MOST_SEGMENTS, Mirror
from cfgsweep.system.locks import LOCKS
from tests.support.object_store import BUCKET, s3_server

SWEEP = """\
name: s
model: digits
label: [0, 3]
steps: 3
guider: [cfg, cfg_zero]
value: [1.5, 3]
metrics: [contrast]
"""
KILLED = """\
import sys
import cfgsweep
from cfgsweep.execution import mirroring
mirroring.SECONDS = 0.05
cfgsweep.run(sys.argv[1], out=sys.argv[2], mirror=sys.argv[3], batch_size=2, quiet=True)
"""
places = itertools.count()


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as url:
        yield url


@pytest.fixture
def url(bucket: str) -> str:
    """A place that is empty."""
    return f"{bucket}/place-{next(places)}"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """The sweep file `s.yaml` and its run in the folder `whole`."""
    folder = tmp_path_factory.mktemp("mirror")
    (folder / "s.yaml").write_text(SWEEP)
    cfgsweep.run(folder / "s.yaml", out=folder / "whole", quiet=True)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files but the locks, by their paths in the folder."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name not in LOCKS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def keys(url: str) -> list[str]:
    place = url.removeprefix(f"s3://{BUCKET}/") + "/"
    found = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=place).get("Contents", [])
    return [one["Key"].removeprefix(place) for one in found]


def put(url: str, name: str, content: bytes) -> None:
    place = url.removeprefix(f"s3://{BUCKET}/")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{place}/{name}", Body=content)


def test_a_run_on_another_machine_has_what_the_first_one_finished(made: Path, url: str, tmp_path: Path, cli) -> None:
    first = cli("run", made / "s.yaml", "--out", tmp_path / "first", "--limit", 3, "--mirror", url)
    assert first.code == 0, first.err
    assert f"{url} is in step with the run folder: " in first.out
    second = cli("run", made / "s.yaml", "--out", tmp_path / "second", "--mirror", url)
    assert second.code == 0, second.err
    assert f"files fetched from {url}\n3 of 8 pictures were there already\n" in second.out
    assert files(tmp_path / "second/images") == files(made / "whole/images")
    assert files(tmp_path / "second")["experiments.jsonl"] == files(made / "whole")["experiments.jsonl"]
    fetched = cli("mirror", tmp_path / "third", url, "--fetch")
    assert fetched.code == 0
    moved, there = re.search(r": (\d+) files fetched into .*, of (\d+)$", fetched.out.strip()).groups()
    assert moved == there == str(len(files(tmp_path / "third")) - 1), "records are no file that is fetched"
    assert files(tmp_path / "second").items() <= files(tmp_path / "third").items()  # and data of the earlier page
    assert cli("verify", tmp_path / "third").code == 0


def test_a_mirror_is_a_run_folder_beside_its_segments(made: Path, tmp_path: Path) -> None:
    url = (tmp_path / "place").as_uri()
    assert cfgsweep.mirror(made / "whole", url).moved == len(files(made / "whole"))
    there = files(tmp_path / "place")
    segments = {name for name in there if name.startswith("segments/")}
    assert {name: there[name] for name in there.keys() - segments} == files(made / "whole")


def test_only_what_changed_is_sent_again(made: Path, url: str, tmp_path: Path) -> None:
    cfgsweep.run(made / "s.yaml", out=tmp_path / "run", mirror=url, quiet=True)
    assert cfgsweep.mirror(tmp_path / "run", url).moved == 0
    cfgsweep.measure(tmp_path / "run", ["entropy"], quiet=True)
    sent = cfgsweep.mirror(tmp_path / "run", url)
    assert 0 < sent.moved < 8
    cfgsweep.mirror(tmp_path / "other", url, fetch=True)
    assert cfgsweep.open_run(tmp_path / "other").records == cfgsweep.open_run(tmp_path / "run").records
    assert "entropy" in cfgsweep.open_run(tmp_path / "other").metrics


def test_after_a_kill_another_machine_computes_the_rest(made: Path, tmp_path: Path) -> None:
    url = (tmp_path / "place").as_uri()
    words = [sys.executable, "-c", KILLED, made / "s.yaml", tmp_path / "killed", url]
    with subprocess.Popen(list(map(str, words)), stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (tmp_path / "place/images").is_dir():
            time.sleep(0.01)
        process.kill()
    named = [file for file in Mirror(url).contents.files if file.startswith("images/")]
    run = cfgsweep.run(made / "s.yaml", out=tmp_path / "next", mirror=url, quiet=True)
    assert len(run) == 8
    assert set(named) <= set(files(tmp_path / "next"))
    cfgsweep.run(made / "s.yaml", out=tmp_path / "whole", batch_size=2, quiet=True)
    assert files(tmp_path / "next/images") == files(tmp_path / "whole/images")
    assert len(Mirror(url).contents.records) == 8


def test_shards_have_mirrors_of_their_own_from_which_they_are_merged(made: Path, url: str, tmp_path: Path) -> None:
    for number in (1, 2):  # each on a machine of its own
        shard = f"{number}/2"
        cfgsweep.run(made / "s.yaml", out=tmp_path / f"machine-{number}", shard=shard, mirror=url, quiet=True)
    cfgsweep.mirror(tmp_path / "run", url, fetch=True)
    assert not cfgsweep.merge(tmp_path / "run", quiet=True).missing
    assert files(tmp_path / "run/images") == files(made / "whole/images")


def test_what_could_not_be_sent_is_sent_by_the_next_try(made: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("cfgsweep.storage.mirror.AT_ONCE", 2)
    (tmp_path / "place").mkdir()
    (tmp_path / "place/images").write_text("no folder, so that no picture can be sent")
    mirror, run = Mirror((tmp_path / "place").as_uri()), made / "whole"
    paths = [run / "sweep.yaml", run / "environment.json", *sorted((run / "images").iterdir())]
    with pytest.raises(RunFailed, match="the mirror cannot be reached"):
        mirror.send(run, paths, [])
    assert list(Mirror(mirror.url).contents.files) == ["sweep.yaml", "environment.json"]
    (tmp_path / "place/images").unlink()
    assert mirror.send(run, paths, []) == 8
    assert mirror.send(run, paths, []) == 0
    assert files(tmp_path / "place/images") == files(run / "images")


def test_what_is_removed_or_cut_short_in_the_mirror_is_sent_again(made: Path, url: str, tmp_path: Path) -> None:
    cfgsweep.mirror(made / "whole", url)
    pictures = [key for key in keys(url) if key.startswith("images/")]
    put(url, pictures[0], b"short")
    boto3.client("s3").delete_object(Bucket=BUCKET, Key=f"{url.removeprefix(f's3://{BUCKET}/')}/{pictures[1]}")
    assert cfgsweep.mirror(made / "whole", url).moved == 2
    cfgsweep.mirror(tmp_path / "run", url, fetch=True)
    assert files(tmp_path / "run") == files(made / "whole")


def test_a_damaged_file_of_the_mirror_is_named_and_not_taken(made: Path, url: str, tmp_path: Path, cli) -> None:
    cfgsweep.mirror(made / "whole", url)
    picture = next(key for key in keys(url) if key.startswith("images/"))
    put(url, picture, bytes(len((made / "whole" / picture).read_bytes())))
    fetched = cli("mirror", tmp_path / "run", url, "--fetch")
    assert fetched.code == 1
    assert f"1 file of the mirror is damaged: {picture}" in fetched.err
    assert files(tmp_path / "run").keys() == files(made / "whole").keys() - {picture}


def test_a_segment_names_no_file_outside_of_the_folder(made: Path, url: str, tmp_path: Path) -> None:
    cfgsweep.mirror(made / "whole", url)
    outside = [{"path": path, "size": 1, "sha256": "0"} for path in ("../x", "/tmp/x", "a/../../x", "C:\\x", "", ".")]
    put(url, "segments/99999998-0.jsonl", "\n".join(map(json.dumps, outside)).encode())
    put(url, "segments/99999999-0.jsonl", b'{"path": 1}\nnull\n[]\n"\xff\xfe\n{"record": {"id": 1}}\n')
    assert cfgsweep.mirror(tmp_path / "a/b/run", url, fetch=True).moved
    assert files(tmp_path) == {f"a/b/run/{name}": content for name, content in files(made / "whole").items()}


def test_many_segments_become_one(made: Path, url: str, tmp_path: Path) -> None:
    mirror, record = Mirror(url), cfgsweep.open_run(made / "whole").records[0]
    for number in range(MOST_SEGMENTS + 1):
        mirror.send(made / "whole", [], [record.changed(label=number)])
    cfgsweep.mirror(made / "whole", url)
    assert sum(key.startswith("segments/") and key.endswith(".jsonl") for key in keys(url)) == 1
    cfgsweep.mirror(tmp_path / "run", url, fetch=True)
    assert files(tmp_path / "run") == files(made / "whole")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("place", "not a URL"),
        ("sft://host/place", "did you mean 'sftp'?"),
        ("gs://bucket/place", "pip install gcsfs"),
        ("s3://no-such-bucket/place", "the mirror cannot be reached: The specified bucket does not exist"),
    ],
)
def test_a_mirror_that_cannot_be_is_refused_before_anything_runs(given, said, bucket, made, tmp_path, cli) -> None:
    refused = cli("run", made / "s.yaml", "--out", tmp_path / "run", "--mirror", given)
    assert refused.code == 2
    assert said in refused.err
    assert not (tmp_path / "run").exists()


def test_nothing_is_fetched_where_there_is_no_mirror_or_something_else(made: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no mirror of a run there"):
        cfgsweep.mirror(tmp_path / "run", url, fetch=True)
    assert not (tmp_path / "run").exists()
    cfgsweep.mirror(made / "whole", url)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="something else here"):
        cfgsweep.mirror(tmp_path / "mine", url, fetch=True)
    with pytest.raises(UserError, match="something else here"):
        cfgsweep.run(made / "s.yaml", out=tmp_path / "mine", mirror=f"{url}-of-mine", quiet=True)
    assert files(tmp_path / "mine") == {"thesis.txt": b"mine"}
    assert not any("thesis" in key for key in keys(f"{url}-of-mine"))


def test_where_the_storage_fails_the_run_is_whole_and_says_so(made: Path, tmp_path: Path, cli, monkeypatch) -> None:
    monkeypatch.setattr("cfgsweep.execution.mirroring.SECONDS", 0.01)
    (tmp_path / "place").mkdir()
    (tmp_path / "place/images").write_text("no folder, so that no picture can be sent")
    url = (tmp_path / "place").as_uri()
    done = cli("run", made / "s.yaml", "--out", tmp_path / "run", "--mirror", url)
    assert done.code == 1
    assert f"error: {url}: the mirror cannot be reached" in done.err
    assert f"`cfgsweep mirror {tmp_path / 'run'} {url}` sends the rest" in done.err
    assert "it is tried again" in done.err
    assert files(tmp_path / "run/images") == files(made / "whole/images")
    (tmp_path / "place/images").unlink()
    assert cli("mirror", tmp_path / "run", url).code == 0
    assert files(tmp_path / "place/images") == files(made / "whole/images")
