"""Pages to give away: a folder with all pictures, and one file with thumbnails inside."""

from __future__ import annotations

import base64
import errno
import html
import io
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

import cfgsweep
from cfgsweep.pages import single
from cfgsweep.system import files
from cfgsweep.system.html import csp_hash
from tests.support.page_data import WrittenPage, times_of
from tests.support.run_state import records_of, run_of

HOSTILE = "</script><script>document.title='taken'</script><!-- ]]> & \u2028 \u202e"
SWEEP = f"""\
name: s
model: emoji
prompt: [{json.dumps(HOSTILE)}, a horse]
seed: [1, 2]
steps: 2
guider: cfg
value: 3
previews: 1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return run_of(SWEEP, tmp_path_factory.mktemp("share"))


def test_a_folder_has_everything_by_relative_addresses(run: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "a folder #1 %20 é"
    outcome = cli("page", run, "--out", out)
    assert (outcome.code, outcome.out) == (0, f"{out / 'index.html'}\n")
    moved = Path(shutil.move(out, tmp_path / "moved"))
    page = WrittenPage(moved)
    assert (page.head["pictures"], page.head["previews"], page.head["thumbs"]) == ("images/", "previews/", "thumbs/")
    for number, record in enumerate(records_of(run)):
        assert (moved / "images" / f"{page.plan['ids'][number]}.png").read_bytes() == (
            run / record["image"]
        ).read_bytes()
        assert page.details[number]["hasPreviews"]
        assert (moved / "previews" / f"{record['id']}.png").is_file()
        assert (moved / "thumbs" / f"{page.results[number]['.thumb']}.webp").is_file()


def test_a_folder_is_made_the_page_of_what_is_chosen(run: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "out"
    cli("page", run, "--out", out)
    before = times_of(out)
    cli("page", run, "--out", out)
    assert times_of(out) == before
    (out / "notes.txt").write_text("mine")
    assert cli("page", run, "--out", out, "--where", "seed=1").code == 0
    page = WrittenPage(out)
    assert len(page.plan["ids"]) == len(list(out.glob("images/*"))) == len(list(out.glob("thumbs/*"))) == 2
    assert (out / "notes.txt").read_text() == "mine"


def test_a_folder_whose_writing_was_stopped_is_gone_on_with(run: Path, tmp_path: Path, cli) -> None:
    out = tmp_path / "out"
    cli("page", run, "--out", out)
    expected = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for name in ("data.js", "app.js"):
        (out / name).unlink()
    assert cli("page", run, "--out", out).code == 0
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == expected


@pytest.mark.parametrize("kind", ["folder", "file", "run", "in the run", "its page"])
def test_another_folder_is_left_alone(run: Path, tmp_path: Path, cli, kind: str) -> None:
    out = tmp_path / "out"
    if kind == "folder":
        out.mkdir()
        (out / "index.html").write_text("<p>my home page</p>")
    elif kind == "file":
        out.write_text("mine")
    else:
        out = {"run": run, "in the run": run / "new", "its page": run / "page"}[kind]
        cli("page", run)
    before = times_of(tmp_path), times_of(run)
    outcome = cli("page", run, "--out", out)
    assert outcome.code == 2
    assert "--out" in outcome.err
    assert (times_of(tmp_path), times_of(run)) == before


def test_a_part_is_not_written_in_the_place_of_the_run(run: Path, cli) -> None:
    outcome = cli("page", run, "--where", "seed=1")
    assert outcome.code == 2
    assert "--out or --single" in outcome.err
    with pytest.raises(cfgsweep.UserError, match="of all of the run"):
        cfgsweep.page(cfgsweep.open_run(run).where("seed=1"))


def scripts(text: str) -> list[str]:
    """As a browser has them: up to the first `</script`, whatever is before it."""
    return re.findall(r"<script>(.*?)</script>", text, re.DOTALL | re.IGNORECASE)


def test_one_file_has_data_and_thumbnails_inside(run: Path, cli) -> None:
    outcome = cli("page", run, "--single")
    assert (outcome.code, outcome.out) == (0, f"{run / 'page/single.html'}\n")
    text = (run / "page/single.html").read_text()
    arrived, *data, _app = scripts(text)
    found = {}
    for one in data:
        name, content = re.fullmatch(r'cfgsweepPage\("([^"]+)",(.*)\);\n', one, re.DOTALL).groups()
        found[name] = json.loads(content)
    head = found["data.js"]
    assert "cfgsweepPage" in arrived
    assert found[head["plan"]]["ids"] == [record["id"] for record in records_of(run)]
    (results,) = (found[name] for name in head["results"])
    assert results["details"] in found
    assert found[head["plan"]]["axes"]
    assert HOSTILE in [value["title"] for value in found[head["plan"]]["described"][0]["values"]]
    expected = {f"thumbs/{one['pixels_sha256'][:16]}.webp" for one in records_of(run)}
    expected |= {f"{head[kind]}{one['id']}.png" for one in records_of(run) for kind in ("pictures", "previews")}
    assert head["inline"].keys() == expected
    for one in records_of(run):
        thumb = head["inline"][f"thumbs/{one['pixels_sha256'][:16]}.webp"]
        assert head["inline"][f"{head['pictures']}{one['id']}.png"] == thumb
    for url in head["inline"].values():
        before, _, content = url.partition(";base64,")
        assert before == "data:image/webp"
        assert Image.open(io.BytesIO(base64.b64decode(content))).size == (64, 64)
    assert all(detail["hasPreviews"] for detail in found[results["details"]])
    assert cli("verify", run).code == 0


def test_one_file_has_previews_up_to_a_limit(run: Path, cli, tmp_path: Path, monkeypatch) -> None:
    cli("page", run, "--single", "--out", tmp_path / "p.html")
    for name, url in re.findall(
        r'"\.\./previews/(\w+)\.png":"data:image/webp;base64,([^"]+)"', (tmp_path / "p.html").read_text()
    ):
        with Image.open(io.BytesIO(base64.b64decode(url))) as shown:
            assert shown.n_frames == len(cfgsweep.open_run(run)[name].previews)
    monkeypatch.setattr(single, "MOST_FRAMES", 3)
    cli("page", run, "--single", "--out", tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    assert '"previews":null' in text
    assert '"hasPreviews":true' not in text


def test_one_file_is_written_whole_or_not_at_all(run: Path, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "p.html"
    cfgsweep.page(run, single=True, out=path)
    before = path.read_bytes()

    def full(file) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files, "sync_file", full)
    with pytest.raises(OSError, match="No space left"):
        cfgsweep.page(run, single=True, out=path, where=["seed=1"])
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["p.html"]


def test_a_zip_of_a_folder_is_the_page_elsewhere(run: Path, tmp_path: Path, cli) -> None:
    """Nothing in it names a place outside: what addresses lead to is there, wherever it is unpacked."""
    cli("page", run, "--out", tmp_path / "out")
    shutil.make_archive(str(tmp_path / "page"), "zip", tmp_path / "out")
    shutil.unpack_archive(tmp_path / "page.zip", tmp_path / "elsewhere")
    page = WrittenPage(tmp_path / "elsewhere")
    text = "".join(path.read_text() for path in page.folder.rglob("*.js")) + (page.folder / "index.html").read_text()
    assert str(tmp_path) not in text
    assert '"../' not in text
    assert not re.search(r"""(?:src|href)=["'](?:https?:|/)""", (page.folder / "index.html").read_text())
    for cell, found in page.results.items():
        name = page.plan["ids"][cell]
        for file in (f"images/{name}.png", f"previews/{name}.png", f"thumbs/{found['.thumb']}.webp"):
            with Image.open(page.folder / file) as picture:
                picture.load()


