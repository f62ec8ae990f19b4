"""What a layer perturbation changes in one pass through a transformer, and in which blocks it can change anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cfgsweep.errors import UserError
from cfgsweep.guidance.perturbations import Kind, LayerPerturbation
from cfgsweep.models.forward_pass import AttentionPlace, ForwardPass, Inputs, Place, outputs_of, with_outputs
from cfgsweep.models.image_attention import attend_blurred, attend_by_identity, positions_of
from cfgsweep.models.perturbation_hooks import project_output
from cfgsweep.models.token_origins import CallOrigins, TensorOrigins, TokenOrigins
from cfgsweep.models.transformer_blocks import Shape, is_attention, is_feed_forward, is_linear_attention, picture_grid

Role = Literal["block", "attention", "attention with feed-forward", "feed_forward"]
CHANGED: dict[Kind, Role] = {
    "block": "block",
    "attention": "attention",
    "attention_residual": "attention",
    "feed_forward": "feed_forward",
}
ATTENTION_KINDS: tuple[Kind, ...] = ("identity", "blur")  # those that change what happens within an attention
IN_WORDS: dict[Kind, str] = {"identity": "attention_scores (PAG)", "blur": "blurred queries (SEG)"}
_NO_SCORES = "linear attention has no scores to blur, and attention by other backends than 'native' is not seen"
_AS_ONE = "some blocks compute this together with other parts, or for the text alone"
WHY_NOT: dict[Kind, str] = {
    "identity": _NO_SCORES,
    "blur": _NO_SCORES,
    "attention": _AS_ONE,
    "attention_residual": _AS_ONE,
    "feed_forward": _AS_ONE,
    "block": "the block's inputs and outputs cannot be told apart",
}


@dataclass(frozen=True)
class BlockParts:
    """A block, and the modules in it that are attention or feed-forward layers, with their roles."""

    roles: dict[nn.Module, Role]

    @classmethod
    def of(cls, block: nn.Module) -> BlockParts:
        roles: dict[nn.Module, Role] = {block: "block"}
        within = ""  # the feed-forward layer that comes before, with what is in it
        for path, module in block.named_modules():
            name = path.rpartition(".")[2]
            if within and path.startswith(within):
                continue
            if is_attention(name, module):
                has_feed_forward = any("mlp" in child for child, _ in module.named_children())
                roles[module] = "attention with feed-forward" if has_feed_forward else "attention"
            elif is_feed_forward(name, module):
                roles[module], within = "feed_forward", f"{path}."
        return cls(roles)

    def refuse_missing(self, kind: Kind, name: str) -> None:
        """Raises UserError where the block has no part of its own for this kind, as far as its modules tell."""
        there = [other for other, role in CHANGED.items() if role in self.roles.values()]
        _require(kind, [*there, *ATTENTION_KINDS], name)

    def possible(self, origins: TokenOrigins) -> list[Kind]:
        """The kinds of perturbation that change what this block makes of the latents' tokens."""
        calls = [
            (self.roles[place.module], call) for place, call in origins.calls.items() if place.module in self.roles
        ]
        kinds = [kind for kind in CHANGED if any(_can_change(kind, *call) for call in calls)]
        if any(attention.place.module in self.roles for attention in origins.self_attention):
            return [*kinds, *ATTENTION_KINDS]
        return [*kinds, "identity"] if any(map(is_linear_attention, self.roles)) else kinds

    def refuse_impossible(self, kind: Kind, name: str, origins: TokenOrigins, shape: Shape) -> None:
        """Raises UserError, with the kinds that are possible, where this kind would change nothing.

        name: of the block. shape: of the latents. Also where the latents' tokens are not as many as the shape says,
        since something other than attention mixes tokens then.
        """
        _require(kind, self.possible(origins), name)
        if kind in ATTENTION_KINDS:
            for place, (queries, _) in origins.self_attention.items():
                if place.place.module in self.roles:
                    picture_grid(positions_of(queries).shape[1], shape)


def _require(kind: Kind, possible: Sequence[Kind], name: str) -> None:
    if kind not in possible:
        raise UserError(
            f"layer {name!r} cannot be perturbed in this way",
            given=IN_WORDS.get(kind, kind),
            allowed=[IN_WORDS.get(other, other) for other in possible] or "no perturbation of this layer",
            hint=WHY_NOT[kind],
        )


def _can_change(kind: Kind, role: Role, call: CallOrigins) -> bool:
    if role != CHANGED[kind] or (role == "attention" and not call.self_attends):
        return False
    changed = [i for i, output in enumerate(call.outputs) if _is_changed(kind, output)]
    if kind == "attention_residual":
        return bool(changed)
    sources = [call.source_of(i) for i in changed]
    return bool(changed) and None not in sources and len(set(sources)) == len(sources)


def _is_changed(kind: Kind, output: TensorOrigins | None) -> bool:
    """A skipped block returns all streams as they were; the other kinds change the latents' tokens alone."""
    return output is not None and (kind == "block" or output.mask is not None)


class PerturbedPass(ForwardPass):
    """A pass in which some blocks are perturbed.

    origins: which tokens of this pass are the latents', to be set when it begins.
    """

    origins: TokenOrigins

    def __init__(self, perturbation: LayerPerturbation, shape: Shape, blocks: Mapping[nn.Module, BlockParts]):
        super().__init__(attention_within=blocks if perturbation.kind in ATTENTION_KINDS else ())
        self._perturbation, self._shape = perturbation, shape
        self._roles = {module: role for block in blocks.values() for module, role in block.roles.items()}

    def after(self, place: Place, inputs: Inputs, output: Any) -> Any:
        kind = self._perturbation.kind
        module: Any = place.module
        if module not in self._roles:
            return output
        call = self.origins.calls[place]
        if kind == "identity" and call.self_attends and is_linear_attention(module):
            return project_output(module, module.to_v(inputs["hidden_states"]))
        if kind in ATTENTION_KINDS or not _can_change(kind, self._roles[module], call):
            return output
        changed = outputs_of(output)
        for i, origins in enumerate(call.outputs):
            if origins is not None and _is_changed(kind, origins):
                source = call.source_of(i)
                changed[i] = _changed(kind, changed[i], origins.mask, inputs[source] if source else changed[i])
        return with_outputs(output, changed)

    def attend(self, place: AttentionPlace, attention: Callable[..., Tensor], given: dict[str, Any]) -> Tensor:
        picture = self.origins.self_attention.get(place)
        if picture is None or place.place.module not in self._roles:
            return attention(**given)
        if self._perturbation.kind == "identity":
            return attend_by_identity(attention, given, *picture)
        return attend_blurred(attention, given, picture[0], self._perturbation.blur_sigma, self._shape)


def _changed(kind: Kind, output: Tensor, picture: Tensor | None, source: Tensor) -> Tensor:
    """What a module returns in place of its output. source: what it was given for the same tokens."""
    if kind == "block" or picture is None:
        return source
    value = 0 if kind == "attention_residual" else source.to(output.dtype)
    return torch.where(picture[..., None], value, output)
