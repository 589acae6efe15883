from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.counters.dispatch_accountant import FORMULAS, DispatchAccountant, weights_of
from epam_bench.counters.ledger import LedgerLine
from epam_bench.records import OperationKind

FLOAT = 4


def account(function: Callable[..., Any], *operands: Tensor, weights: tuple[Tensor, ...] = ()) -> Any:
    """The accountant after one call without gradients."""
    accountant = DispatchAccountant(weights)
    with torch.no_grad(), accountant:
        function(*operands)
    return accountant


def only_line(accountant: DispatchAccountant) -> LedgerLine:
    (line,) = accountant.ledger
    return line


def test_linear_layer_reads_its_input_and_its_weights_and_writes_its_result() -> None:
    layer = nn.Linear(3, 5)
    line = only_line(account(layer, torch.zeros(2, 3), weights=tuple(weights_of(layer))))
    assert (line.operation, line.kind) == ("addmm", OperationKind.MATRIX_PRODUCT)
    assert (line.calls, line.macs, line.elements) == (1, 2 * 5 * 3, 2 * 5)
    assert line.bytes_read == 2 * 3 * FLOAT
    assert line.weight_bytes == (5 * 3 + 5) * FLOAT
    assert line.bytes_written == 2 * 5 * FLOAT


def test_a_view_of_a_weight_is_a_weight_and_a_computed_one_is_not() -> None:
    weight = nn.Parameter(torch.zeros(4, 3))
    line = only_line(account(lambda x: x @ weight[:2].t(), torch.zeros(5, 3), weights=(weight,)))
    assert (line.bytes_read, line.weight_bytes) == (5 * 3 * FLOAT, 2 * 3 * FLOAT)
    lines = account(lambda x: x @ weight.neg().t(), torch.zeros(5, 3), weights=(weight,)).ledger.lines
    assert [(line.operation, line.weight_bytes) for line in lines] == [("neg", 12 * FLOAT), ("mm", 0)]


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_batch_norm_has_elements_and_bytes_and_no_macs(device: str) -> None:
    norm = nn.BatchNorm3d(4, device=device).eval()
    x = torch.zeros(1, 4, 2, 3, 3, device=device)
    line = only_line(account(norm, x, weights=tuple(weights_of(norm))))
    assert (line.operation, line.kind, line.macs) == ("batch_norm", OperationKind.NORMALISATION, 0)
    assert line.elements == 72
    assert (line.bytes_read, line.bytes_written, line.weight_bytes) == (72 * 4, 72 * 4, 4 * 4 * 4)


def test_views_are_no_lines_and_move_nothing() -> None:
    def views(x: Tensor) -> Tensor:
        return x.view(6, 2).t().unsqueeze(0).expand(3, 2, 6)[:, 1:]

    assert account(views, torch.zeros(3, 4)).ledger.lines == ()


def test_a_shift_reads_and_writes_every_element() -> None:
    line = only_line(account(lambda x: torch.roll(x, 1, 0), torch.zeros(3, 4, dtype=torch.float64)))
    assert (line.kind, line.macs) == (OperationKind.DATA_MOVEMENT, 0)
    assert (line.bytes_read, line.bytes_written) == (12 * 8, 12 * 8)


def test_calls_of_one_operation_by_one_module_become_one_line() -> None:
    accountant = DispatchAccountant(())
    x = torch.zeros(2, 3)
    with torch.no_grad(), accountant:
        for path in ("stem", "stem", "head"):
            accountant.module_path = path
            x.relu()
    assert [(line.module, line.calls, line.elements, line.bytes_written) for line in accountant.ledger] == [
        ("stem", 2, 12, 48),
        ("head", 1, 6, 24),
    ]


def test_what_is_expanded_is_read_once() -> None:
    line = only_line(account(torch.add, torch.zeros(1, 4).expand(100, 4), torch.zeros(100, 4)))
    assert (line.bytes_read, line.bytes_written) == ((4 + 400) * FLOAT, 400 * FLOAT)


def test_in_place_operations_have_the_plain_name_and_write_what_they_change() -> None:
    accountant = account(lambda x: x.relu_().add_(1.0), torch.zeros(5))
    assert [(line.operation, line.bytes_written) for line in accountant.ledger] == [
        ("relu", 5 * FLOAT),
        ("add", 5 * FLOAT),
    ]


def test_an_operation_without_a_formula_is_named_and_not_lost() -> None:
    accountant = account(lambda x: torch.fft.rfft(x).abs(), torch.zeros(8))
    assert accountant.uncounted == {"_fft_r2c": 1}
    assert accountant.ledger.lines[0].kind is OperationKind.OTHER
    assert accountant.ledger.lines[0].bytes_read == 8 * FLOAT


def test_a_product_whose_formula_is_missing_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "epam_bench.counters.dispatch_accountant.FORMULAS",
        {name: formula for name, formula in FORMULAS.items() if name != "bmm"},
    )
    accountant = account(torch.bmm, torch.zeros(1, 2, 3), torch.zeros(1, 3, 4))
    assert accountant.uncounted == {"bmm": 1}


def test_transposed_convolution_multiplies_each_input() -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2, bias=False)
    assert only_line(account(layer, torch.zeros(1, 4, 5, 5))).macs == (5 * 5) * 4 * 3 * 9


def test_arguments_by_name_are_read_as_the_schema_orders_them() -> None:
    operands = {"mat1": torch.zeros(3, 4), "mat2": torch.zeros(4, 5)}
    accountant = account(lambda bias: torch.ops.aten.addmm(bias, **operands), torch.zeros(5))
    assert only_line(accountant).macs == 3 * 5 * 4


