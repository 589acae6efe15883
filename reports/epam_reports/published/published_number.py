"""Reads the published numbers and their sources, and refuses a row that is not well formed."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from epam.errors import InputError

Metric = Literal["top1", "mean_class_accuracy", "macs", "parameters", "macs_ratio", "parameters_ratio"]
Unit = Literal["%", "G", "M", "x"]

ACCURACIES: tuple[Metric, ...] = ("top1", "mean_class_accuracy")

_UNIT_OF: Mapping[Metric, Unit] = {
    "top1": "%",
    "mean_class_accuracy": "%",
    "macs": "G",
    "parameters": "M",
    "macs_ratio": "x",
    "parameters_ratio": "x",
}
_STREAM = re.compile(r"(rgb|heatmaps) (\d+(?:x\d+){3})")


class PublishedDataError(InputError):
    """A published-numbers file that cannot be used; the message names file, line and field."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Frozen):
    """Where numbers were read, and how far that can be trusted.

    Attributes:
        kind: ``our run`` is not published at all: our own run of the published implementation.
    """

    id: str
    title: str
    short: str | None = None
    url: str | None = None
    kind: Literal["paper", "repository", "index", "our run"]


class PublishedNumber(_Frozen):
    """One number as it was printed.

    Attributes:
        catalogue_name: our name of the model; none when we only quote it.
        value: as printed, so that the number of printed digits is known.
        convention: what was counted, where the source or we can tell; with the counter in
            brackets where the source names one.
        input: streams joined by `` + ``, each ``name CxTxHxW``; empty when not stated.
        views: forward passes a video that the number stands for; none when not stated.
        where: the place inside the source.
    """

    catalogue_name: str | None
    model: str = Field(min_length=1)
    modality: str
    metric: Metric
    dataset: str | None
    split: str | None
    value: Decimal = Field(gt=0, allow_inf_nan=False)
    unit: Unit
    convention: Literal["MACs", "MACs (inferred)", "MACs (fvcore)"] | None
    input: str
    views: int | None = Field(ge=1)
    source: Source
    where: str
    note: str

    @field_validator("input")
    @classmethod
    def _input_is_readable(cls, text: str) -> str:
        if text and not all(_STREAM.fullmatch(stream) for stream in text.split(" + ")):
            raise ValueError(f"{text!r} is not of the form 'rgb 3x16x224x224 + heatmaps 17x48x56x56'")
        return text

    @model_validator(mode="after")
    def _fields_belong_together(self) -> PublishedNumber:
        if self.unit != _UNIT_OF[self.metric]:
            raise ValueError(f"unit of {self.metric} is {_UNIT_OF[self.metric]!r}, not {self.unit!r}")
        if self.metric in ACCURACIES and not (self.dataset and self.split and self.value <= 100):
            raise ValueError("an accuracy needs dataset and split, and is at most 100 %")
        return self

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each input stream, sorted; empty when the source does not state them."""
        found = _STREAM.findall(self.input)
        return tuple(sorted(tuple(int(size) for size in shape.split("x")) for _, shape in found))

    @property
    def half_last_digit(self) -> float:
        """How far the true value may be from the printed one by rounding alone."""
        exponent = self.value.as_tuple().exponent
        return 0.5 * 10.0 ** int(exponent)

    @property
    def counter(self) -> str | None:
        """The counter that the source says it used; none where it names none."""
        return "fvcore" if self.convention == "MACs (fvcore)" else None

    @property
    def convention_note(self) -> str | None:
        """What a reader must know of the convention; none where the source leaves no doubt."""
        inferred = self.convention == "MACs (inferred)"
        return "printed as FLOPs; multiply-adds inferred" if inferred else None

    @property
    def protocol(self) -> str:
        """Data set and split, as ``NTU60 X-Sub``; empty for what is not an accuracy."""
        return " ".join(part for part in (self.dataset, self.split) if part)

    @property
    def citation(self) -> str:
        """Source and place, for a reader."""
        return f"{self.source.title}, {self.where}"


def load_published(
    numbers: Path | Traversable | None = None, sources: Path | Traversable | None = None
) -> tuple[PublishedNumber, ...]:
    """Read the published numbers, by default those that the package brings.

    Args:
        numbers: CSV file of one number a row.
        sources: TOML file of the sources that ``source_id`` names.

    Raises:
        PublishedDataError: a file is missing or malformed; names file, line and field.
    """
    numbers = numbers or files(__package__) / "numbers.csv"
    sources = sources or files(__package__) / "sources.toml"
    known = _load_sources(sources)
    rows = csv.DictReader(_read(numbers).splitlines(), strict=True)
    try:
        return tuple(_parse(row, known, f"{numbers.name}, line {rows.line_num}") for row in rows)
    except csv.Error as error:
        raise PublishedDataError(f"{numbers.name}, line {rows.line_num}: {error}") from None


def select(
    numbers: Iterable[PublishedNumber],
    *,
    catalogue_name: str | None = None,
    model: str | None = None,
    metrics: tuple[Metric, ...] = (),
    shapes: tuple[tuple[int, ...], ...] | None = None,
) -> tuple[PublishedNumber, ...]:
    """The numbers that agree with everything given, in file order."""
    return tuple(
        number
        for number in numbers
        if (catalogue_name is None or number.catalogue_name == catalogue_name)
        and (model is None or number.model == model)
        and (not metrics or number.metric in metrics)
        and (shapes is None or number.shapes == shapes)
    )


def _read(file: Path | Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PublishedDataError(f"{file.name}: cannot be read ({error})") from None


def _load_sources(file: Path | Traversable) -> dict[str, Source]:
    try:
        tables = tomllib.loads(_read(file))
        return {name: Source.model_validate({"id": name, **fields}) for name, fields in tables.items()}
    except tomllib.TOMLDecodeError as error:
        raise PublishedDataError(f"{file.name}: {error}") from None
    except (ValidationError, TypeError) as error:
        raise PublishedDataError(f"{file.name}: {_first_problem(error)}") from None


def _parse(row: Mapping[str, str | None], sources: Mapping[str, Source], place: str) -> PublishedNumber:
    fields: dict[str, object] = {
        name: text if text or name in {"input", "note", "where", "modality"} else None
        for name, text in row.items()
        if name is not None
    }
    if None in row:
        raise PublishedDataError(f"{place}: more fields than the header has")
    source_id = fields.pop("source_id", None)
    if source_id not in sources:
        raise PublishedDataError(f"{place}: field 'source_id': {source_id!r} is not among the sources")
    fields["source"] = sources[str(source_id)]
    try:
        return PublishedNumber.model_validate(fields)
    except ValidationError as error:
        raise PublishedDataError(f"{place}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "each source is a table with a title and a kind"
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "row"
    return f"field {field!r}: {first['msg']}"
