from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.counters.call_accountant import CallAccountant, call_name, mapped_times
from epam_bench.counters.call_formulas import CALL_FORMULAS
from epam_bench.counters.dispatch_accountant import DispatchAccountant
from epam_bench.records import OperationKind


def accounts(function: Callable[..., Any], *operands: Any) -> tuple[DispatchAccountant, CallAccountant]:
    dispatched = DispatchAccountant(())
    called = CallAccountant(dispatched)
    with torch.no_grad(), dispatched, called:
        function(*operands)
    return dispatched, called


@pytest.mark.parametrize(
    ("func", "name"),
    [
        (torch.matmul, "matmul"),
        (torch.Tensor.matmul, "matmul"),
        (torch.ops.aten.matmul, "matmul"),
        (torch.ops.aten.matmul.default, "matmul"),
        (torch.linalg.vecdot, "vecdot"),
        (torch.Tensor.addmm_, "addmm"),
        (torch.Tensor.__rmatmul__, "__rmatmul__"),
    ],
)
def test_one_name_for_all_ways_to_call(func: Any, name: str) -> None:
    assert call_name(func) == name


def test_both_accounts_have_the_same_sum() -> None:
    dispatched, called = accounts(lambda x: F.linear(x, x) @ x, torch.zeros(3, 3))
    assert called.macs == dispatched.ledger.total.macs == 54
    assert called.disagreements == []


def test_a_wrong_formula_is_found_out_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**CALL_FORMULAS, "linear": lambda *_: 31}
    monkeypatch.setattr("epam_bench.counters.call_accountant.CALL_FORMULAS", wrong)
    dispatched = DispatchAccountant(())
    called = CallAccountant(dispatched)
    dispatched.module_path = "head.fc"
    with torch.no_grad(), dispatched, called:
        F.linear(torch.zeros(2, 3), torch.zeros(5, 3))
    assert called.disagreements == ["head.fc: linear needs 31 MACs by its arguments, 30 were dispatched"]


def test_a_formula_that_fails_is_a_disagreement_and_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> int:
        raise ValueError("unforeseen")

    monkeypatch.setattr("epam_bench.counters.call_accountant.CALL_FORMULAS", {"mm": fails})
    _, called = accounts(torch.mm, torch.zeros(2, 3), torch.zeros(3, 4))
    assert called.disagreements == [
        "the network: mm cannot be worked out from its arguments (unforeseen), 24 were dispatched"
    ]


def test_a_call_without_a_formula_that_multiplies_is_a_disagreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epam_bench.counters.call_accountant.CALL_FORMULAS", {})
    dispatched, called = accounts(torch.mm, torch.zeros(2, 3), torch.zeros(3, 4))
    assert dispatched.ledger.total.macs == 24
    assert called.disagreements == [
        "the network: mm dispatched 24 MACs, and the account of calls has no formula for it"
    ]


def product(x: Tensor, w: Tensor) -> Tensor:
    return torch.mm(x, w).relu()


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
def test_operations_of_a_script_are_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = torch.jit.script(product)
    operands = torch.zeros(2, 3), torch.zeros(3, 4)
    _, called = accounts(scripted, *operands)
    assert (called.macs, called.disagreements) == (24, [])
    monkeypatch.setattr("epam_bench.counters.call_accountant.CALL_FORMULAS", {})
    _, called = accounts(scripted, *operands)
    assert called.disagreements == [
        "the network: mm dispatched 24 MACs outside any call that the account of calls has a formula for"
    ]


def test_products_inside_the_attention_block_are_attention_and_projections_are_not() -> None:
    block = nn.MultiheadAttention(8, 2).eval()
    x = torch.zeros(5, 1, 8)
    for need_weights in (True, False):
        dispatched, called = accounts(lambda need=need_weights: block(x, x, x, need_weights=need))
        kinds = {kind: line.macs for kind, line in dispatched.ledger.by_kind().items() if line.macs}
        assert kinds == {OperationKind.MATRIX_PRODUCT: 4 * 5 * 64, OperationKind.ATTENTION: 2 * 25 * 8}
        assert called.disagreements == []


def test_attention_is_one_line_whatever_the_device_makes_of_it() -> None:
    lines = []
    for device in ("cpu", "meta"):
        x = torch.zeros(1, 2, 6, 4, device=device)
        dispatched, _ = accounts(F.scaled_dot_product_attention, x, x, x)
        lines.append(dispatched.ledger.lines)
    assert lines[0] == lines[1]
    (line,) = lines[0]
    assert (line.operation, line.elements, line.bytes_read) == (
        "scaled_dot_product_attention",
        48,
        3 * 48 * 4,
    )


def _attend_and_join_heads(tokens: Tensor) -> Tensor:
    heads = tokens.unflatten(-1, (2, 4)).transpose(1, 2)
    return F.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).reshape(tokens.shape)


def test_what_follows_an_attention_copies_no_more_on_meta_than_on_the_cpu() -> None:
    moved = [
        accounts(_attend_and_join_heads, torch.zeros(1, 6, 8, device=device))[0].ledger.lines
        for device in ("cpu", "meta")
    ]
    assert moved[0] == moved[1]
    assert [line.operation for line in moved[0]] == ["scaled_dot_product_attention"]


@pytest.mark.parametrize(
    "layer", [nn.GRU(4, 6), nn.LSTM(4, 6), nn.RNN(4, 6)], ids=lambda each: type(each).__name__
)
def test_recurrent_layers_are_one_line_whatever_the_device_makes_of_them(layer: nn.Module) -> None:
    lines = []
    for device in ("cpu", "meta"):
        dispatched, called = accounts(layer.to(device).eval(), torch.zeros(5, 2, 4, device=device))
        assert called.disagreements == []
        lines.append([line for line in dispatched.ledger if line.macs])
    assert lines[0] == lines[1]
    assert len(lines[0]) == 1


def test_functions_written_in_python_are_listened_into_and_not_changed() -> None:
    code, names = F.multi_head_attention_forward.__code__, dict(F.__dict__)
    block, x = nn.MultiheadAttention(8, 2).eval(), torch.randn(5, 1, 8)
    with torch.no_grad():
        expected = block(x, x, x)[0]
        result = []
        accounts(lambda: result.append(block(x, x, x)[0]))
    assert torch.equal(result[0], expected)
    assert F.multi_head_attention_forward.__code__ is code
    assert dict(F.__dict__) == names


def test_what_vmap_hides_from_shapes_is_multiplied_in() -> None:
    matrices, vector = torch.zeros(5, 2, 3, 4), torch.zeros(5, 4)
    twice = torch.vmap(torch.vmap(torch.mv, in_dims=(0, None)), in_dims=(0, 0))
    dispatched, called = accounts(twice, matrices, vector)
    assert called.macs == dispatched.ledger.total.macs == 5 * 2 * 3 * 4
    assert called.disagreements == []
    assert mapped_times((matrices, vector)) == 1


def test_a_product_where_nothing_is_summed_counts_when_a_product_was_asked_for() -> None:
    a, b = torch.zeros(4), torch.zeros(3)
    for asked in (lambda: torch.outer(a, b), lambda: torch.einsum("i,j->ij", a, b)):
        dispatched, called = accounts(asked)
        assert (dispatched.ledger.total.macs, called.disagreements) == (12, [])
    dispatched, _ = accounts(lambda: a[:, None] * b)
    assert dispatched.ledger.total.macs == 0
