from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from epam_bench.records import OperationKind
from epam_bench.roofline.dispatched_call import DispatchDescriber, sum_up
from epam_bench.roofline.operation import VIEWS, Convolution, Operation

FLOAT = 4
ONES, ONES_TOO = torch.ones(8), torch.ones(8)
INDEX, TABLE = torch.tensor([0, 5, 5]), torch.zeros(1000, 2)


def describe(function: Callable[[], Any]) -> Operation:
    """The one operation of a call."""
    with torch.no_grad(), DispatchDescriber() as describer:
        function()
    (operation,) = describer.operations
    return operation


def zeros(*shape: int) -> Tensor:
    """Made before anything is listened to."""
    return torch.zeros(shape)


def test_a_convolution_by_hand() -> None:
    x, weight = torch.zeros(2, 6, 8, 8), torch.zeros(4, 6, 3, 3)
    operation = describe(lambda: F.conv2d(x, weight, stride=2, padding=1))
    assert operation.name == "convolution"
    assert operation.macs == (2 * 4 * 4 * 4) * (6 * 3 * 3)
    assert operation.bytes == (2 * 6 * 8 * 8 + 4 * 6 * 3 * 3 + 2 * 4 * 4 * 4) * FLOAT
    assert operation.shape == "2×6×8×8 ∗ 4×6×3×3 /2"
    assert operation.convolution == Convolution(in_channels=6, out_channels=4, groups=1, kernel=(3, 3))


def test_groups_are_told_from_the_weight_and_strides_that_differ_in_full() -> None:
    x, weight = torch.zeros(1, 6, 2, 8, 8), torch.zeros(6, 1, 1, 3, 3)
    operation = describe(lambda: F.conv3d(x, weight, stride=(1, 2, 2), padding=(0, 1, 1), groups=6))
    assert operation.convolution is not None
    assert operation.convolution.is_depthwise
    assert operation.macs == 6 * 2 * 4 * 4 * 9
    assert operation.shape.endswith(" /1×2×2")


def test_a_transposed_convolution_has_its_inputs_in_front() -> None:
    x, weight = zeros(1, 6, 4, 4), zeros(6, 3, 2, 2)
    operation = describe(lambda: F.conv_transpose2d(x, weight, stride=2))
    assert operation.macs == (6 * 4 * 4) * (3 * 2 * 2)
    assert operation.convolution == Convolution(in_channels=6, out_channels=3, groups=1, kernel=(2, 2))


@pytest.mark.parametrize("channels", [6, 12])
def test_a_sum_fused_into_a_convolution_is_moved_and_is_not_its_input(channels: int) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("oneDNN's operations are not in this build")
    x, added = torch.zeros(2, channels, 5, 5), torch.zeros(2, 12, 5, 5)
    places = ([0, 0], [1, 1], [1, 1], 1)
    weight = torch.zeros(12, channels, 1, 1).to_mkldnn()
    packed = torch.ops.aten.mkldnn_reorder_conv2d_weight(weight, *places, [2, channels, 5, 5])
    fused = torch.ops.mkldnn._convolution_pointwise_.binary
    operation = describe(lambda: fused(added, x, packed, None, *places, "add", 1.0, "relu", [], ""))
    assert operation.macs == 2 * 12 * 5 * 5 * channels
    assert operation.bytes == (x.numel() + 2 * added.numel() + 12 * channels) * FLOAT
    assert operation.shape == f"2×{channels}×5×5 ∗ 12×{channels}×1×1"
    assert operation.convolution is not None
    assert operation.convolution.in_channels == channels


def test_a_matrix_product_by_hand() -> None:
    x, weight, bias = zeros(2, 3), zeros(5, 3), zeros(5)
    with torch.inference_mode():
        operation = describe(lambda: F.linear(x, weight, bias))
    assert (operation.kind, operation.macs) == (OperationKind.MATRIX_PRODUCT, 2 * 3 * 5)
    assert operation.bytes == (2 * 3 + 3 * 5 + 5 + 2 * 5) * FLOAT
    assert operation.shape == "2×3 · 3×5"


def test_a_matrix_and_a_vector() -> None:
    matrix, vector = zeros(4, 3), zeros(3)
    operation = describe(lambda: torch.mv(matrix, vector))
    assert (operation.macs, operation.shape) == (12, "4×3 · 3")


def test_a_norm_moves_its_input_and_its_result_and_no_saved_statistics() -> None:
    x, vector = zeros(2, 4, 3, 3), torch.ones(4)
    with torch.inference_mode():
        operation = describe(lambda: F.batch_norm(x, vector, vector, vector, vector))
    assert (operation.name, operation.kind) == ("batch_norm", OperationKind.NORMALISATION)
    assert operation.bytes == (2 * x.numel() + 4 * 4) * FLOAT


def test_a_sum_in_place_reads_both_and_writes_one() -> None:
    operation = describe(lambda: ONES.add_(ONES_TOO))
    assert operation.bytes == 3 * 8 * FLOAT


@pytest.mark.parametrize(
    ("function", "moved"),
    [
        (lambda: ONES.copy_(ONES_TOO), 2 * 8 * FLOAT),
        (lambda: ONES.zero_(), 8 * FLOAT),
        # Three rows of two are read and written, and three numbers of eight bytes say which.
        (lambda: F.embedding(INDEX, TABLE), 2 * 6 * FLOAT + 3 * 8),
    ],
)
def test_what_is_overwritten_or_passed_over_is_not_read(function: Callable[[], Tensor], moved: int) -> None:
    assert describe(function).bytes == moved


def test_views_and_unfilled_tensors_are_one_operation_that_moves_nothing() -> None:
    for function in (lambda: ONES.view(2, 4), lambda: torch.empty(5)):
        assert describe(function) is VIEWS


def test_what_is_made_of_others_is_one_operation_that_does_what_its_parts_do() -> None:
    left, right = torch.rand(2, 3, 4), torch.rand(2, 4, 5)
    with torch.inference_mode(), DispatchDescriber() as describer:
        torch.einsum("bij,bjk->bik", left, right).transpose(0, 1).reshape(-1)
    kinds = [(operation.kind, operation.macs) for operation in describer.operations if operation.bytes]
    # The product; and a copy, since what is transposed cannot be seen as one row.
    assert kinds == [(OperationKind.MATRIX_PRODUCT, 2 * 3 * 4 * 5), (OperationKind.DATA_MOVEMENT, 0)]
    assert len(describer.functions) == len(describer.operations)


def test_a_sum_of_parts_is_named_for_the_one_that_does_most() -> None:
    copy = Operation(name="clone", kind=OperationKind.DATA_MOVEMENT, shape="9", bytes=100)
    product = Operation(name="mm", kind=OperationKind.MATRIX_PRODUCT, shape="3×3", macs=27, bytes=10)
    assert sum_up([VIEWS, copy, product]) == Operation(
        name="mm", kind=OperationKind.MATRIX_PRODUCT, shape="3×3", macs=27, bytes=110
    )
    assert sum_up([VIEWS, VIEWS]) is VIEWS
    assert sum_up([]) is VIEWS
