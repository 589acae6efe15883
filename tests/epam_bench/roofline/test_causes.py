from __future__ import annotations

from typing import Any

import pytest

from epam_bench.records import MachinePeaks, OperationKind
from epam_bench.roofline.causes import COPIES, PASSES, SMALL, find_causes, name_causes
from epam_bench.roofline.operation import BETWEEN, VIEWS, Convolution, Operation, OperationGroup

PEAKS = MachinePeaks(
    gflops_per_second=245,
    memory_gigabytes_per_second=20,
    cache_gigabytes_per_second=100,
    launch_microseconds=1,
    cache_bytes=32 * 2**20,
)


def convolution(
    ms: float, *, inputs: int, outputs: int, groups: int = 1, kernel: int = 1, **changes: Any
) -> OperationGroup:
    fields: dict[str, Any] = {
        "name": "convolution",
        "kind": OperationKind.CONVOLUTION,
        "shape": f"16×{inputs}×56×56 ∗ {outputs}×{inputs // groups}×{kernel}×{kernel}",
        "macs": 16 * 56 * 56 * outputs * inputs // groups * kernel**2,
        "bytes": 4 * 16 * 56 * 56 * (inputs + outputs),
        "convolution": Convolution(
            in_channels=inputs, out_channels=outputs, groups=groups, kernel=(kernel, kernel)
        ),
    }
    return OperationGroup(operation=Operation(**(fields | changes)), calls=1, ms=ms)


def other(name: str, kind: OperationKind, ms: float, *, moved: int = 10**7, calls: int = 1) -> OperationGroup:
    return OperationGroup(
        operation=Operation(name=name, kind=kind, shape="16×54×56×56", bytes=moved), calls=calls, ms=ms
    )


def names(*groups: OperationGroup) -> list[str]:
    return [cause.name for cause in find_causes(groups, PEAKS)]


def test_convolutions_are_sorted_by_what_makes_them_slow() -> None:
    assert names(convolution(9, inputs=54, outputs=54, groups=54, kernel=3)) == ["depthwise convolutions"]
    assert names(convolution(9, inputs=64, outputs=64, groups=4)) == ["grouped convolutions"]
    assert names(convolution(9, inputs=64, outputs=64)) == ["1×1 convolutions"]
    assert names(convolution(9, inputs=24, outputs=54)) == ["1×1 convolutions with few channels"]
    assert names(convolution(9, inputs=64, outputs=64, kernel=3)) == ["3×3 convolutions"]


def test_what_belongs_together_is_one_cause_and_what_is_small_is_of_none_of_them() -> None:
    groups = (
        other("batch_norm", OperationKind.NORMALISATION, 30),
        other("silu", OperationKind.ACTIVATION, 20),
        other("mul", OperationKind.ELEMENTWISE, 5),
        other("clone", OperationKind.DATA_MOVEMENT, 10),
        other("add", OperationKind.ELEMENTWISE, 3, moved=16, calls=400),
        OperationGroup(operation=VIEWS, calls=100, ms=1),
        OperationGroup(operation=BETWEEN, calls=1, ms=2),
    )
    causes = {cause.name: sum(group.ms for group in cause.groups) for cause in find_causes(groups, PEAKS)}
    assert causes == {PASSES: 55, COPIES: 10, SMALL: 6}


def test_a_fast_operation_loses_nothing_and_the_costliest_cause_is_first() -> None:
    fast = convolution(200, inputs=256, outputs=256, kernel=3)
    assert fast.macs * 2 / 1e9 / 0.2 == pytest.approx(296, rel=0.01)
    slow = other("clone", OperationKind.DATA_MOVEMENT, 10)
    assert names(fast, slow) == [COPIES, "3×3 convolutions"]


def test_a_cause_in_words_has_time_share_bound_and_its_worst_operation() -> None:
    depthwise = convolution(21, inputs=54, outputs=54, groups=54, kernel=3)
    dense = convolution(255, inputs=256, outputs=256, kernel=3)
    first, second = name_causes([dense, depthwise], PEAKS)
    assert first == (
        "depthwise convolutions: 21.0 ms, 8% of the time for 0% of the multiply-adds; bound by bandwidth, "
        "and their kernels take 96.9 times what that peak would allow; most in convolution "
        "16×54×56×56 ∗ 54×1×3×3 (1×, 21.0 ms), at 2 of 245 GFLOP/s"
    )
    assert second.startswith("3×3 convolutions: 255.0 ms, 92% of the time for 100% of the multiply-adds; ")
    assert "; bound by compute, 241.6 ms at the peaks; most in " in second


def test_few_channels_are_named() -> None:
    (sentence,) = name_causes([convolution(22, inputs=24, outputs=54)], PEAKS)
    assert "with 24 channels in and 54 out, at 6 of 245 GFLOP/s" in sentence


def test_what_multiplies_nothing_is_held_against_the_bandwidth() -> None:
    (in_cache,) = name_causes([other("clone", OperationKind.DATA_MOVEMENT, 0.2)], PEAKS)
    assert "for none of the multiply-adds; bound by bandwidth, 0.1 ms at the peaks" in in_cache
    assert "at 50 GB/s where the cache has 100" in in_cache
    (beyond,) = name_causes([other("clone", OperationKind.DATA_MOVEMENT, 20, moved=10**8)], PEAKS)
    assert "at 5 GB/s where memory has 20" in beyond


def test_small_operations_and_python_are_counted_apart() -> None:
    groups = [
        other("add", OperationKind.ELEMENTWISE, 3, moved=16, calls=400),
        OperationGroup(operation=BETWEEN, calls=1, ms=2),
    ]
    assert name_causes(groups, PEAKS) == (
        f"{SMALL}: 5.0 ms, 100% of the time: 400 calls too small to be worth their launch take 3.0 ms, and "
        "2.0 ms pass outside all operations",
    )


def test_no_more_than_three_and_none_that_takes_no_time() -> None:
    kinds = [
        OperationKind.DATA_MOVEMENT,
        OperationKind.ACTIVATION,
        OperationKind.REDUCTION,
        OperationKind.OTHER,
    ]
    assert len(name_causes([other("op", kind, 10) for kind in kinds], PEAKS)) == 3
    assert name_causes([OperationGroup(operation=VIEWS, calls=1, ms=0)], PEAKS) == ()
