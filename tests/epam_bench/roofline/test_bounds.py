from __future__ import annotations

import pytest

from epam_bench.records import Bound, MachinePeaks, OperationKind
from epam_bench.roofline.bounds import bandwidth_ms, compute_ms, limits_of
from epam_bench.roofline.operation import BETWEEN, VIEWS, Operation

PEAKS = MachinePeaks(
    gflops_per_second=100,
    memory_gigabytes_per_second=10,
    cache_gigabytes_per_second=50,
    launch_microseconds=2,
    cache_bytes=10**6,
)


def operation(macs: int, moved: int) -> Operation:
    return Operation(name="op", kind=OperationKind.CONVOLUTION, shape="", macs=macs, bytes=moved)


def test_two_flops_a_multiply_add() -> None:
    assert compute_ms(50_000_000, PEAKS) == pytest.approx(1.0)


def test_what_the_cache_holds_moves_at_its_rate_and_the_rest_at_the_memorys() -> None:
    assert bandwidth_ms(10**6, PEAKS) == pytest.approx(0.02)
    assert bandwidth_ms(3 * 10**6, PEAKS) == pytest.approx(0.02 + 0.2)


@pytest.mark.parametrize(
    ("macs", "moved", "bound", "ms"),
    [
        (50_000_000, 10**6, "compute", 1.0),
        (50_000, 10**6, "bandwidth", 0.02),
        (50_000, 1000, "launch", 0.002),
    ],
)
def test_the_largest_of_the_three_is_the_bound(macs: int, moved: int, bound: Bound, ms: float) -> None:
    limits = limits_of(operation(macs, moved), PEAKS)
    assert limits.bound == bound
    assert limits.bound_ms == pytest.approx(ms)


def test_views_and_what_lies_between_operations_need_no_time() -> None:
    for needless in (VIEWS, BETWEEN):
        limits = limits_of(needless, PEAKS)
        assert (limits.bound, limits.bound_ms) == ("launch", 0.0)
