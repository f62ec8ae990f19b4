"""The graph of nodes in pictures of ComfyUI: the text chunk `prompt`, {id: {class_type, inputs}}.

An input is a value, or [id, slot], a link to another node. The chunk `workflow` has the same graph as the editor draws
it, with unnamed values; of nodes that are known here it is read where there is no `prompt`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cfgsweep.errors import UserError
from cfgsweep.sweep.foreign.settings import ForeignSettings, as_text

Graph = Mapping[str, Mapping[str, Any]]  # by ids: the node's class as "class_type", and its "inputs"

SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustomAdvanced", "SamplerCustom")
SEEDS, TEXTS = ("seed", "noise_seed"), ("text", "t5xxl", "text_g", "clip_l", "text_l", "prompt", "string", "value")
NUMBERS = ("value", "int", "float")
MODELS = ("ckpt_name", "unet_name", "model_name", "model_path")
WIDGETS = {  # the names of a node's values, in the order of the editor
    "KSampler": ("seed", "control", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        *("add_noise", "noise_seed", "control", "steps", "cfg", "sampler_name", "scheduler"),
        *("start_at_step", "end_at_step", "return_with_leftover_noise"),
    ),
    "CLIPTextEncode": ("text",),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
}


def parse_graph(graph: Any) -> ForeignSettings:
    """The settings of the graph's first sampler. Raises UserError where it has none."""
    if not isinstance(graph, Mapping):
        raise UserError("not a graph of ComfyUI", given=as_text(graph)[:80])
    nodes = {str(name): node for name, node in graph.items() if _is_node(node)}
    samplers = [name for name, node in nodes.items() if node["class_type"] in SAMPLERS]
    if not samplers:
        kinds = sorted({str(node["class_type"]) for node in nodes.values()})[:20]
        raise UserError("no sampler that is known is in the graph of ComfyUI", given=kinds, allowed=SAMPLERS)
    found = _of_sampler(nodes, min(samplers, key=lambda name: (len(name), name)))
    if len(samplers) > 1:
        found.others["samplers in the graph"] = f"{len(samplers)}, of which this is the first"
    return found


def of_workflow(workflow: Any) -> dict[str, dict[str, Any]]:
    """The editor's graph in the form of the chunk `prompt`, with the values of nodes that are known."""
    listed, drawn = (workflow.get(key) if isinstance(workflow, Mapping) else None for key in ("nodes", "links"))
    links = {
        str(link[0]): [str(link[1]), link[2]]
        for link in (drawn if isinstance(drawn, list) else [])
        if isinstance(link, list) and len(link) >= 3
    }
    nodes = {}
    for node in listed if isinstance(listed, list) else []:
        if isinstance(node, Mapping) and isinstance(node.get("type"), str):
            nodes[str(node.get("id"))] = {"class_type": node["type"], "inputs": _inputs(node, links)}
    return nodes


def _inputs(node: Mapping[str, Any], links: Mapping[str, list[Any]]) -> dict[str, Any]:
    values, linked = node.get("widgets_values"), node.get("inputs")
    names = WIDGETS.get(node["type"], ())
    found = dict(zip(names, values if isinstance(values, list) else [], strict=False))
    for one in linked if isinstance(linked, list) else []:
        if isinstance(one, Mapping) and str(one.get("link")) in links:
            found[str(one.get("name"))] = links[str(one["link"])]
    return found


def _is_node(node: Any) -> bool:
    return (
        isinstance(node, Mapping)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), Mapping)
    )


