"""Typed settings and manifests: nothing unknown, nothing converted in silence, problems in one line."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from epam.errors import printable

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


Scalar = bool | int | float | str


def _plain_option(value: object) -> object:
    entries = value if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(entry, Scalar) for entry in entries):
        raise ValueError(
            f"got {printable(repr(value))}, expected a number, text, true, false or a list of these"
        )
    return tuple(value) if isinstance(value, list) else value


OptionValue = Annotated[Scalar | tuple[Scalar, ...], BeforeValidator(_plain_option)]
"""One value of a network's option; a list in a file is a tuple here, as the networks take it."""


class StrictModel(BaseModel):
    """Frozen, no unknown fields, no text where a number belongs, no NaN."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )


Model = TypeVar("Model", bound=BaseModel)


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first thing that a validation found, as ``field: what is wrong, got value``; one line."""
    first = error.errors(include_url=False, include_context=False)[0]
    location = first["loc"]
    field = printable(".".join(str(part) for part in location)) or "the whole of it"
    if first["type"] == "extra_forbidden":
        return f"{field}: no such field{_nearest(location, model)}"
    if first["type"] == "missing":
        return f"{field}: missing; give it a value"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if first["type"] == "value_error":
        return f"{field}: {message}" if location else message
    return f"{field}: got {printable(repr(first['input']))}, expected {message}"


def _nearest(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    known = _fields_at(location[:-1], model)
    near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known: {', '.join(known)}" if known else ""


def _fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    found: Any = model
    for part in location:
        field = found.model_fields.get(part)
        found = field.annotation if field else None
        if not (isinstance(found, type) and issubclass(found, BaseModel)):
            return []
    return list(found.model_fields)


def hash_json(value: Mapping[str, Any]) -> str:
    """sha256 of a value's canonical JSON: sorted keys, no spaces; the same value, the same hash."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
