"""UserError passes through pydantic, RunFailed is no UserError, and both get a place from `error_context`."""

from __future__ import annotations

import pickle
from typing import Annotated

import pytest
from pydantic import BaseModel, BeforeValidator

from cfgsweep.config.yaml_io import Document, validate
from cfgsweep.errors import CfgsweepError, RunFailed, UserError, error_context
from cfgsweep.training.config import TrainConfig


def refuse(given: object) -> object:
    raise UserError("no good", given=given, allowed="better ones", hint="try one").at_key(3, "deep")


class Model(BaseModel):
    field: Annotated[int, BeforeValidator(refuse)]


def test_a_user_error_of_a_validator_keeps_its_words_and_its_place_in_the_field() -> None:
    document = Document({"field": 1}, "F", {("field",): 1, ("field", 3, "deep"): 7})
    with pytest.raises(UserError) as caught:
        validate(Model, document)
    text = "F:7: field.3.deep: no good\n  given:   1\n  allowed: better ones\n  try one"
    assert str(caught.value) == text


@pytest.mark.parametrize("kind", [UserError, RunFailed])
def test_error_context_gives_a_place_to_errors_without_one(kind: type[CfgsweepError]) -> None:
    with pytest.raises(kind, match=r"^outer: problem"), error_context("outer"):
        raise kind("problem")
    with pytest.raises(kind, match=r"^inner: problem"), error_context("outer"), error_context("inner"):
        raise kind("problem")


def test_a_misspelt_key_of_a_training_file_comes_before_what_is_missing_for_it() -> None:
    recipe = {"stpes": 10, "batch": 1, "learning_rate": 0.1}
    document = Document({"name": "x", "denoiser": {"recipe": recipe}}, "F")
    with pytest.raises(UserError) as caught:
        validate(TrainConfig, document)
    assert str(caught.value).startswith("F: denoiser.recipe.stpes: unknown key")
    assert str(caught.value).endswith("did you mean 'steps'?")


def test_a_failed_run_is_not_the_user_s_error() -> None:
    assert not issubclass(RunFailed, UserError)
    assert not issubclass(RunFailed, ValueError)


@pytest.mark.parametrize("kind", [UserError, RunFailed])
def test_errors_travel_between_processes(kind: type[CfgsweepError]) -> None:
    error = kind("problem", where="here", given=[1], allowed=["a", "b"], hint="hint")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