def test_one_file_may_load_nothing(run: Path, cli, tmp_path: Path) -> None:
    cli("page", run, "--single", "--out", tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data: blob:"
    assert rules["script-src"].split() == [csp_hash(one) for one in scripts(text)]
    assert not re.search(r"<script[^>]*src|<link[^>]*stylesheet", text)


def test_code_cannot_end_its_script() -> None:
    code = "a = '</script>'; b = /<\\/SCRIPT/; c = '<!--<script>'; d = '</ScRiPt '"
    found = single._in_script(code)
    assert "</script" not in found.lower()
    assert "<!--" not in found


def test_too_many_pictures_are_refused_with_what_to_do(run: Path, cli, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(single, "MOST_CELLS", 3)
    outcome = cli("page", run, "--single", "--out", tmp_path / "p.html")
    assert outcome.code == 2
    for words in ("at most 3", "--where", "--out FOLDER"):
        assert words in outcome.err
    assert cli("page", run, "--single", "--out", tmp_path / "p.html", "--where", "seed=1").code == 0


def test_another_file_is_left_alone(run: Path, cli, tmp_path: Path) -> None:
    (tmp_path / "p.html").write_text("<p>mine</p></html>")
    for place in (tmp_path / "p.html", tmp_path):
        outcome = cli("page", run, "--single", "--out", place)
        assert outcome.code == 2
        assert "not a page in one file" in outcome.err
    assert (tmp_path / "p.html").read_text() == "<p>mine</p></html>"


def test_a_damaged_file_is_told(run: Path, cli) -> None:
    cli("page", run, "--single")
    path = run / "page/single.html"
    path.write_text(path.read_text()[:-20])
    assert "page/single.html: damaged" in cli("verify", run).out
    path.unlink()
