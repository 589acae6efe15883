"""Reads the published numbers and their sources, and refuses a row that is not well formed."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

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
_STREAM = re.compile(r"([^\W\d]\w*) (\d+(?:x\d+)*)")

NOT_STATED = "not stated"
"""What a field says where the source leaves it open, for nothing may be left to be guessed."""

PrintedCounter = Literal["torch", "fvcore", "mmengine", "mmcv", "thop", "ptflops", "not stated"]


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

    @property
    def is_published(self) -> bool:
        """Whether others printed it, so that what it prints is a claim."""
        return self.kind != "our run"


class PublishedNumber(_Frozen):
    """One number as it was printed.

    Attributes:
        catalogue_name: our name of the model; none when we only quote it.
        value: as printed, so that the number of printed digits is known.
        convention: what was counted, where the source or we can tell; ``FLOPs`` are two for every
            multiply-add; with the counter in brackets where the source names one.
        printed_counter: the counter that the source says it used, or ``not stated``.
        input: streams joined by `` + ``, each its name and its shape (``rgb`` and ``heatmaps``
            channels × frames × height × width, ``skeleton`` persons × frames × joints ×
            coordinates); empty when not known.
        printed_input: what the source itself prints: ``input`` where this is empty, another input,
            or ``not stated`` where ``input`` is our inference.
        views: forward passes a video that the number stands for; none when not known.
        printed_views: what the source itself prints, in the same way.
        networks: forward passes of networks alike that it sums, as the streams of one ensemble.
        against: the model that a ratio compares with, as named here; none where the source leaves it open.
        stand_in: the catalogue's name of what we count in its place, where we have not the model itself.
        build_options: of the counted model, where it is not built as the catalogue has it.
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
    convention: Literal["MACs", "MACs (inferred)", "MACs (fvcore)", "FLOPs"] | None
    printed_counter: PrintedCounter = "not stated"
    input: str
    printed_input: str = ""
    views: int | None = Field(ge=1)
    printed_views: Annotated[int, Field(ge=1)] | Literal["not stated"] | None = None
    networks: int = Field(default=1, ge=1)
    against: str | None = None
    stand_in: str | None = None
    build_options: dict[str, str] = {}
    source: Source
    where: str
    note: str

    @field_validator("input", "printed_input")
    @classmethod
    def _input_is_readable(cls, text: str, info: ValidationInfo) -> str:
        if text == NOT_STATED and info.field_name == "printed_input":
            return text
        if text and not all(_STREAM.fullmatch(stream) for stream in text.split(" + ")):
            raise ValueError(f"{text!r} is not of the form 'rgb 3x16x224x224 + heatmaps 17x48x56x56'")
        return text

    @field_validator("build_options", mode="before")
    @classmethod
    def _options_are_pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.split("=") for pair in value.split()]
        if not all(len(pair) == 2 and all(pair) for pair in pairs):
            raise ValueError(f"{value!r} is not of the form 'option=value option=value'")
        return dict(pairs)

    @model_validator(mode="after")
    def _fields_belong_together(self) -> PublishedNumber:
        if self.unit != _UNIT_OF[self.metric]:
            raise ValueError(f"unit of {self.metric} is {_UNIT_OF[self.metric]!r}, not {self.unit!r}")
        if self.metric in ACCURACIES and not (self.dataset and self.split and self.value <= 100):
            raise ValueError("an accuracy needs dataset and split, and is at most 100 %")
        if self.against and not self.metric.endswith("_ratio"):
            raise ValueError(f"only a ratio is against another model, and this is {self.metric}")
        return self

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each input stream, sorted; empty when the source does not state them."""
        return tuple(sorted(parse_input(self.input).values()))

    @property
    def stated_input(self) -> str:
        """The input that the source prints; empty when it prints none."""
        return "" if self.printed_input == NOT_STATED else self.printed_input or self.input

    @property
    def stated_views(self) -> int | None:
        """The views that the source prints; none when it prints none."""
        if self.printed_views is None:
            return self.views
        return None if self.printed_views == NOT_STATED else int(self.printed_views)

    @property
    def counted_name(self) -> str | None:
        """The catalogue's name of what is counted to judge it: the model, or what stands in for it."""
        return self.catalogue_name or self.stand_in

    @property
    def half_last_digit(self) -> float:
        """How far the true value may be from the printed one by rounding alone."""
        return 0.5 * 10.0**-self.decimals

    @property
    def decimals(self) -> int:
        """Printed digits after the point."""
        return -int(self.value.as_tuple().exponent)

    @property
    def counter(self) -> str | None:
        """The counter that the source says it used; none where it names none."""
        if self.convention == "MACs (fvcore)":
            return "fvcore"
        return None if self.printed_counter == NOT_STATED else self.printed_counter

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


