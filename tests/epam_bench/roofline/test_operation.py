from __future__ import annotations

import pytest

from epam_bench.records import OperationKind
from epam_bench.roofline.operation import (
    BETWEEN,
    Convolution,
    Operation,
    OperationPass,
    TimedCall,
    group_calls,
)

ADD = Operation(name="add", kind=OperationKind.ELEMENTWISE, shape="8")
MUL = Operation(name="mul", kind=OperationKind.ELEMENTWISE, shape="8", macs=5)


def one_pass(*times: tuple[Operation, float], between: float | None = None) -> OperationPass:
    return OperationPass(tuple(TimedCall(*pair) for pair in times), between_ms=between)


def test_calls_of_one_operation_are_summed_in_a_pass_and_the_median_is_over_passes() -> None:
    passes = [
        one_pass((ADD, 1.0), (MUL, 9.0), (ADD, 2.0)),
        one_pass((ADD, 2.0), (MUL, 7.0), (ADD, 2.0)),
        one_pass((ADD, 4.0), (MUL, 8.0), (ADD, 4.0)),
    ]
    first, second = group_calls(passes)
    assert (first.operation, first.calls, first.ms, first.macs) == (MUL, 1, 8.0, 5)
    assert (second.operation, second.calls, second.ms) == (ADD, 2, 4.0)


def test_what_a_pass_does_not_have_is_zero_there() -> None:
    groups = group_calls([one_pass((ADD, 1.0)), one_pass((ADD, 1.0)), one_pass((ADD, 1.0), (MUL, 3.0))])
    assert {group.operation.name: group.ms for group in groups} == {"add": 1.0, "mul": 0.0}


def test_what_lies_between_operations_is_one_of_them_where_it_is_known() -> None:
    groups = group_calls([one_pass((ADD, 1.0), between=4.0), one_pass((ADD, 1.0), between=6.0)])
    assert [(group.operation, group.ms) for group in groups] == [(BETWEEN, 5.0), (ADD, 1.0)]
    assert BETWEEN not in [group.operation for group in group_calls([one_pass((ADD, 1.0))])]


@pytest.mark.parametrize(
    ("channels", "groups", "kernel", "depthwise", "pointwise"),
    [
        (24, 1, (1, 1), False, True),
        (24, 24, (3, 3), True, False),
        (24, 4, (1, 1), False, False),
        (1, 1, (3, 3), False, False),
    ],
)
def test_sorts_of_convolution(
    channels: int, groups: int, kernel: tuple[int, ...], depthwise: bool, pointwise: bool
) -> None:
    sizes = Convolution(in_channels=channels, out_channels=24, groups=groups, kernel=kernel)
    assert (sizes.is_depthwise, sizes.is_pointwise) == (depthwise, pointwise)
