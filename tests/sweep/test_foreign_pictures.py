"""Settings that A1111 and ComfyUI write into pictures become sweep files of one cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cfgsweep.errors import UserError
from cfgsweep.sweep.expand import expand
from cfgsweep.sweep.foreign.a1111 import parse_parameters
from cfgsweep.sweep.foreign.as_sweep import as_sweep_file
from cfgsweep.sweep.foreign.comfyui import parse_graph
from cfgsweep.sweep.schema import Sweep, read_sweep
from tests.support.foreign_pictures import A1111, COMFY, CUSTOM, WORKFLOW, picture_with

FROM_A1111 = {
    **{"name": "converted-fox", "model": "dreamshaper_8.safetensors", "negative_prompt": "blurry, text\nlowres"},
    **{"prompt": "a red fox, (detailed:1.2),\nin the snow", "seed": 965400086, "steps": 25, "value": 6.5},
    **{"sampler": "dpm++2m_karras", "size": [512, 768], "guider": "cfg"},
}
FROM_COMFY = {
    **{"name": "converted-fox", "model": "v1-5-pruned-emaonly.safetensors", "negative_prompt": "text, watermark"},
    **{"prompt": "a glass bottle", "seed": 156680208700286, "steps": 20, "value": 8, "sampler": "euler_a"},
    **{"size": [512, 640], "guider": "cfg"},
}
FROM_CUSTOM = {
    **{"name": "converted-fox", "model": "flux1-dev.safetensors", "prompt": "a lighthouse", "negative_prompt": ""},
    **{"seed": 7, "steps": 28, "sampler": "euler", "size": [1024, 1024], "guider": "cfg", "value": 1},
}


@pytest.mark.parametrize(
    ("texts", "expected", "remarks"),
    [
        ({"parameters": A1111}, FROM_A1111, ["dreamshaper_8 is not here", "film_grain.safetensors, scale: 0.8",
                                             "(word:1.3)", "Clip skip: 2", "Lora hashes: film_grain: abc, b: c"]),
        ({"prompt": COMFY}, FROM_COMFY, ["v1-5-pruned-emaonly is not here", "pixel.safetensors, scale: 0.7"]),
        ({"prompt": CUSTOM}, FROM_CUSTOM, ["FluxGuidance: 3.5", "call: {guidance_scale"]),
        ({"workflow": WORKFLOW}, FROM_COMFY, ["v1-5-pruned-emaonly is not here"]),
        ({"prompt": "not JSON", "workflow": WORKFLOW}, FROM_COMFY, ["v1-5-pruned-emaonly is not here"]),
        ({"parameters": A1111, "prompt": COMFY}, FROM_A1111, ["dreamshaper_8 is not here"]),
    ],
)  # fmt: skip
def test_a_picture_becomes_a_sweep_that_can_be_planned(
    cli, tmp_path: Path, texts: dict, expected: dict, remarks: list[str]
) -> None:
    picture = picture_with(tmp_path / "fox.png", **texts)
    done = cli("convert", picture)
    assert (done.code, done.out.splitlines()[-1]) == (0, str(tmp_path / "fox.yaml")), done.err
    written = (tmp_path / "fox.yaml").read_text()
    assert yaml.safe_load(written) == expected
    for remark in remarks:
        assert remark in done.out
        assert remark in written
    planned = cli("plan", tmp_path / "fox.yaml", "--out", tmp_path / "run")
    assert (planned.code, planned.out.splitlines()[0]) == (0, "converted-fox: one cell")
    again = cli("convert", picture)
    assert (again.code, "there is such a file already" in again.err) == (2, True)
    assert (tmp_path / "fox.yaml").read_text() == written
    assert cli("convert", picture, "--out", tmp_path / "deep" / "other.yaml").code == 0


def test_files_of_weights_beside_the_picture_are_found(cli, tmp_path: Path) -> None:
    for name in ("dreamshaper_8", "film_grain"):
        (tmp_path / f"{name}.safetensors").write_bytes(b"")
    done = cli("convert", picture_with(tmp_path / "fox.png", parameters=A1111))
    written = yaml.safe_load((tmp_path / "fox.yaml").read_text())
    assert written["model"] == str(tmp_path / "dreamshaper_8.safetensors")
    assert written["lora"] == [[{"file": str(tmp_path / "film_grain.safetensors"), "scale": 0.8}]]
    assert "is not here" not in done.out
    (e,) = expand(read_sweep(tmp_path / "fox.yaml")[0])
    assert [lora.scale for lora in e.lora] == [0.8]


def test_a_picture_of_cfgsweep_becomes_its_own_experiment_again(cli, sweep_file, tmp_path: Path) -> None:
    text = "name: x\nmodel: emoji\nprompt: a cat, a dog\nguider: tnorm\nvalue: 0.2\nsteps: 1\nseed: 5\n"
    sweep, document = read_sweep(sweep_file(text + "negative_prompt: z\n"))
    assert cli("run", tmp_path / "sweep.yaml", "--out", tmp_path / "run", "--quiet").code == 0
    (picture,) = (tmp_path / "run/images").glob("*.png")
    done = cli("convert", picture, "--out", tmp_path / "back.yaml")
    assert done.out == f"{tmp_path / 'back.yaml'}\n"
    assert [e.id for e in expand(*read_sweep(tmp_path / "back.yaml"))] == [e.id for e in expand(sweep, document)]


@pytest.mark.parametrize(
    ("sampler", "schedule", "ours", "remark"),
    [
        ("DPM++ 2M Karras", "", "dpm++2m_karras", ""),
        ("dpmpp_2m", "karras", "dpm++2m_karras", ""),
        ("Euler a", "Automatic", "euler_a", ""),
        ("Euler a", "Karras", "euler_a", "Euler a Karras is taken over as euler_a"),
        ("DDIM", "", "ddim", ""),
        ("DPM++ SDE", "Karras", None, "DPM++ SDE is not taken over"),
    ],
)
def test_samplers_by_the_names_of_other_programs(sampler: str, schedule: str, ours: str | None, remark: str) -> None:
    text = f"a\nSteps: 9, Sampler: {sampler}, Schedule type: {schedule}, Seed: 1"
    written, remarks = as_sweep_file(parse_parameters(text), "x", "x.png", lambda name: None)
    assert yaml.safe_load(written).get("sampler") == ours
    assert (remark in " ".join(remarks)) if remark else not any("sampler" in one for one in remarks)


@pytest.mark.parametrize(
    ("line", "remark"),
    [
        ("Steps: 0, Sampler: Euler, Seed: 1", "steps: 0 is not taken over"),
        ("Steps: 9, Sampler: Euler, Seed: -1", "seed: -1 is not taken over"),
        ("Steps: 9, Sampler: Euler, Size: 511x512", "size: 511x512 is not taken over"),
        ("Steps: 9, Sampler: Euler, CFG scale: nan", "value: nan is not taken over"),
        (f"Steps: {'9' * 5000}, Sampler: Euler, Seed: 1", "steps: 999"),
    ],
)
def test_what_no_sweep_can_have_is_remarked_and_left_out(line: str, remark: str) -> None:
    written, remarks = as_sweep_file(parse_parameters(f"a\n{line}"), "x", "x.png", lambda name: None)
    assert remark in " ".join(remarks)
    Sweep(**yaml.safe_load(written))


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({}, "there are no settings in the picture"),
        ({"parameters": "  "}, "there are no settings in the picture"),
        ({"prompt": "{"}, "there are no settings in the picture"),
        ({"prompt": "[" * 100_000}, "there are no settings in the picture"),
        ({"prompt": "[1]"}, "not a graph of ComfyUI"),
        ({"prompt": {"1": {"class_type": "SaveImage", "inputs": {}}}}, "no sampler that is known"),
        ({"prompt": "x" * 5_000_000}, "cannot be read"),
    ],
)
def test_pictures_without_settings_are_refused(cli, tmp_path: Path, texts: dict, problem: str) -> None:
    refused = cli("convert", picture_with(tmp_path / "a.png", **texts))
    assert (refused.code, problem in refused.err) == (2, True), refused.err
    assert not (tmp_path / "a.yaml").exists()


def test_what_is_no_png_is_refused(cli, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg")
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\xff" * 50)
    for name, words in (
        ("a.jpg", "a PNG"),
        ("b.png", "cannot be read"),
        ("c.png", "no such picture file"),
        (".", "no such"),
    ):
        refused = cli("convert", tmp_path / name)
        assert (refused.code, words in refused.err) == (2, True)


def test_a_text_without_a_line_of_settings_is_prompts() -> None:
    found = parse_parameters("a fox: red\nNegative prompt: bad, worse")
    assert (found.prompt, found.negative_prompt, found.steps) == ("a fox: red", "bad, worse", None)


def test_graphs_with_cycles_end() -> None:
    graph = {
        "1": {"class_type": "KSampler", "inputs": {"positive": ["2", 0], "model": ["3", 0], "latent_image": ["1", 0]}},
        "2": {"class_type": "X", "inputs": {"conditioning": ["2", 0], "positive": ["1", 0]}},
        "3": {"class_type": "X", "inputs": {"model": ["3", 0]}},
    }
    assert parse_graph(graph).prompt == ""


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
links = st.tuples(st.sampled_from("123"), st.integers(0, 2)).map(list)
names = st.sampled_from(
    [*("seed", "noise_seed", "steps", "cfg", "sampler_name", "scheduler", "denoise", "model", "positive", "negative"),
     *("latent_image", "width", "height", "text", "ckpt_name", "lora_name", "strength_model", "guider", "conditioning")]
)  # fmt: skip
kinds = st.sampled_from(["KSampler", "SamplerCustomAdvanced", "BasicGuider", "FluxGuidance", "LoraLoader", "X"])
nodes = st.fixed_dictionaries(
    {"class_type": kinds, "inputs": st.dictionaries(names, scalars | links | st.lists(scalars, max_size=2), max_size=9)}
)


def sweep_of(found: Any) -> None:
    written, _ = as_sweep_file(found, "x y", "x\ny.png", lambda name: None)
    Sweep(**yaml.safe_load(written))


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from("123"), nodes, min_size=1))
def test_every_graph_gives_a_sweep_or_an_error(graph: dict) -> None:
    try:
        found = parse_graph(graph)
    except UserError:
        return
    sweep_of(found)


@settings(max_examples=300)
@given(st.lists(st.text(max_size=20) | st.sampled_from(
    ["\n", "Negative prompt: ", "Steps: ", "20", ", ", "Sampler: ", "Seed: ", "Size: ", "8x8", "CFG scale: ", "1e999",
     "<lora:a:nan>", '"', "Model: ", "Guider: ", "[", "\x00", "\ud800", "#", "Schedule: "]
), max_size=30))  # fmt: skip
def test_every_text_gives_a_sweep(parts: list[str]) -> None:
    sweep_of(parse_parameters("".join(parts)))