def parse_input(text: str) -> dict[str, tuple[int, ...]]:
    """Shape by stream of what ``input`` says.

    >>> parse_input("rgb 3x16x224x224 + heatmaps 17x48x56x56")
    {'rgb': (3, 16, 224, 224), 'heatmaps': (17, 48, 56, 56)}
    """
    return {name: tuple(map(int, shape.split("x"))) for name, shape in _STREAM.findall(text)}


def format_input(inputs: Mapping[str, tuple[int, ...]]) -> str:
    """What ``input`` says of shapes by stream: :func:`parse_input` the other way round."""
    return " + ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in inputs.items())


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
        if lacking := [name for name in _NEEDED if name not in (rows.fieldnames or ())]:
            raise PublishedDataError(
                f"{numbers.name}, line 1: no column {', '.join(lacking)}; the first line names the columns, "
                "as that of published/numbers.csv does"
            )
        found = tuple(_parse(row, known, f"{numbers.name}, line {rows.line_num}") for row in rows)
    except csv.Error as error:
        raise PublishedDataError(f"{numbers.name}, line {rows.line_num}: {error}") from None
    if not found:
        raise PublishedDataError(
            f"{numbers.name}: holds no number; write one a line below the columns' names"
        )
    return found


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


def load_sources(file: Path | Traversable | None = None) -> dict[str, Source]:
    """Every source by its id, by default those that the package brings.

    Raises:
        PublishedDataError: the file is missing or malformed.
    """
    return _load_sources(file or files(__package__) / "sources.toml")


def _load_sources(file: Path | Traversable) -> dict[str, Source]:
    try:
        tables = tomllib.loads(_read(file))
    except tomllib.TOMLDecodeError as error:
        raise PublishedDataError(f"{file.name}: {error}") from None
    return {name: _parse_source(name, fields, file.name) for name, fields in tables.items()}


def _parse_source(name: str, fields: Mapping[str, object], file_name: str) -> Source:
    try:
        return Source.model_validate({"id": name, **fields})
    except (ValidationError, TypeError) as error:
        raise PublishedDataError(f"{file_name}, source {name}: {_first_problem(error)}") from None


_NEEDED = [
    "source_id" if name == "source" else name
    for name, field in PublishedNumber.model_fields.items()
    if field.is_required()
]
"""Columns without which no row can be read."""

_TEXTS = {"input", "note", "where", "modality"}
"""Columns in which nothing is an empty text."""

_DEFAULTED = {"printed_counter", "printed_input", "networks", "build_options"}
"""Columns in which nothing is the default, and which a file may leave out."""


def _parse(row: Mapping[str, str | None], sources: Mapping[str, Source], place: str) -> PublishedNumber:
    fields: dict[str, object] = {
        name: text if text or name in _TEXTS else None
        for name, text in row.items()
        if name is not None and (text or name not in _DEFAULTED)
    }
    if None in row:
        raise PublishedDataError(f"{place}: more fields than the header has")
    source_id = fields.pop("source_id", None)
    if source_id not in sources:
        said = " is missing" if source_id is None else f": {source_id!r} is not among the sources"
        raise PublishedDataError(
            f"{place}: field 'source_id'{said}; give a source's id{_nearest(source_id, sources)}, "
            "or add it to the file of sources"
        )
    fields["source"] = sources[str(source_id)]
    try:
        return PublishedNumber.model_validate(fields)
    except ValidationError as error:
        raise PublishedDataError(f"{place}: {_first_problem(error)}") from None


def _nearest(source_id: object, sources: Mapping[str, Source]) -> str:
    near = get_close_matches(str(source_id), sources, n=1) if source_id else []
    return f", perhaps {near[0]!r}" if near else ""


def _first_problem(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "each source is a table with a title and a kind"
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "row"
    return f"field {field!r}: {first['msg']}"
