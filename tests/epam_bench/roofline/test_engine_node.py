from __future__ import annotations

import pytest

from epam_bench.records import OperationKind
from epam_bench.roofline.engine_node import Operand, describe_node, product_macs, quickest_node_microseconds
from epam_bench.roofline.operation import Convolution, OperationPass, TimedCall

CONVOLUTION, PRODUCT = OperationKind.CONVOLUTION, OperationKind.MATRIX_PRODUCT


def of(*shape: int) -> Operand:
    return Operand(shape, 4)


def test_a_convolution_with_a_fused_sum_moves_it_and_does_not_multiply_by_it() -> None:
    node = describe_node(
        "Conv", CONVOLUTION, [of(2, 6, 8, 8), of(4, 6, 3, 3), of(2, 4, 4, 4)], [of(2, 4, 4, 4)]
    )
    assert node.macs == (2 * 4 * 4 * 4) * (6 * 9)
    assert node.bytes == 4 * (2 * 6 * 64 + 4 * 6 * 9 + 2 * 2 * 4 * 16)
    assert node.shape == "2×6×8×8 ∗ 4×6×3×3 /2"
    assert node.convolution == Convolution(in_channels=6, out_channels=4, groups=1, kernel=(3, 3))


@pytest.mark.parametrize("weight", [of(6, 1, 3, 3), of(6, 1, 1, 3, 3)])
def test_groups_may_be_an_axis_of_the_weight(weight: Operand) -> None:
    node = describe_node("Conv", CONVOLUTION, [of(2, 6, 8, 8), weight], [of(2, 6, 8, 8)])
    assert node.macs == 2 * 6 * 64 * 9
    assert node.convolution is not None
    assert node.convolution.is_depthwise


@pytest.mark.parametrize(
    ("before", "after", "kernel", "stride"),
    [
        (8, 3, 3, " /2"),
        (224, 112, 3, " /2"),
        (56, 28, 1, " /2"),
        (8, 6, 3, ""),
        (9, 3, 3, " /3"),
        (9, 2, 1, " /5"),
    ],
)
def test_a_stride_is_the_smallest_that_sizes_and_kernel_allow(
    before: int, after: int, kernel: int, stride: str
) -> None:
    operands = [of(1, 3, before, before), of(4, 3, kernel, kernel)]
    node = describe_node("Conv", CONVOLUTION, operands, [of(1, 4, after, after)])
    assert node.shape == f"1×3×{before}×{before} ∗ 4×3×{kernel}×{kernel}{stride}"


def test_a_transposed_convolution() -> None:
    node = describe_node(
        "Deconvolution", CONVOLUTION, [of(1, 6, 4, 4), of(6, 3, 2, 2)], [of(1, 3, 8, 8)], is_transposed=True
    )
    assert node.macs == 6 * 16 * 3 * 4


@pytest.mark.parametrize(
    ("left", "right", "result", "macs"),
    [
        ((2, 3), (3, 5), (2, 5), 30),
        ((2, 3), (5, 3), (2, 5), 30),
        ((7, 2, 3), (7, 3, 5), (7, 2, 5), 210),
        ((7, 2, 3), (1, 3, 5), (7, 2, 5), 210),
        ((7, 2, 3), (3, 5), (7, 2, 5), 210),
    ],
)
def test_products_transposed_batched_and_broadcast(
    left: tuple[int, ...], right: tuple[int, ...], result: tuple[int, ...], macs: int
) -> None:
    assert product_macs(left, right, result) == macs
    assert describe_node("MatMul", PRODUCT, [of(*left), of(*right)], [of(*result)]).macs == macs


def test_attention_multiplies_for_scores_and_for_sums() -> None:
    operands = [of(1, 2, 5, 8), of(1, 2, 7, 8), of(1, 2, 7, 4)]
    node = describe_node("Attention", OperationKind.ATTENTION, operands, [of(1, 2, 5, 4)])
    assert node.macs == 2 * 5 * 7 * (8 + 4)


def test_what_multiplies_nothing_only_moves() -> None:
    node = describe_node("Add", OperationKind.ELEMENTWISE, [of(4, 4), of(4)], [of(4, 4)])
    assert (node.macs, node.bytes, node.shape) == (0, 4 * 36, "4×4")
    assert describe_node("Shape", OperationKind.OTHER, [], []).bytes == 0


def test_a_launch_is_what_the_quickest_node_of_any_pass_took() -> None:
    operand = Operand((2,), 4)
    operation = describe_node("silu", OperationKind.ACTIVATION, [operand], [operand])
    passes = [OperationPass((TimedCall(operation, ms), TimedCall(operation, 0.0))) for ms in (0.004, 0.003)]
    assert quickest_node_microseconds(passes) == pytest.approx(3.0)
    assert quickest_node_microseconds([]) == 1.0
