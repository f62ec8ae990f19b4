"""`prompt: {file: prompts.csv}`: what is read, in which order, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import cfgsweep
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from tests.support.json_schemas import checker

BASE = {"name": "x", "model": "emoji", "guider": "cfg", "steps": 2}
TABLE = (
    'prompt,negative_prompt,seed,kind\na cat,blurry,1,Animals\na dog,,2,Animals\n"a castle, at night",people,3,Places\n'
)
PARTI = (
    "Prompt\tCategory\tChallenge\tNote\npeace\tAbstract\tBasic\t\na capybara\tAnimals\tBasic\t\n"
    '"G I G" painted on a wall\tIllustrations\tWriting & Symbols\tb\n'
)
DRAW = 'Prompts,Category\nA red colored car.,Colors\n"A car, and a dog",Counting\n'
GENEVAL = (
    '{"tag": "single_object", "include": [{"class": "bench", "count": 1}], "prompt": "a photo of a bench"}\n'
    '{"tag": "counting", "include": [{"class": "cup", "count": 3}], "exclude": [], "prompt": "a photo of three cups"}\n'
)


@pytest.fixture
def cells(tmp_path: Path):
    """A function that gives the experiments of a sweep, in whose folder there are files of these contents."""

    def read(files: dict[str, str | bytes], prompt: Any, **fields: Any) -> list:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        path = tmp_path / "sweep.yaml"
        path.write_text(yaml.safe_dump({**BASE, "prompt": prompt, **fields}))
        return expand(*read_sweep(path))

    return read


def prompts(experiments: list) -> list[str]:
    return [e.prompt for e in experiments]


@pytest.mark.parametrize(
    "text", ["a cat\na dog\n", "\ufeffa cat\r\na dog\r\n", " a cat \na dog", "a cat\na dog\na cat\n"]
)
def test_lines_are_prompts_with_the_ids_of_prompts_that_are_written(cells, text: str) -> None:
    found = cells({"p.txt": text}, {"file": "p.txt"})
    assert found == cells({}, ["a cat", "a dog"])
    assert [e.id for e in found] == [e.id for e in cells({}, ["a cat", "a dog"])]
    assert prompts(cells({}, ["a fox", {"file": "p.txt"}])) == ["a fox", "a cat", "a dog"]


def test_columns_that_are_named_after_axes_move_together(cells) -> None:
    found = cells({"p.csv": TABLE}, {"file": "p.csv"}, value=[3, 7])
    assert [(e.prompt, e.negative_prompt, e.seed, e.value) for e in found[::2]] == [
        ("a cat", "blurry", 1, 3), ("a dog", "", 2, 3), ("a castle, at night", "people", 3, 3)
    ]  # fmt: skip
    assert len(found) == 6
    assert len(cells({}, {"file": "p.csv", "with": []}, seed=[8, 9])) == 6
    zipped = cells({}, {"file": "p.csv"}, value=[1, 2, 3], zip=["prompt", "value"])
    assert [(e.seed, e.value) for e in zipped] == [(1, 1), (2, 2), (3, 3)]


def test_every_kind_of_file_gives_the_same(cells, tmp_path: Path) -> None:
    import pandas

    table = pandas.DataFrame({"prompt": ["a cat", "a dog, too"], "seed": [5, 6], "value": [3.5, 4.0]})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "b.csv", index=False, sep=";")
    table.to_csv(tmp_path / "c.tsv", index=False, sep="\t")
    table.to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    table.to_parquet(tmp_path / "e.parquet")
    table.astype({"prompt": "category"}).to_parquet(tmp_path / "f.parquet")
    read = {path.name: cells({}, {"file": path.name}) for path in tmp_path.glob("?.*")}
    assert len(read) == 6
    for found in read.values():
        assert [(e.prompt, e.seed, e.value) for e in found] == [("a cat", 5, 3.5), ("a dog, too", 6, 4.0)]


def test_quotes_of_spreadsheets_in_tsv(cells) -> None:
    assert prompts(cells({"p.tsv": 'prompt\tn\n"a ""big"" cat"\t1\n'}, {"file": "p.tsv"})) == ['a "big" cat']


def test_labels_seeds_and_negative_prompts(cells) -> None:
    files = {"l.txt": "3\n7\n", "t.csv": "label,seed\n3,10\n7,11\n", "n.csv": "negative_prompt\nbad\n"}
    assert [e.label for e in cells(files, None, model="digits", label={"file": "l.txt"})] == [3, 7]
    found = cells({}, None, model="digits", label={"file": "t.csv"})
    assert [(e.label, e.seed) for e in found] == [(3, 10), (7, 11)]
    assert [e.seed for e in cells({}, "a", seed={"file": "l.txt"})] == [3, 7]
    assert [e.seed for e in cells({}, "a", seed=[1, {"file": "t.csv"}])] == [1, 10, 11]
    assert [e.negative_prompt for e in cells({}, "a", negative_prompt={"file": "n.csv"})] == ["bad"]


def test_published_files_are_read_as_they_are(cells) -> None:
    files = {"PartiPrompts.tsv": PARTI, "drawbench.csv": DRAW, "evaluation_metadata.jsonl": GENEVAL}
    found = cells(files, {"file": "PartiPrompts.tsv", "with": ["Category"]})
    assert prompts(found) == ["peace", "a capybara", '"G I G" painted on a wall']
    assert [e.value_of("Category") for e in found] == ["Abstract", "Animals", "Illustrations"]
    assert prompts(cells({}, {"file": "PartiPrompts.tsv", "where": {"Category": "Animals"}})) == ["a capybara"]
    assert prompts(cells({}, {"file": "drawbench.csv"})) == ["A red colored car.", "A car, and a dog"]
    counting = {"file": "evaluation_metadata.jsonl", "where": {"tag": ["counting", "colors"]}, "with": "tag"}
    assert [(e.prompt, e.vars) for e in cells({}, counting)] == [("a photo of three cups", (("tag", "counting"),))]


def test_conditions_compare_numbers(cells) -> None:
    for name, text in {"p.csv": "prompt,n\na,1\nb,2\nc,3\n", "p.jsonl": '{"prompt": "b", "n": 2}\n'}.items():
        assert "b" in prompts(cells({name: text}, {"file": name, "where": {"n": "> 1"}}))
        assert prompts(cells({}, {"file": name, "where": {"n": 2}})) == ["b"]


def test_a_sample_is_the_same_everywhere_and_part_of_larger_ones(cells) -> None:
    lines = {"p.txt": "".join(f"prompt {n}\n" for n in range(1000))}
    drawn = {n: prompts(cells(lines, {"file": "p.txt", "sample": n})) for n in (5, 50, 1000)}
    assert drawn[5] == ["prompt 61", "prompt 341", "prompt 793", "prompt 798", "prompt 988"]
    assert set(drawn[5]) < set(drawn[50]) < set(drawn[1000])
    assert drawn[50] == sorted(drawn[50], key=lambda one: int(one.split()[1]))
    other = prompts(cells({}, {"file": "p.txt", "sample": 50, "seed": 1}))
    assert len(set(other)) == 50
    assert len({*other, *drawn[50]}) > 80


REFUSED: list[tuple[dict[str, str | bytes], Any, list[str]]] = [
    ({"p.txt": "a\n\nb\n"}, {"file": "p.txt"}, ["p.txt:2: an empty line"]),
    ({"p.txt": ""}, {"file": "p.txt"}, ["the file is empty"]),
    ({"p.txt": "a\ncaf\xe9\n".encode("latin-1")}, {"file": "p.txt"}, ["p.txt:2: not UTF-8", "save the file as UTF-8"]),
    ({"p.txt": "a\n".encode("utf-16")}, {"file": "p.txt"}, ["p.txt:1: not UTF-8"]),
    ({"p.txt": "cat\na\n".encode("utf-16-le")}, {"file": "p.txt"}, ["p.txt:1: not UTF-8: a NUL character"]),
    ({"p.txt": "x" * 10_001}, {"file": "p.txt"}, ["p.txt:1: too long a text"]),
    ({"p.txt": "a\n"}, {"file": "q.txt"}, ["sweep.yaml:", "prompt", "there is no such file", "q.txt"]),
    ({"p.md": "a\n"}, {"file": "p.md"}, ["not a file of texts", ".txt, .csv"]),
    ({"p.txt": "a\n"}, {"fil": "p.txt"}, ["unknown key 'fil'", "did you mean 'file'?"]),
    ({}, {"animal": None}, ["unknown key 'animal'", "a text that begins with a brace has quotes around it"]),
    ({"p.txt": "a\n"}, {"file": "p.txt", "column": "b"}, ["unknown column 'b'"]),
    ({"p.txt": "a\n"}, {"file": "p.txt", "sample": 2}, ["there are not so many rows", "at most 1"]),
    ({"p.txt": "a\n"}, {"file": "p.txt", "sample": 0}, ["not of the right kind", "1 or more"]),
    ({"p.txt": "a\n"}, {"file": "p.txt", "seed": 1}, ["there is no sample"]),
    ({"p.txt": "a\n"}, [{"file": "p.txt", "with": ["b"]}], ["no further columns go with this axis"]),
    ({"p.csv": TABLE}, {"file": "p.csv", "column": "promt"}, ["unknown column 'promt'", "did you mean 'prompt'?"]),
    ({"p.csv": "text,kind\na,b\n"}, {"file": "p.csv"}, ["there is no column 'prompt'", "kind, text", "`column` names"]),
    ({"p.csv": "a cat\na dog\n"}, {"file": "p.csv"}, ["there is no column 'prompt'"]),
    ({"p.csv": "prompt,prompt\na,b\n"}, {"file": "p.csv"}, ["two columns of one name"]),
    ({"p.csv": "prompt,kind\na\n"}, {"file": "p.csv"}, ["p.csv:2: 1 cells in a table of 2 columns"]),
    ({"p.csv": "prompt,kind\na, b, c\n"}, {"file": "p.csv"}, ["p.csv:2: 3 cells", "quotes"]),
    ({"p.csv": 'prompt,kind\n"a" b,c\n'}, {"file": "p.csv"}, ["p.csv:2: not CSV"]),
    ({"p.csv": 'prompt\n"a\nb\n'}, {"file": "p.csv"}, ["p.csv:2: not CSV"]),
    ({"p.csv": "prompt,seed\na,\n"}, {"file": "p.csv"}, ["p.csv:2: an empty cell in the column 'seed'"]),
    ({"p.csv": "prompt,seed\na,b\n"}, {"file": "p.csv"}, ["p.csv:2: not a number, in the column 'seed'"]),
    ({"p.csv": "prompt,seed\na,1\nb,1.5\n"}, {"file": "p.csv"}, ["p.csv:3: ", "in the column 'seed'", "1.5"]),
    ({"p.csv": "prompt,steps\na,5\nb,0\n"}, {"file": "p.csv"}, ["p.csv:3: too small, in the column 'steps'"]),
    ({"p.csv": "prompt,value\na,5\nb,high\n"}, {"file": "p.csv"}, ["p.csv:3: not a number, in the column 'value'"]),
    ({"p.csv": "prompt,seed\n"}, {"file": "p.csv"}, ["the table has no rows"]),
    ({"p.csv": TABLE}, {"file": "p.csv", "where": {"kind": "animals"}}, ["no row", "did you mean 'Animals'?"]),
    ({"p.csv": TABLE}, {"file": "p.csv", "where": {"knd": "x"}}, ["unknown column 'knd'", "did you mean 'kind'?"]),
    ({"p.csv": TABLE}, {"file": "p.csv", "with": "knd"}, ["unknown column 'knd'", "did you mean 'kind'?"]),
    ({"p.csv": "prompt,a b\nx,y\n"}, {"file": "p.csv", "with": "a b"}, ["not the name of a variable"]),
    ({"p.jsonl": '{"prompt": "a"}\n{"text": "b"}\n'}, {"file": "p.jsonl"}, ["p.jsonl:2: there is no 'prompt'"]),
    ({"p.jsonl": '{"prompt": "a"}\n["b"]\n'}, {"file": "p.jsonl"}, ["p.jsonl:2: not a JSON object"]),
    ({"p.jsonl": '{"prompt": "a"\n'}, {"file": "p.jsonl"}, ["p.jsonl:1: not JSON"]),
    ({"p.jsonl": '{"prompt": "a"}\n{"n": 1, "n": 2}\n'}, {"file": "p.jsonl"}, ["p.jsonl:2: a key twice"]),
    ({"p.jsonl": '{"prompt": 3}\n'}, {"file": "p.jsonl"}, ["p.jsonl:1: not a text"]),
    ({"p.jsonl": '{"prompt": "\\ud800"}\n'}, {"file": "p.jsonl"}, ["p.jsonl:1: not a text: half a surrogate pair"]),
    ({"p.parquet": "PAR1"}, {"file": "p.parquet"}, ["not a Parquet file"]),
]  # fmt: skip


@pytest.mark.parametrize(("files", "prompt", "words"), REFUSED)
def test_what_is_no_file_of_prompts_is_refused(cli, tmp_path: Path, files: dict, prompt: Any, words: list[str]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({**BASE, "prompt": prompt}))
    refused = cli("run", tmp_path / "sweep.yaml", "--out", tmp_path / "run")
    assert refused.code == 2
    assert not (tmp_path / "run").exists()
    for word in words:
        assert word in refused.err


@pytest.mark.slow
def test_a_million_lines_are_refused_and_can_be_sampled(cli, cells, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("".join(f"prompt {n}\n" for n in range(1_000_000)))
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({**BASE, "prompt": {"file": "p.txt"}}))
    refused = cli("plan", tmp_path / "s.yaml")
    assert refused.code == 2
    assert "too many rows" in refused.err
    assert "at most 20,000" in refused.err
    assert len(cells({}, {"file": "p.txt", "sample": 7})) == 7


def test_texts_that_a_saved_sweep_cannot_hold_are_refused(cli, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("".join(f"{n} {'é' * 5000}\n" for n in range(400)))
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({**BASE, "prompt": {"file": "p.txt"}}))
    refused = cli("plan", tmp_path / "s.yaml")
    assert (refused.code, "too much text" in refused.err) == (2, True)


def test_a_column_that_the_sweep_gives_too_is_refused(cells) -> None:
    with pytest.raises(cfgsweep.UserError, match="the table has a column 'seed', and the sweep gives it, too"):
        cells({"p.csv": TABLE}, {"file": "p.csv"}, seed=3)
    with pytest.raises(cfgsweep.UserError, match="the table has a column 'kind'"):
        cells({"p.csv": TABLE}, {"file": "p.csv", "with": "kind"}, vars={"kind": ["a", "b", "c"]})


def test_devices_and_large_files_are_not_read(cells, tmp_path: Path) -> None:
    (tmp_path / "d.txt").symlink_to("/dev/zero")
    with pytest.raises(cfgsweep.UserError, match="there is no such file"):
        cells({}, {"file": "d.txt"})
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(cfgsweep.UserError, match="file too large"):
        cells({}, {"file": "large.txt"})


def test_the_schema_takes_it_and_the_written_sweep_has_the_texts(cells, tmp_path: Path) -> None:
    given = {"file": "p.csv", "with": ["seed", "kind"], "where": {"kind": "Animals"}, "sample": 2, "seed": 3}
    whole = {**BASE, "prompt": given, "negative_prompt": {"file": "n.txt"}, "vars": {"a": {"file": "n.txt"}}}
    checker().validate(whole)
    with pytest.raises(jsonschema.ValidationError):
        checker().validate({**whole, "prompt": {**given, "sampel": 3}})
    before = cells({"p.csv": TABLE}, given)
    sweep = read_sweep(tmp_path / "sweep.yaml")[0]
    written = as_written(sweep)
    assert written["vars"] == {"kind": ["Animals", "Animals"]}
    assert written["zip"] == [["prompt", "seed", "kind"]]
    checker().validate(written)
    (tmp_path / "p.csv").unlink()
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(written))
    assert expand(*read_sweep(tmp_path / "sweep.yaml")) == before
    assert read_sweep(tmp_path / "sweep.yaml")[0] == sweep


def test_from_python_and_the_command_line(cli, tmp_path: Path, monkeypatch, sweep_file) -> None:
    (tmp_path / "p.txt").write_text("a cat\na dog\n")
    path = sweep_file(yaml.safe_dump({**BASE, "prompt": "a"}))
    planned = cli("plan", path, "--set", "prompt={file: p.txt}", "--json")
    assert json.loads(planned.out)["axes"] == {"prompt": 2}
    monkeypatch.chdir(tmp_path)
    assert Sweep(**{**BASE, "prompt": {"file": Path("p.txt")}}).prompt == ["a cat", "a dog"]


@settings(max_examples=100)
@given(st.binary(max_size=200) | st.text(max_size=60).map(str.encode), st.sampled_from(["txt", "csv", "tsv", "jsonl"]))
def test_arbitrary_bytes_give_texts_or_words(tmp_path_factory, content: bytes, ending: str) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for extra in ("", "prompt\n", '{"prompt": "a"}\n'):
        (folder / f"p.{ending}").write_bytes(extra.encode() + content)
        try:
            sweep = Sweep(**{**BASE, "prompt": {"file": folder / f"p.{ending}"}})
        except cfgsweep.UserError:
            continue
        assert sweep.prompt
        assert Sweep(**as_written(sweep)) == sweep
