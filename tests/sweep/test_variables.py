"""`vars: {style: [oil, ink]}` and `prompt: "{style} of a cat"`: variables are axes, and the text decides the id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import cfgsweep
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.experiment import Experiment
from cfgsweep.sweep.grid_shape import GridShape
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from cfgsweep.sweep.where import chosen
from tests.support.json_schemas import checker
from tests.support.run_state import records_of

BASE = {"name": "x", "model": "emoji", "guider": "cfg", "steps": 2}
TWO = {"prompt": "{style} of {animal}", "vars": {"style": ["oil", "ink"], "animal": ["a cat", "a dog", "a fox"]}}
TEXTS = [f"{style} of {animal}" for style in ("oil", "ink") for animal in ("a cat", "a dog", "a fox")]


def experiments(**fields: Any) -> list[Experiment]:
    return expand(Sweep(**{**BASE, **fields}))


def test_variables_are_axes_and_ids_are_those_of_the_texts() -> None:
    found, plain = experiments(**TWO), experiments(prompt=TEXTS)
    assert [e.prompt for e in found] == TEXTS
    assert found == plain
    assert [e.id for e in found] == [e.id for e in plain]
    assert varying(found) == ["style", "animal"]
    assert str(GridShape.of(found)) == "2 style x 3 animal"
    assert title(found[4], varying(found)) == "style ink, animal a dog"
    assert [e.prompt for e in chosen(found, ["animal=a fox"])] == ["oil of a fox", "ink of a fox"]
    assert [e.prompt for e in chosen(found, ["prompt=ink of a cat"])] == ["ink of a cat"]


def test_they_can_be_zipped_excluded_and_numbers() -> None:
    zipped = experiments(
        **{**TWO, "vars": {"style": ["oil", "ink"], "animal": ["a cat", "a dog"]}}, zip=["style", "animal"]
    )
    assert [e.prompt for e in zipped] == ["oil of a cat", "ink of a dog"]
    with_seeds = experiments(prompt="{n} cats", vars={"n": {"range": [1, 3, 1]}}, seed=[7, 8, 9], zip=["n", "seed"])
    assert [(e.prompt, e.seed) for e in with_seeds] == [("1 cats", 7), ("2 cats", 8), ("3 cats", 9)]
    assert [e.prompt for e in chosen(with_seeds, ["n>1"])] == ["2 cats", "3 cats"]
    less = experiments(**TWO, exclude=[{"style": "ink", "animal": ["a cat", "a dog"]}, {"prompt": "oil of a fox"}])
    assert [e.prompt for e in less] == ["oil of a cat", "oil of a dog", "ink of a fox"]


def test_several_templates_and_negative_prompts() -> None:
    found = experiments(
        prompt=["{a} at night", "{a} by day"], negative_prompt=["", "no {b}"][1:], vars={"a": "x", "b": "yz"}
    )
    assert [(e.prompt, e.negative_prompt) for e in found] == [("x at night", "no yz"), ("x by day", "no yz")]
    assert varying(found) == ["prompt"]
    both = experiments(prompt="{a}", negative_prompt="not {a}", vars={"a": ["x", "y"]})
    assert [(e.prompt, e.negative_prompt) for e in both] == [("x", "not x"), ("y", "not y")]


def test_a_zipped_variable_names_rows_and_prompts_still_differ() -> None:
    found = experiments(
        prompt=["a cat", "a dog", "a house"], vars={"kind": ["animal", "animal", "place"]}, zip=["prompt", "kind"]
    )
    assert varying(found) == ["prompt", "kind"]
    assert [e.prompt for e in chosen(found, ["kind=animal"])] == ["a cat", "a dog"]
    braces = experiments(prompt=["{a|b}", "{free} text"], vars={"kind": ["x", "y"]}, zip=["prompt", "kind"])
    assert [e.prompt for e in braces] == ["{a|b}", "{free} text"]


@pytest.mark.parametrize("text", ["{a|b} cat", "{} cat", "{{}}", "{0}", "{a b}", "a } b {", "{a", "{style} of a cat"])
def test_braces_that_are_no_variables_stay(text: str) -> None:
    assert [e.prompt for e in experiments(prompt=text)] == [text]
    if text != "{style} of a cat":
        assert [e.prompt for e in experiments(prompt=f"{text} {{x}}", vars={"x": "{x} {y}"})] == [f"{text} {{x}} {{y}}"]


@given(
    st.text(max_size=30),
    st.dictionaries(st.from_regex(r"\Avar_[a-z]{1,5}\Z"), st.text("xyz{}", min_size=1), min_size=1, max_size=3),
)
def test_a_text_is_filled_as_replacing_each_name_once_would(rest: str, values: dict[str, str]) -> None:
    template = rest.replace("{", "(").replace("}", ")") + "".join(f"<{{{name}}}>" for name in values)
    (e,) = experiments(prompt=template, vars=values)
    assert e.prompt == template.format_map(values)
    assert dict(e.vars) == values


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "{stile} of {animal}"}, ["prompt", "unknown variable 'stile'", "did you mean 'style'?"]),
        ({"prompt": "{style} cat"}, ["vars.animal", "nothing is done with this variable"]),
        ({"prompt": ["{style} {animal}", "a {animal}"]}, ["{style} is in some texts, and not in this", "'a {animal}'"]),
        ({"vars": {**TWO["vars"], "seed": [1]}}, ["vars.seed", "the name of an axis"]),
        ({"vars": {**TWO["vars"], "template": [1]}}, ["vars.template", "the name of an axis or another setting"]),
        ({"vars": {**TWO["vars"], "a b": [1]}}, ["not the name of a variable"]),
        ({"vars": {"style": ["oil", "oil"], "animal": "x"}}, ["vars.style.1", "the same value twice"]),
        ({"vars": {"style": [], "animal": "x"}}, ["vars.style", "the axis is empty"]),
        ({"vars": {"style": [""], "animal": "x"}}, ["vars.style", "not the value of a variable"]),
        ({"vars": {"style": [True], "animal": "x"}}, ["vars.style", "not the value of a variable"]),
        ({"vars": ["style"]}, ["vars", "not variables"]),
        ({"vars": {"style": "x" * 9995, "animal": "y"}}, ["prompt", "too long a text with its variables"]),
        ({"vars": {"style": {"file": "none.txt"}, "animal": "y"}}, ["vars.style.file", "there is no such file"]),
        ({"zip": ["style", "animl"]}, ["unknown axis 'animl'", "did you mean 'animal'?"]),
        ({"exclude": [{"animl": "x"}]}, ["unknown field 'animl'", "did you mean 'animal'?"]),
        ({"exclude": [{"animal": "a cta"}]}, ["excludes nothing", "did you mean 'a cat'?"]),
        ({"labels": {"animl": "x"}}, ["unknown axis 'animl'", "did you mean 'animal'?"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(cli, sweep_file, fields: dict[str, Any], words: list[str]) -> None:
    refused = cli("plan", path := sweep_file(yaml.safe_dump({**BASE, **TWO, **fields})))
    assert refused.code == 2
    assert str(path) in refused.err
    for word in words:
        assert word in refused.err


@pytest.mark.slow
def test_the_schema_takes_them_and_they_are_written_as_they_were(sweep_file) -> None:
    whole = {**BASE, **TWO, "labels": {"style": "medium", "style.oil": "Oil"}, "zip": [], "seed": [1, 2]}
    checker().validate(whole)
    sweep, document = read_sweep(sweep_file(yaml.safe_dump(whole)))
    again = sweep_file(yaml.safe_dump(as_written(sweep)), "again.yaml")
    assert read_sweep(again)[0] == sweep
    assert expand(*read_sweep(again)) == expand(sweep, document)
    for wrong in ({"vars": {"a b": 1}}, {"vars": {"a": [None]}}, {"vars": [1]}):
        with pytest.raises(jsonschema.ValidationError):
            checker().validate({**whole, **wrong})


@pytest.mark.slow
def test_a_run_goes_on_without_the_file_and_its_grids_and_tables_have_the_names(
    cli, sweep_file, tmp_path: Path
) -> None:
    (tmp_path / "animals.txt").write_text("a cat\na dog\n")
    given = {
        **BASE,
        **TWO,
        "vars": {"style": ["oil", "ink"], "animal": {"file": "animals.txt"}},
        "metrics": ["contrast"],
    }
    run = tmp_path / "run"
    assert (
        cli("run", sweep_file(yaml.safe_dump(given, sort_keys=False)), "--out", run, "--quiet", "--limit", 3).code == 0
    )
    (tmp_path / "animals.txt").unlink()
    assert cli("run", run, "--quiet").code == 0
    assert cli("verify", run).out == "4 of 4 pictures are there and whole, and nothing is amiss\n"
    assert [record["title"] for record in records_of(run)][3] == "style ink, animal a dog"
    table = cli("table", run).out.splitlines()
    assert (table[0].split()[:2], len(table)) == (["style", "animal"], 5)
    drawn = cli("grid", run, "--rows", "animal", "--cols", "style", "--labels", "style.oil=Oil", "--format", "svg")
    assert drawn.code == 0
    text = Path(drawn.out.strip()).read_text()
    for word in ("Oil", "style ink", "animal a cat", "{style} of {animal}"):
        assert word in text
    refused = cli("grid", run, "--rows", "animl")
    assert (refused.code, "did you mean 'animal'?" in refused.err) == (2, True)
    opened = cfgsweep.open_run(run)
    assert list(opened.to_pandas()["animal"]) == ["a cat", "a dog"] * 2
    assert len(opened.where("animal=a dog")) == 2
    planned = json.loads(cli("plan", run, "--json").out)
    assert (planned["axes"], planned["pending"]) == ({"style": 2, "animal": 2}, 0)


@pytest.mark.slow
def test_a_search_keeps_the_variables(cli, sweep_file, tmp_path: Path) -> None:
    fields = {**BASE, "prompt": "a {animal}", "vars": {"animal": ["cat", "dog"]}, "search": "value", "value": [1, 9]}
    fields["phase"] = {"low": 1, "high": 9, "scan": 5, "tolerance": 2}
    run = tmp_path / "run"
    found = cli("phase", sweep_file(yaml.safe_dump(fields)), "--out", run, "--quiet", "--json")
    assert found.code == 0, found.err
    assert {one["title"] for one in json.loads(found.out)["searches"]} == {"animal cat", "animal dog"}
    assert cli("verify", run).code == 0
    assert {e.value_of("animal") for e in cfgsweep.open_run(run).experiments} == {"cat", "dog"}
