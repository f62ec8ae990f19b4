"""Sweep files: what they expand to, and the errors of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from cfgsweep.errors import UserError
from cfgsweep.execution.sanity_checks import cautions
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.schema import Sweep, read_sweep
from cfgsweep.sweep.serialize import as_written
from cfgsweep.sweep.titles import title, varying
from tests.support.json_schemas import checker

CONFIGS = sorted(Path(__file__).parents[2].glob("configs/*.yaml"))

BASE = """\
name: test
model: emoji
prompt: a cat
guider: [tnorm, fullnorm]
value: [0.1, 0.2]
"""


def error_of(sweep_file, text: str, *overrides: str) -> str:
    path = sweep_file(text)
    with pytest.raises(UserError) as caught:
        expand(*read_sweep(path, list(overrides)))
    return str(caught.value).replace(str(path), "F")


def experiments_of(sweep_file, text: str, *overrides: str):
    return expand(*read_sweep(sweep_file(text), list(overrides)))


def test_the_grid_is_the_product_of_the_axes(sweep_file) -> None:
    got = experiments_of(sweep_file, BASE + "seed: [1, 2, 3]\n")
    assert len(got) == len({e.id for e in got}) == 2 * 2 * 3
    assert varying(got) == ["seed", "guider", "value"]
    assert title(got[0], varying(got)) == "seed 1, tnorm, value 0.1"


def test_zip_moves_axes_together(sweep_file) -> None:
    got = experiments_of(sweep_file, BASE + "seed: [1, 2]\nzip: [guider, value]\n")
    cells = {(e.seed, e.guider.name, e.value) for e in got}
    assert cells == {(s, *pair) for s in (1, 2) for pair in (("tnorm", 0.1), ("fullnorm", 0.2))}


@pytest.mark.parametrize(
    ("exclude", "left"),
    [
        ("[{guider: fullnorm, value: 0.2}]", 3),
        ("{value: [0.1, 0.2], guider: tnorm}", 2),
        ("[{value: '> 0.15'}]", 2),
        ("[{value: '<= 0.1', guider: tnorm}]", 3),
        ("[{size: native, guider: tnorm}]", 2),
    ],
)
def test_exclude_drops_cells(sweep_file, exclude: str, left: int) -> None:
    assert len(experiments_of(sweep_file, BASE + f"exclude: {exclude}\n")) == left


def test_a_bare_name_excludes_a_guider_with_any_parameters(sweep_file) -> None:
    text = BASE.replace("tnorm,", "{tnorm: {stop: 0.5}},") + "exclude: {guider: tnorm}\n"
    assert {e.guider.name for e in experiments_of(sweep_file, text)} == {"fullnorm"}


def test_what_is_left_out_is_native_for_sizes_alone(sweep_file) -> None:
    (left,) = {e.vae for e in experiments_of(sweep_file, BASE + "vae: [null, native]\nexclude: [{vae: native}]\n")}
    assert left is None


def test_guider_parameters_may_be_lists(sweep_file) -> None:
    text = BASE.replace("[tnorm, fullnorm]", "[cfg, {cfg: {start: [0.1, 0.2], stop: {range: [0.5, 0.7, 0.1]}}}]")
    got = {e.guider.title() for e in experiments_of(sweep_file, text)}
    windows = {f"cfg start={a} stop={b}" for a in (0.1, 0.2) for b in (0.5, 0.6, 0.7)}
    assert got == {"cfg", *windows}


@pytest.mark.parametrize(
    ("written", "sizes"),
    [
        ("native", [None]),
        ("512", [(512, 512)]),
        ("[512, 768]", [(512, 768)]),
        ("[[512, 768], native, 64]", [(512, 768), None, (64, 64)]),
    ],
)
def test_sizes(sweep_file, written: str, sizes: list) -> None:
    assert read_sweep(sweep_file(BASE + f"size: {written}\n"))[0].size == sizes


def test_numbers_with_exponents_are_numbers(sweep_file) -> None:
    assert read_sweep(sweep_file(BASE.replace("[0.1, 0.2]", "[1e-4, 2E3, 1.5e-3]")))[0].value == [1e-4, 2e3, 1.5e-3]


def test_overrides_replace_fields(sweep_file) -> None:
    got = experiments_of(sweep_file, BASE, "steps=20", "value=[0.3]", "guider={cfg: {stop: 0.5}}")
    assert [(e.steps, e.value, e.guider.spec()) for e in got] == [(20, 0.3, {"cfg": {"stop": 0.5}})]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("value:", "valeu:"), ["F:5: valeu: unknown key", "did you mean 'value'?"]),
        (("guider:", "guidr:"), ["F:4: guidr: unknown key", "did you mean 'guider'?"]),
        (("name: test", "nme: [test]"), ["F:1: nme: unknown key", "did you mean 'name'?"]),
        (("[tnorm, fullnorm]", "[tnorm, fulnorm]"), ["F:4: guider.1: unknown guider 'fulnorm'", "'fullnorm'?"]),
        (("[0.1, 0.2]", "[0.1, 0.1]"), ["F:5: value.1: the same value twice", "0.1"]),
        (("[0.1, 0.2]", "[]"), ["F:5: value: the axis is empty"]),
        (("[0.1, 0.2]", "[0.1, big]"), ["F:5: value.1: not a number", "'big'"]),
        (("[0.1, 0.2]", "true"), ["F:5: value.0: not a number", "True"]),
        (("[0.1, 0.2]", ".inf"), ["F:5: value.0", "finite"]),
        (("[0.1, 0.2]", ".nan"), ["F:5: value.0", "finite"]),
        (("prompt: a cat", "prompt: 7"), ["F:3: prompt.0: not a text", "7", "in quotes"]),
        (("prompt: a cat\n", ""), ["F:", "prompt", "missing"]),
        (("name: test", "name: ../test"), ["F:1: name", "'../test'"]),
        (("[tnorm, fullnorm]", "{cfg: {strat: 0.1}}"), ["F:4: guider", "'strat'", "did you mean 'start'?"]),
        (("[tnorm, fullnorm]", "{null: {start: 0.1}}"), ["F:4: guider: not a guider", "None"]),
        (("[tnorm, fullnorm]", "{cfg: {null: 1}}"), ["F:4: guider", "unknown parameter"]),
        (("name: test", "name: test\nnull: 1"), ["None: Keys should be strings"]),
        (("[tnorm, fullnorm]", "{pag: {layers: null}}"), ["F:4: guider", "a layer is a name or a number"]),
        (("[tnorm, fullnorm]", "{cfg: {start: yes}}"), ["F:4: guider", "start: not a number"]),
        (("[tnorm, fullnorm]", "{cfg: {start: 0.5, stop: 0.5}}"), ["F:4: guider", "window is empty"]),
        (("[tnorm, fullnorm]", "{cfg: {start: 0.5, stop: 0.51}}"), ["F:4: guider", "contains no step", "50 steps"]),
        (("[tnorm, fullnorm]", "{cfg: {start: {cosine: {}}}}"), ["F:4: guider", "start"]),
        (("[tnorm, fullnorm]", "\n  - tnorm\n  - fulnorm"), ["F:6: guider.1: unknown guider 'fulnorm'"]),
        (("[tnorm, fullnorm]", "7"), ["F:4: guider: not a guider", "7"]),
        (("name: test", "name: null"), ["F:1: name: not a text", "in quotes"]),
        (("name: test", "name: test\ndiagnostics: maybe"), ["F:2: diagnostics: neither true nor false", "'maybe'"]),
        (("name: test", "name: test\nphase: 3"), ["F:2: phase: not a mapping", "3"]),
        (("prompt: a cat", "prompt: a cat\nseed: 1.5"), ["F:4: seed.0: not a whole number", "1.5"]),
        (("prompt: a cat", f"prompt: {'a' * 10_001}"), ["F:3: prompt.0: too long", "at most 10000 characters"]),
    ],
)
def test_errors_name_file_line_and_key(sweep_file, change: tuple[str, str], expected: list[str]) -> None:
    text = error_of(sweep_file, BASE.replace(*change))
    for part in expected:
        assert part in text


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sampler: eulr", ["F:6: sampler.0: unknown sampler 'eulr'", "did you mean 'euler'?"]),
        ("steps: 0", ["F:6: steps.0", "too small", "1 or more"]),
        ("steps: 20.5", ["F:6: steps.0", "20.5"]),
        (f"seed: {2**64}", ["F:6: seed.0", f"to {2**64 - 1}"]),
        ("size: 100", ["F:6: size", "multiples of 8"]),
        ("size: big", ["F:6: size", "'big'"]),
        ("schedule: {cosine: {k_deacy: 1}}", ["F:6: schedule", "'k_deacy'", "did you mean 'k_decay'?"]),
        ("schedule: {cosine: {max_val: 1.0}}", ["F:6: schedule", "max_val is what `value` sets"]),
        ("schedule: {cosine: {k_decay: -1}}", ["F:6: schedule", "no value"]),
        ("schedule: {list: [1.0, 2.0]}", ["F:6: schedule", "one number per step", "2 numbers for 50 steps"]),
        ("zip: [seed, colour]", ["F:6: zip.0: unknown axis 'colour'"]),
        ("zip: [guider, seed]", ["F:6: zip.0: zipped axes must be equally long", "'guider': 2"]),
        ("exclude: [{value: 0.7}]", ["F:6: exclude.0: excludes nothing"]),
        ("exclude: [{guider: tnrom}]", ["F:6: exclude.0: excludes nothing", "did you mean 'tnorm'?"]),
        ("exclude: [{valeu: 0.1}]", ["F:6: exclude.0.valeu: unknown field", "'value'?"]),
        ("exclude: [{value: [0.1, 0.2]}]", ["F:6: exclude: every cell is excluded"]),
        ("phase: {scan: 1, lwo: 0}", ["F:6: phase.lwo: unknown key", "did you mean 'low'?"]),
        ("name: again", ["F:6: key 'name' is there twice"]),
        ("seed: [1, 2", ["F:", "not valid YAML"]),
        ("seed: !!python/object/apply:os.system [ls]", ["F:6", "not valid YAML", "constructor"]),
    ],
)
def test_errors_of_optional_fields_name_file_line_and_key(sweep_file, line: str, expected: list[str]) -> None:
    text = error_of(sweep_file, BASE + line + "\n")
    for part in expected:
        assert part in text


def test_an_error_in_an_override_names_the_override(sweep_file) -> None:
    assert "--set: steps" in error_of(sweep_file, BASE, "steps=none")
    assert "--set: not an assignment" in error_of(sweep_file, BASE, "steps")
    assert "--set: stps: unknown key" in error_of(sweep_file, BASE, "stps=4")


def test_documents_that_would_expand_beyond_bounds_are_refused(sweep_file) -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n"
    for this, last in zip("bcdefghij", "abcdefghi", strict=True):
        bomb += f"{this}: &{this} [{', '.join(['*' + last] * 9)}]\n"
    assert "too large once its aliases are expanded" in error_of(sweep_file, bomb)
    assert "nested too deeply" in error_of(sweep_file, "a: " + "[" * 60 + "]" * 60)
    assert "nested too deeply" in error_of(sweep_file, "a: " + "[" * 5000 + "]" * 5000)
    assert "nested too deeply" in error_of(sweep_file, "a: &a [*a]\n")
    assert "file too large" in error_of(sweep_file, "#" * 5_000_000)
    assert "must be a mapping" in error_of(sweep_file, "- 1\n")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read"):
        read_sweep(tmp_path / "none.yaml")


def test_guidance_between_equal_prompts_gives_a_notice(sweep_file) -> None:
    assert "guidance does nothing" in cautions(experiments_of(sweep_file, BASE + "negative_prompt: a cat\n"))[0]
    assert not cautions(experiments_of(sweep_file, BASE))


SETTINGS = {
    "seed: 1": "seed: 2",
    "steps: 10": "steps: 11",
    "sampler: euler": "sampler: ddim",
    "size: 64": "size: [64, 72]",
    "prompt: a cat": "prompt: a dog",
    'negative_prompt: ""': "negative_prompt: blurry",
    "model: emoji": "model: other/model",
    "guider: cfg": "guider: {cfg: {stop: 0.5}}",
    "schedule: {cosine: {min_val: 0}}": "schedule: {cosine: {min_val: 0.1}}",
    "value: 3": "value: 3.0000000000000004",
}


@pytest.mark.parametrize("line", SETTINGS)
def test_every_setting_changes_the_id(sweep_file, line: str) -> None:
    text = "name: x\n" + "\n".join(SETTINGS) + "\n"
    (before,) = experiments_of(sweep_file, text)
    (after,) = experiments_of(sweep_file, text.replace(line, SETTINGS[line]))
    assert before.id != after.id


def test_a_list_of_numbers_is_one_schedule_not_an_axis(sweep_file) -> None:
    got = experiments_of(sweep_file, BASE + "steps: 3\nschedule: [constant, {list: [1, 0.5, 0]}]\n")
    assert {tuple(e.scales()) for e in got} == {(v,) * 3 for v in (0.1, 0.2)} | {(v, v / 2, 0) for v in (0.1, 0.2)}


def test_the_name_does_not_change_the_id(sweep_file) -> None:
    assert experiments_of(sweep_file, BASE)[0].id == experiments_of(sweep_file, BASE, "name=other")[0].id


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid_and_named_after_their_file(path: Path) -> None:
    sweep, document = read_sweep(path)
    assert sweep.name == path.stem
    assert expand(sweep, document)
    checker().validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_resolved_sweep_means_the_same(path: Path, tmp_path: Path) -> None:
    sweep, document = read_sweep(path)
    again = tmp_path / "again.yaml"
    again.write_text(yaml.safe_dump(as_written(sweep)))
    assert [e.id for e in expand(*read_sweep(again))] == [e.id for e in expand(sweep, document)]


@pytest.mark.slow
def test_the_schema_refuses_what_the_reader_refuses() -> None:
    allowed = checker()
    good = yaml.safe_load(BASE)
    allowed.validate(good)
    for fine in (
        {"guider": ["cfg", {"cfg": {"start": [0.1, 0.2], "stop": {"range": [0.5, 0.7, 0.1]}}}]},
        {"schedule": [{"list": [1.0, 2.0]}, {"cosine": {"k_decay": 0.7}}], "value": {"linspace": [0, 1, 3]}},
        {"size": [[512, 768], "native"], "zip": ["seed", "prompt"]},
        {"guider": {"pag": {"pag_scale": [1.0, {"cosine": {"max_val": 3}}], "layers": ["mid", "up.1"]}}},
        {"guider": [{"pag": {"layers": "mid"}}, {"slg": {"layers": [0, 1]}}]},
        {"schedule": {"piecewise": [[10, 5.0], [20, 7.5]]}},
        {"guider": ["my.py:Mine", {"../my.py:Mine": {"gain": [1, 2]}}], "schedule": {"my.py:Curve": None}},
    ):
        allowed.validate({**good, **fine})
    for bad in (
        {"guider": {"cfg": {"strat": 0.1}}},
        {"guider": {"cfg": {"start": 1.5}}},
        {"guider": {"pag": {"layers": []}}},
        {"valeu": 1},
        {"steps": "many"},
        {"sampler": "eulr"},
        {"guider": "fulnorm"},
        {"seed": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            allowed.validate({**good, **bad})
    assert json.dumps(allowed.schema)


def test_a_swept_parameter_is_named_also_at_its_default() -> None:
    fields = {"name": "s", "model": "emoji", "prompt": "a cat", "value": 5}
    sweep = Sweep(**fields, guider={"apg": {"eta": [0.0, 1.0]}})
    for one in (sweep, Sweep(**as_written(sweep))):
        assert [title(e, ["guider"]) for e in expand(one)] == ["apg eta=0", "apg eta=1"]
        assert [e.guider.spec() for e in expand(one)] == [{"apg": {"eta": 0.0}}, {"apg": {"eta": 1.0}}]
    (unnamed,) = expand(Sweep(**fields, guider="apg"))
    (named,) = (e for e in expand(sweep) if e.guider.eta == unnamed.guider.eta)
    assert (named, named.id) == (unnamed, unnamed.id)
