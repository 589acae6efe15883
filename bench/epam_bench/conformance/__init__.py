"""Small networks with known multiply-adds, on which every counter is scored: one file a group."""

from epam_bench.conformance import attention, convolution, matrix_product, recurrent, structure
from epam_bench.conformance.case import Case
from epam_bench.conformance.scoring import CaseResult, score_counters

CASES: tuple[Case, ...] = (
    *convolution.CASES,
    *matrix_product.CASES,
    *attention.CASES,
    *recurrent.CASES,
    *structure.CASES,
)

__all__ = ["CASES", "Case", "CaseResult", "score_counters"]
