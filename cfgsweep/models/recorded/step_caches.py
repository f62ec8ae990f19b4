"""Caches of diffusers by which steps reuse what earlier ones computed, with one state for every way of predictions.

A pipeline keeps the state in its network, for one picture at a time. Here it is taken out after every call and put back
before the next one of the same trajectory and branch, so that predictions of many pictures can alternate.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from diffusers import hooks
from diffusers.hooks.hooks import HookRegistry, StateManager
from diffusers.hooks.mag_cache import FLUX_MAG_RATIOS
from diffusers.hooks.taylorseer_cache import TaylorSeerCacheHook, TaylorSeerState
from diffusers.models.cache_utils import CacheMixin
from torch import nn

from cfgsweep.errors import UserError, shorten
from cfgsweep.models.denoiser import CacheSlot
from cfgsweep.models.recorded.turns import Turns
from cfgsweep.samplers import StepCache, thawed

ROW = "row"  # the name of the only context that is used
UNCACHED = "uncached"
BY_CONTENT = ("first_block",)  # caches that decide from all rows of a call together whether it is computed


def configuration(cache: StepCache, calls: int) -> Any:
    """diffusers' object for a cache. calls: of the network, for one branch of one picture."""
    settings = {name: thawed(value) for name, value in cache.settings}
    match cache.name:
        case "first_block":
            return hooks.FirstBlockCacheConfig(**settings)
        case "taylorseer":
            dtype = getattr(torch, settings.pop("taylor_factors_dtype", "bfloat16"))
            return hooks.TaylorSeerCacheConfig(**settings, taylor_factors_dtype=dtype)
    ratios = settings.pop("mag_ratios")
    ratios = FLUX_MAG_RATIOS if ratios == "flux" else torch.tensor(ratios)
    return hooks.MagCacheConfig(**settings, mag_ratios=ratios, num_inference_steps=calls)


class StepCaches:
    """The caches of a pipeline's networks. Calls with one wait for all others, and those for them."""

    def __init__(self, networks: Mapping[str, nn.Module]):
        self.networks = networks
        self._tells_apart = False  # whether the pipeline names a context for each of its calls
        self._turns = Turns(UNCACHED)
        for network in networks.values():
            if isinstance(network, CacheMixin):
                # Pipelines call these while they are recorded, when another thread may be within a call.
                vars(network)["_reset_stateful_cache"] = lambda recurse=True: None
                vars(network)["cache_context"] = self._context_of_pipeline

    def _context_of_pipeline(self, *_: Any, **__: Any) -> AbstractContextManager[None]:
        self._tells_apart = True
        return nullcontext()

    def without(self) -> AbstractContextManager[None]:
        """A context in which networks can be called without a cache."""
        return self._turns.taken(UNCACHED)

    def call(self, network: str, arguments: dict[str, Any], cache: StepCache, calls: int, slot: CacheSlot) -> Any:
        """The network's output for one row, and in the slot the state after the call. See `configuration`."""
        called: Any = self.networks[network]
        states: dict[str, Any] = slot.before or {}
        with self._turns.taken(object()), _enabled(called, cache, calls):
            managers = _managers(called)
            for manager, state in zip(managers, states.get(network) or [None] * len(managers), strict=True):
                # A copy: trajectories that part here go on from the same state.
                manager._state_cache = {} if state is None else {ROW: copy.deepcopy(state)}
            with CacheMixin.cache_context(called, ROW):
                output = called(**arguments)
            slot.after = {**states, network: [manager._state_cache.get(ROW) for manager in managers]}
        return output

    def check(self, cache: StepCache, calls: int, rows: int, together: bool) -> None:
        """Raises UserError where the networks do not take the cache, or it would do nothing.

        rows: that the pipeline predicts for a step; it has been recorded. together: whether it does so in one call.
        """

        def refuse(problem: str, network: Any) -> UserError:
            return UserError(problem, where="cache", given=f"{cache.name} on a {type(network).__name__}")

        if calls < 2:
            raise UserError("with one call there is nothing to reuse: the cache would do nothing", where="cache")
        for network in self.networks.values():
            if not isinstance(network, CacheMixin):
                raise refuse("this network of diffusers takes no step cache", network)
            if rows > 1 and not self._tells_apart:
                raise refuse("its pipeline does not keep the caches of prompt and negative prompt apart", network)
            if together and cache.name in BY_CONTENT:
                problem = "the pipeline decides for prompt and negative prompt together what is computed"
                raise refuse(f"{problem}, and rows would differ from its own", network)
            try:
                with self._turns.taken(object()), _enabled(network, cache, calls):
                    found = _managers(network)
            except (ValueError, TypeError, IndexError) as error:
                raise refuse(f"diffusers does not cache it: {shorten(str(error), 300)}", network) from None
            if not found:
                raise refuse("none of its layers would be cached: the cache would do nothing", network)
        if cache.name == "taylorseer" and all(_computed(configuration(cache, calls), calls)):
            problem = f"with these settings every one of {calls} calls is computed: the cache would do nothing"
            raise UserError(problem, where="cache", given=dict(cache.settings) or cache.name)


@contextmanager
def _enabled(network: Any, cache: StepCache, calls: int) -> Iterator[None]:
    chosen = configuration(cache, calls)
    try:
        network.enable_cache(chosen)
        yield
    finally:
        network._cache_config = chosen  # also where it failed half-way
        network.disable_cache()


def _managers(network: nn.Module) -> list[StateManager]:
    """Where the hooks of a network keep their states, in the order of its modules."""
    found: dict[int, StateManager] = {}
    for module in network.modules():
        registry: HookRegistry | None = getattr(module, "_diffusers_hook", None)
        for hook in registry.hooks.values() if registry else ():
            managers = (value for value in vars(hook).values() if isinstance(value, StateManager))
            found |= {id(manager): manager for manager in managers}
    return list(found.values())


def _computed(config: Any, calls: int) -> Iterator[bool]:
    """For every call, whether TaylorSeer computes it, which follows from its number alone."""
    manager = StateManager(TaylorSeerState)
    limits = config.cache_interval, config.disable_cache_before_step, None, manager, config.disable_cache_after_step
    measure: Callable[[], tuple[bool, Any]] = TaylorSeerCacheHook(*limits)._measure_should_compute
    context = getattr(hooks.hooks, "CacheContext", str)  # older diffusers takes its name
    manager.set_context(context(ROW))
    for _ in range(calls):
        yield measure()[0]