def _of_sampler(nodes: Graph, name: str) -> ForeignSettings:
    """Of a sampler and all that leads to it."""
    inputs = nodes[name]["inputs"]
    loras = [
        (str(node["inputs"]["lora_name"]), _scale(node["inputs"].get("strength_model", 1.0)))
        for node in _upstream(nodes, inputs, ("model", "guider"))
        if isinstance(node["inputs"].get("lora_name"), str)
    ]
    latents = [node["inputs"] for node in _upstream(nodes, inputs, ("latent_image", "samples", "pixels", "image"))]
    sizes = [tuple(_value(nodes, one, (side,), (side, *NUMBERS)) for side in ("width", "height")) for one in latents]
    given = {key: as_text(inputs[key]) for key in ("denoise", "start_at_step", "end_at_step") if key in inputs}
    others = {key: one for key, one in given.items() if (key, one) not in (("denoise", "1"), ("denoise", "1.0"))}
    if (guidance := _guidance(nodes)) is not None:
        others["FluxGuidance"] = f"{as_text(guidance)}, in a sweep file `call: {{guidance_scale: …}}`,"
    return ForeignSettings(
        "ComfyUI",
        prompt=_text(nodes, inputs, "positive"),
        negative_prompt=_text(nodes, inputs, "negative"),
        model=str(_value(nodes, inputs, ("model", "guider"), MODELS) or ""),
        sampler=str(_value(nodes, inputs, ("sampler",), ("sampler_name",)) or ""),
        schedule=str(_value(nodes, inputs, ("sigmas",), ("scheduler",)) or ""),
        seed=_value(nodes, inputs, ("noise", *SEEDS), (*SEEDS, *NUMBERS)),
        steps=_value(nodes, inputs, ("sigmas", "steps"), ("steps", *NUMBERS)),
        value=1 if _is_unguided(nodes, inputs) else _value(nodes, inputs, ("guider", "cfg"), ("cfg", *NUMBERS)),
        size=next(((width, height) for width, height in sizes if width and height), None),
        loras=loras,
        others=others,
    )


def _guidance(nodes: Graph) -> object:
    """The embedded guidance of a Flux, an input of its network; None where it is not told."""
    found = (node["inputs"].get("guidance") for node in nodes.values() if node["class_type"] == "FluxGuidance")
    return next(filter(_plain, found), None)


def _is_unguided(nodes: Graph, inputs: Mapping[str, Any]) -> bool:
    return any(node["class_type"] == "BasicGuider" for node in _upstream(nodes, inputs, ("guider",)))


def _text(nodes: Graph, inputs: Mapping[str, Any], role: str) -> str:
    """The first text that leads to a sampler as its positive or negative condition."""
    holders = [inputs, *(node["inputs"] for node in _upstream(nodes, inputs, ("guider",)))]
    ways = (role, "conditioning") if role == "positive" else (role,)
    for start in ({"conditioning": one[way]} for one in holders for way in ways if way in one):
        for node in _upstream(nodes, start, (role, "conditioning", "conditioning_1", "conditioning_to", *TEXTS)):
            for name in TEXTS:
                if isinstance(text := node["inputs"].get(name), str):
                    return text
    return ""


def _value(nodes: Graph, inputs: Mapping[str, Any], ways: Sequence[str], names: Sequence[str]) -> object:
    """The first value of one of these names, in the node itself or in those that lead to it."""
    for one in ({"inputs": inputs}, *_upstream(nodes, inputs, ways)):
        for name in names:
            if _plain(value := one["inputs"].get(name)):
                return value
    return None


def _upstream(nodes: Graph, inputs: Mapping[str, Any], ways: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The nodes from which inputs of these names come, the nearest first, each once."""
    waiting, seen = [inputs], set[str]()
    while waiting:
        links = [waiting[0].get(way) for way in ways]
        waiting = waiting[1:]
        for link in links:
            if isinstance(link, list) and link and (name := str(link[0])) in nodes and name not in seen:
                seen.add(name)
                yield nodes[name]
                waiting.append(nodes[name]["inputs"])


def _plain(*values: object) -> bool:
    return all(isinstance(value, int | float | str) for value in values)


def _scale(given: object) -> float:
    return float(given) if isinstance(given, int | float) else 1.0
