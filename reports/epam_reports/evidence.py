"""What a figure of a table rests on: records, published numbers, and how it was made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from epam_bench.records import AnyRecord
from epam_reports.measurements import cite
from epam_reports.published import PublishedNumber

ROW = "row"
"""Under this name a row keeps what its words rest on: those columns that name no evidence of their own."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one figure rests on, or why there is none.

    Attributes:
        records: measurements that it was made from.
        numbers: published numbers that it was made from.
        working: how it was made from them, ``30 × 54.75 G``; empty where it is printed as it stands there.
        missing: why there is no figure.
    """

    records: tuple[AnyRecord, ...] = ()
    numbers: tuple[PublishedNumber, ...] = ()
    working: str = ""
    missing: str = field(default="", compare=False)

    @property
    def origin(self) -> Literal["measured", "quoted"] | None:
        """``quoted`` as soon as one published number is in it; none where nothing is."""
        if self.numbers:
            return "quoted"
        return "measured" if self.records else None

    @property
    def citation(self) -> str:
        """All that it rests on in one line, for a cell of a file or the title of a link."""
        cited = dict.fromkeys([*map(cite, self.records), *(number.citation for number in self.numbers)])
        return "; ".join(cited)

    @property
    def url(self) -> str | None:
        """Where the first published number can be looked up, if its source has a place on the web."""
        return next((number.source.url for number in self.numbers if number.source.url), None)


def traced(name: str, evidence: Evidence) -> dict[str, object]:
    """The fields of a row that say what its figure ``name`` rests on: for people, machines and `Table`."""
    return {
        name: evidence,
        f"{name}_origin": evidence.origin,
        f"{name}_source": evidence.citation or None,
    }


def evidence_of(rows: Sequence[Mapping[str, object]]) -> tuple[Mapping[str, Evidence], ...]:
    """The evidence among the fields of each row, by name."""
    return tuple({name: value for name, value in row.items() if isinstance(value, Evidence)} for row in rows)
