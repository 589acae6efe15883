from __future__ import annotations

import pytest
from pydantic import ValidationError

from epam.training.strict_model import OptionValue, Sha256, StrictModel, first_problem, hash_json


class Inner(StrictModel):
    learning_rate: float


class Outer(StrictModel):
    inner: Inner
    option: OptionValue = 1
    sha256: Sha256 = "0" * 64


def problem(value: object) -> str:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(value)
    return first_problem(caught.value, Outer)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "inner: missing; give it a value"),
        ({"inner": {"learning_rat": 1.0}}, "inner.learning_rate: missing; give it a value"),
        (
            {"inner": {"learning_rate": 1.0, "learning_rat": 1.0}},
            "inner.learning_rat: no such field; did you mean 'learning_rate'?",
        ),
        ({"inner": {"learning_rate": 1.0}, "zzz": 1}, "zzz: no such field; known: inner, option, sha256"),
        ({"inner": {"learning_rate": "1"}}, "inner.learning_rate: got '1', expected a valid number"),
        (
            {"inner": {"learning_rate": float("inf")}},
            "inner.learning_rate: got inf, expected a finite number",
        ),
        (
            {"inner": {"learning_rate": 1.0}, "option": {"a": 1}},
            "option: got {'a': 1}, expected a number, text, true, false or a list of these",
        ),
    ],
)
def test_a_problem_is_one_line_with_field_value_and_fix(value: object, message: str) -> None:
    assert problem(value) == message


def test_values_from_files_are_cut_and_escaped_in_messages() -> None:
    message = problem({"inner": {"learning_rate": "\x1b[31m" + "x" * 500}})

    assert message.isprintable()
    assert len(message) < 250


def test_a_list_option_is_a_tuple_and_kinds_are_kept() -> None:
    inner = Inner(learning_rate=1)

    assert Outer(inner=inner, option=[1, 2]).option == (1, 2)
    assert Outer(inner=inner, option=True).option is True
    assert type(Outer(inner=inner, option=2.0).option) is float


def test_the_hash_knows_values_and_not_their_order() -> None:
    assert hash_json({"a": 1, "b": [2]}) == hash_json({"b": [2], "a": 1})
    assert hash_json({"a": 1}) != hash_json({"a": 1.5})
