"""A case: one claim with every reading of it and all that must be said beside the verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from epam_reports.claims.reading import Reading
from epam_reports.claims.tolerances import tolerance_for
from epam_reports.conventions import Search
from epam_reports.published import PublishedNumber


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a verdict is found from.

    Attributes:
        claim: the printed number.
        readings: what it should be under each convention.
        subject: what the number is of, in words.
        needs: what it takes to judge it, where there is no reading of our own.
        unstated: what the source leaves out, so that readings that all miss refute nothing.
        missing: an operand that was never printed, so that a match is no more than consistent with it.
        unsettled: why readings that all miss refute nothing although the source is plain; mostly empty.
        search: what came of the search over all that counters may add.
        caveats: sentences that follow the reason.
    """

    claim: PublishedNumber
    readings: list[Reading]
    subject: str
    needs: str = ""
    unstated: tuple[str, ...] = ()
    missing: str = ""
    unsettled: str = ""
    search: Search | None = None
    caveats: tuple[str, ...] = field(default=())

    @property
    def own(self) -> list[Reading]:
        """Readings of our own records."""
        return [reading for reading in self.readings if reading.measured]

    @property
    def matching(self) -> list[Reading]:
        """Readings that give the printed number: our own before printed ones, the least burdened first."""
        return sorted(
            (reading for reading in self.readings if self.matches(reading)),
            key=lambda reading: (
                not reading.measured,
                reading.burden,
                reading.departure,
                self.distance(reading),
            ),
        )

    def matches(self, reading: Reading) -> bool:
        """Whether a reading gives the printed number."""
        if reading.combination:
            return self.is_combination_found(reading)
        return self.distance(reading) <= tolerance_for(reading, self.claim)

    def is_combination_found(self, reading: Reading) -> bool:
        """Whether a combination is among those that the search found, at the tolerance it found them with."""
        if self.search is None:
            return False
        return any(reading.convention.startswith(f"{found.words},") for found, _ in self.search.found)

    def distance(self, reading: Reading) -> float:
        """How far a reading is from the printed number, in its unit."""
        return abs(reading.value - float(self.claim.value))

    def deviation_percent(self, reading: Reading) -> float:
        """The same in per cent of the printed number, with its sign."""
        return 100.0 * (reading.value / float(self.claim.value) - 1.0)
