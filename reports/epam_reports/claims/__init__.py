"""Published costs and accuracies as claims: each is re-derived from our records and given a verdict."""

from epam_reports.claims.judging import judge_claims, judge_these, select_claims
from epam_reports.claims.requests import CountRequest, far_requests, near_by_requests, stated_requests
from epam_reports.claims.tolerances import RELATIVE_TOLERANCE, tolerance_of
from epam_reports.claims.verdict import ClaimVerdict, Evidence, Verdict

__all__ = [
    "RELATIVE_TOLERANCE",
    "ClaimVerdict",
    "CountRequest",
    "Evidence",
    "Verdict",
    "far_requests",
    "judge_claims",
    "judge_these",
    "near_by_requests",
    "select_claims",
    "stated_requests",
    "tolerance_of",
]