def test_fused_attention_of_the_cpu_is_attention() -> None:
    x = torch.zeros(2, 3, 6, 4)
    line = only_line(account(F.scaled_dot_product_attention, x, x, x))
    assert line.operation == "_scaled_dot_product_flash_attention_for_cpu"
    assert (line.kind, line.macs, line.elements) == (OperationKind.ATTENTION, 6 * 36 * 8, 144)


def test_attention_of_devices_without_one_here_is_counted_from_shapes_alone() -> None:
    query, key, value = (torch.empty(2, 4, *shape, device="meta") for shape in ((3, 8), (5, 8), (5, 6)))
    macs = 8 * 15 * (8 + 6)
    for name in ("_scaled_dot_product_cudnn_attention", "_scaled_dot_product_efficient_attention"):
        assert FORMULAS[name]((query, key, value), None) == {OperationKind.ATTENTION: macs}
    tokens_first = tuple(tensor.transpose(1, 2) for tensor in (query, key, value))
    assert FORMULAS["_flash_attention_forward"](tokens_first, None) == {OperationKind.ATTENTION: macs}


def test_a_fused_block_is_attention_and_projections_apart() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    # Nobody listens at the level of Python here, so that PyTorch takes its fused path.
    accountant = account(layer, torch.zeros(2, 5, 8), weights=tuple(weights_of(layer)))
    lines = {line.kind: line for line in accountant.ledger}
    assert {line.operation for line in lines.values()} == {"_transformer_encoder_layer_fwd"}
    assert lines[OperationKind.ATTENTION].macs == 2 * 2 * 25 * 8
    assert lines[OperationKind.MATRIX_PRODUCT].macs == 2 * (4 * 5 * 64 + 2 * 5 * 8 * 16)
    assert accountant.ledger.total.elements == 2 * 5 * 8


def test_recurrent_layers_of_devices_are_counted_by_their_matrices() -> None:
    x, weights = torch.empty(5, 2, 4, device="meta"), [(18, 4), (18, 3), (18,), (18,)]
    operands = (x, [torch.empty(shape, device="meta") for shape in weights])
    assert FORMULAS["_cudnn_rnn"](operands, None) == {OperationKind.MATRIX_PRODUCT: 10 * 18 * (4 + 3)}
    lstm = account(nn.LSTM(4, 6).eval(), torch.zeros(5, 2, 4))
    assert lstm.ledger.total.macs == 10 * 24 * (4 + 6)


def test_operations_of_a_call_that_is_one_line_are_one_line_with_their_macs() -> None:
    accountant = DispatchAccountant(())
    a, b = torch.zeros(2, 3), torch.zeros(3, 4)
    with torch.no_grad(), accountant:
        with accountant.scope("block", OperationKind.ATTENTION, one_line=True) as scope:
            result = (a @ b).softmax(-1) @ b.t()
        accountant.enter_call(scope, (a, b), result)
    line = only_line(accountant)
    assert (line.operation, line.kind, line.macs) == ("block", OperationKind.ATTENTION, 24 + 24)
    assert (line.elements, line.bytes_read, line.bytes_written) == (6, (6 + 12) * FLOAT, 6 * FLOAT)


def test_heads_that_cudas_attention_pads_count_as_wide_as_they_were() -> None:
    accountant = DispatchAccountant(())
    heads = torch.empty(1, 2, 6, 4, device="meta")
    with torch.no_grad(), accountant:
        with accountant.scope(
            "scaled_dot_product_attention", OperationKind.ATTENTION, one_line=True
        ) as scope:
            padded = F.pad(heads, (0, 4))
            torch.ops.aten._scaled_dot_product_flash_attention(padded, padded, padded)
        assert scope.macs == 2 * 36 * (4 + 4)
        # Who pads before the call asks for the wider product.
        with accountant.scope(
            "scaled_dot_product_attention", OperationKind.ATTENTION, one_line=True
        ) as scope:
            torch.ops.aten._scaled_dot_product_flash_attention(padded, padded, padded)
        assert scope.macs == 2 * 36 * (8 + 8)


def test_questions_without_tensors_are_no_operations() -> None:
    accountant = account(lambda: torch.ops.torchvision._cuda_version()) if _has_torchvision() else None
    if accountant is None:
        pytest.skip("torchvision has no operations here")
    assert accountant.ledger.lines == ()
    assert not accountant.uncounted


def _has_torchvision() -> bool:
    import torchvision  # noqa: F401 — registers its operations

    return hasattr(torch.ops.torchvision, "_cuda_version")


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_convolutions_with_packed_weights_and_fused_sums_count_as_the_plain_ones(groups: int) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("oneDNN's operations are not in this build")
    x, weight = torch.zeros(2, 6, 5, 5), torch.zeros(12, 6 // groups, 3, 3)
    added = torch.zeros(2, 12, 5, 5)
    places = ([1, 1], [1, 1], [1, 1], groups)
    packed = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *places, [2, 6, 5, 5])
    ops = torch.ops.mkldnn

    def pointwise(x: Tensor) -> Tensor:
        return ops._convolution_pointwise(x, packed, None, *places, "relu", [], "")

    def summed_in_place(x: Tensor) -> Tensor:
        return ops._convolution_pointwise_.binary(added, x, packed, None, *places, "add", 1.0, "relu", [], "")

    for call in (pointwise, summed_in_place):
        line = only_line(account(call, x))
        assert line.kind is OperationKind.CONVOLUTION
        assert line.macs == added.numel() * weight[0].numel()
