from __future__ import annotations

import pytest
import torch

from epam_bench.counters.dispatch_accountant import FORMULAS, MULTIPLYING
from epam_bench.counters.operation_kinds import (
    _LISTS,
    KINDS,
    MOVES_NOTHING,
    kind_of,
    ledger_name,
    moves_nothing,
)
from epam_bench.records import OperationKind

aten = torch.ops.aten


def test_what_multiplies_has_a_formula_and_nothing_else_has() -> None:
    assert {name for name, kind in KINDS.items() if kind in MULTIPLYING} == set(FORMULAS)


def test_no_operation_is_of_two_kinds() -> None:
    listed = [name for names in _LISTS.values() for name in names.split()]
    assert sorted(listed) == sorted(set(listed))
    assert not set(listed) & MOVES_NOTHING


@pytest.mark.parametrize(
    ("func", "kind"),
    [
        (aten.convolution.default, OperationKind.CONVOLUTION),
        (aten.addmm_.default, OperationKind.MATRIX_PRODUCT),
        (aten._scaled_dot_product_flash_attention_for_cpu.default, OperationKind.ATTENTION),
        (aten.native_batch_norm.default, OperationKind.NORMALISATION),
        (aten.relu_.default, OperationKind.ACTIVATION),
        (aten._softmax.default, OperationKind.ACTIVATION),
        (aten.max_pool3d_with_indices.default, OperationKind.POOLING),
        (aten.upsample_trilinear3d.default, OperationKind.INTERPOLATION),
        (aten.mean.dim, OperationKind.REDUCTION),
        (aten.roll.default, OperationKind.DATA_MOVEMENT),
        # In no list, but PyTorch says that it goes element by element.
        (aten.erfinv.default, OperationKind.ELEMENTWISE),
        (aten._fft_r2c.default, None),
        (aten._cdist_forward.default, None),
    ],
)
def test_kind_of_an_operation(func, kind: OperationKind | None) -> None:
    assert kind_of(func) is kind


def test_views_and_unfilled_memory_move_nothing_and_copies_do() -> None:
    for func in (aten.view.default, aten._unsafe_view.default, aten.t_.default, aten.empty.memory_format):
        assert moves_nothing(func)
    for func in (aten.clone.default, aten.zeros.default, aten.cat.default):
        assert not moves_nothing(func)


def test_one_name_for_what_devices_call_differently() -> None:
    assert ledger_name("cudnn_batch_norm") == ledger_name("native_batch_norm") == "batch_norm"
    assert ledger_name("add_") == "add"
    assert ledger_name("__and__") == "__and__"
