from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from epam_bench.counters.call_formulas import CALL_FORMULAS


def _t(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "macs"),
    [
        ("conv1d", (_t(2, 3, 10), _t(4, 3, 3)), {"stride": 2}, 2 * 4 * 4 * 3 * 3),
        ("conv2d", (_t(1, 4, 6, 7), _t(4, 1, 3, 3)), {"padding": 1, "groups": 4}, 6 * 7 * 4 * 1 * 9),
        ("conv2d", (_t(1, 1, 9, 9), _t(2, 1, 3, 3)), {"dilation": 2}, 5 * 5 * 2 * 9),
        ("conv2d", (_t(1, 1, 9, 9), _t(2, 1, 4, 4)), {"padding": "same"}, 81 * 2 * 16),
        ("conv2d", (_t(1, 1, 9, 9), _t(2, 1, 4, 4)), {"padding": "valid"}, 36 * 2 * 16),
        ("conv3d", (_t(3, 4, 6, 6), _t(5, 3, 1, 3, 3)), {"padding": (0, 1, 1)}, 4 * 36 * 5 * 3 * 9),
        ("conv_transpose2d", (_t(1, 4, 3, 3), _t(4, 2, 2, 2)), {"stride": 2, "groups": 2}, 9 * 4 * 2 * 4),
        ("linear", (_t(2, 5, 3), _t(4, 3)), {}, 10 * 4 * 3),
        ("linear", (_t(2, 3), _t(3)), {}, 2 * 3),
        ("bilinear", (_t(2, 3), _t(2, 4), _t(5, 3, 4)), {}, 2 * 5 * (3 * 4 + 4)),
        ("matmul", (_t(3), _t(3)), {}, 3),
        ("matmul", (_t(2, 3), _t(3)), {}, 6),
        ("matmul", (_t(3), _t(5, 3, 4)), {}, 5 * 3 * 4),
        ("matmul", (_t(2, 1, 3, 4), _t(5, 4, 6)), {}, 10 * 3 * 6 * 4),
        ("addmm", (_t(5),), {"mat1": _t(3, 4), "mat2": _t(4, 5)}, 3 * 5 * 4),
        ("addbmm", (_t(3, 5), _t(2, 3, 4), _t(2, 4, 5)), {}, 2 * 3 * 5 * 4),
        ("outer", (_t(4), _t(3)), {}, 12),
        ("kron", (_t(2, 3), _t(4, 5)), {}, 6 * 20),
        ("inner", (_t(2, 3), _t(4, 3)), {}, 2 * 4 * 3),
        ("vecdot", (_t(2, 3), _t(4, 1, 3)), {}, 4 * 2 * 3),
        ("tensordot", (_t(2, 3, 4), _t(3, 4, 5)), {"dims": 2}, 2 * 12 * 5),
        ("tensordot", (_t(2, 3, 4), _t(4, 5, 3)), {"dims": ([1, 2], [2, 0])}, 2 * 12 * 5),
        # (10 × 100)(100 × 5)(5 × 50): the first two first.
        ("multi_dot", ([_t(10, 100), _t(100, 5), _t(5, 50)],), {}, 10 * 100 * 5 + 10 * 5 * 50),
        ("multi_dot", ([_t(4), _t(4, 3), _t(3)],), {}, 4 * 3 + 3),
        ("matrix_power", (_t(2, 3, 3), 5), {}, 2 * 27 * 3),  # A², A⁴, A⁴ · A
        ("matrix_power", (_t(3, 3), 1), {}, 0),
        ("cov", (_t(2, 7),), {}, 2 * 2 * 7),
        ("scaled_dot_product_attention", (_t(2, 4, 3, 8), _t(2, 2, 5, 8), _t(2, 2, 5, 6)), {}, 8 * 15 * 14),
        ("scaled_dot_product_attention", (_t(6, 4), _t(6, 4), _t(6, 4)), {}, 36 * 8),
        ("gru", (_t(5, 2, 4), _t(2, 2, 3), [], True, 1, 0.0, False, True, False), {}, 10 * 2 * 9 * (4 + 3)),
        (
            "lstm",
            (_t(5, 2, 4), (_t(1, 2, 3), _t(1, 2, 6)), [], True, 1, 0.0, False, False, False),
            {},
            10 * (24 * (4 + 3) + 6 * 3),
        ),
        ("lstm_cell", (_t(2, 4), (_t(2, 3), _t(2, 3))), {}, 2 * 12 * (4 + 3)),
    ],
)
def test_multiply_adds_by_the_arguments(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], macs: int
) -> None:
    assert CALL_FORMULAS[name](*args, **kwargs) == macs


def test_sequences_of_different_lengths_count_the_steps_that_there_are() -> None:
    lengths = torch.tensor([2, 2, 1])
    packed = (_t(5, 4), lengths, _t(1, 2, 3), [], True, 1, 0.0, False, False)
    assert CALL_FORMULAS["gru"](*packed) == 5 * 9 * (4 + 3)


@pytest.mark.parametrize(("mode", "gates"), [(0, 1), (1, 1), (2, 4), (3, 3)])
def test_cudnns_recurrent_layers_by_their_mode(mode: int, gates: int) -> None:
    state = _t(2, 2, 3)
    args = (_t(5, 2, 4), [], 4, None, state, state, mode, 3, 0, 1, False, 0.0, False, True, [], None)
    assert CALL_FORMULAS["_cudnn_rnn"](*args) == 10 * 2 * gates * 3 * (4 + 3)
