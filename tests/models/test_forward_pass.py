"""Calls of modules within a forward pass, as those that watch it are told of them."""

from __future__ import annotations

from typing import Any

from torch import nn

from cfgsweep.models.forward_pass import bound, outputs_of, with_outputs


class Module(nn.Module):
    def forward(self, hidden_states: Any, temb: Any = None, **others: Any) -> None: ...


def test_arguments_are_named_in_the_order_of_the_parameters() -> None:
    module = Module()
    module.forward = lambda *args, **kwargs: None  # type: ignore[method-assign]  # as accelerate does
    assert list(bound(module, (), {"scale": 3, "temb": 2, "hidden_states": 1}).items()) == [
        ("hidden_states", 1),
        ("temb", 2),
        ("scale", 3),
    ]
    assert bound(module, (1, 2), {}) == {"hidden_states": 1, "temb": 2}


def test_outputs_keep_their_form() -> None:
    for output in (1, (1, None), [1, 2], (1,)):
        assert with_outputs(output, outputs_of(output)) == output
