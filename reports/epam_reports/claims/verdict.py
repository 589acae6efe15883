"""What became of a claim, with everything that was tried."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from epam_reports.claims.reading import Departure


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    OTHER_CONVENTION = "holds under another convention"
    MAC_FLOP_MIX_UP = "MAC/FLOP mix-up"
    VIEWS_MIX_UP = "views mix-up"
    DOES_NOT_HOLD = "does not hold"
    UNDER_SPECIFIED = "under-specified"
    NEEDS_DATA = "needs data"


VERDICT_OF = {
    Departure.NONE: Verdict.HOLDS,
    Departure.CONVENTION: Verdict.OTHER_CONVENTION,
    Departure.MAC_FLOP: Verdict.MAC_FLOP_MIX_UP,
    Departure.VIEWS: Verdict.VIEWS_MIX_UP,
}


class Evidence(BaseModel):
    """One reading that was tried: what it gives, and how far that is from the claim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    convention: str
    value: float
    operands: str
    measured: bool
    deviation_percent: float
    matches: bool


class ClaimVerdict(BaseModel):
    """A claim, what we make of it, and everything that was tried.

    Attributes:
        model: as the source names it.
        catalogue_name: what was counted to judge it; none where nothing of ours can be.
        claimed: as printed, unit included.
        source_id: of the source, as in ``sources.toml``.
        convention: the reading that gives the printed number; none when no reading does.
        measured: our value under the claim's own words, in the claim's unit; none without records.
        tolerance: how far a reading may be from the printed number, in its unit.
        reason: a few sentences with all operands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    model: str
    catalogue_name: str | None
    metric: str
    claimed: str
    source: str
    source_id: str
    verdict: Verdict
    convention: str | None
    measured: float | None
    tolerance: float
    reason: str
    evidence: tuple[Evidence, ...]
