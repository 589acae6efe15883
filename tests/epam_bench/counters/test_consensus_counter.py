from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from epam.checkpoints import hash_weights
from epam_baselines import example_inputs, list_models, model_spec
from epam_bench.counters import COUNTERS, Count, CounterError, WeightsNeededError
from epam_bench.counters.consensus_counter import ConsensusCounter, Device
from epam_bench.counters.shapes_only import ShapesOnly, hollow, hollow_network
from epam_bench.records import OperationKind

DEVICES: tuple[Any, ...] = (
    "meta",
    "cpu",
    pytest.param(
        "cuda",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")],
    ),
)

ATTENTION = 2 * (4 * 5 * 64 + 2 * 25 * 8)
"""Two samples, 5 tokens of 8: four projections, scores and sums."""


class Calls(nn.Module):
    """What a function makes of a few layers and the inputs."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)

    def forward(self, *inputs: Any) -> Any:
        return self.function(*self.layers, *inputs)


def count(model: nn.Module, *inputs: Tensor, device: Device = "meta") -> Count:
    return ConsensusCounter().count(model, inputs, device=device)


def _packed(layer: nn.Module, x: Tensor) -> Tensor:
    return layer(pack_padded_sequence(x, torch.tensor([3, 2, 1])))[0].data


def _complex(kind: type[nn.Module]) -> nn.Module:
    return kind(2, 2, 3, dtype=torch.cfloat)


@torch.inference_mode()
def _without_autograd(linear: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
    return conv(linear(x)[:, None])


class Squares(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        return x @ w

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


CASES: list[tuple[str, nn.Module, list[tuple[int, ...]], int]] = [
    ("same padding", nn.Conv2d(3, 4, 4, padding="same"), [(1, 3, 5, 5)], 25 * 4 * 3 * 16),
    ("grouped transposed 3-D", nn.ConvTranspose3d(4, 6, 3, 2, groups=2), [(1, 4, 2, 3, 4)], 24 * 4 * 3 * 27),
    ("circular padding", nn.Conv1d(3, 4, 3, padding=1, padding_mode="circular"), [(1, 3, 5)], 5 * 4 * 9),
    (
        "complex numbers, three real products for each",
        Calls(
            lambda conv, up, x: up(conv(x.to(torch.cfloat))),
            _complex(nn.Conv1d),
            _complex(nn.ConvTranspose1d),
        ),
        [(1, 2, 5)],
        3 * (3 * 2 * 2 * 3) + 3 * (3 * 2 * 2 * 3),
    ),
    ("bilinear", nn.Bilinear(3, 4, 5), [(2, 3), (2, 4)], 2 * 5 * (3 * 4 + 4)),
    ("outer", Calls(torch.outer), [(4,), (3,)], 12),
    ("addr", Calls(torch.addr), [(3, 4), (3,), (4,)], 12),
    ("addbmm", Calls(torch.addbmm), [(3, 5), (2, 3, 4), (2, 4, 5)], 2 * 3 * 5 * 4),
    ("three operands", Calls(lambda *x: torch.einsum("ij,jk,kl->il", *x)), [(2, 3), (3, 4), (4, 5)], 24 + 40),
    (
        "multi_dot",
        Calls(lambda *x: torch.linalg.multi_dot(x)),
        [(9, 20), (20, 2), (2, 8)],
        9 * 20 * 2 + 9 * 2 * 8,
    ),
    ("matrix power", Calls(lambda x: torch.linalg.matrix_power(x, 10)), [(3, 3)], 4 * 27),
    ("as named operations", Calls(torch.ops.aten.mm), [(2, 3), (3, 4)], 24),
    (
        "causal attention",
        Calls(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True)),
        [(1, 2, 6, 4)],
        2 * 36 * 8,
    ),
    (
        "a fused kernel by its own name",
        Calls(lambda x: torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(x, x, x)[0]),
        [(1, 2, 6, 4)],
        2 * 36 * 8,
    ),
    (
        "memory of another width, with learnt and zero keys",
        Calls(
            lambda layer, x, memory: layer(x, memory, memory)[0],
            nn.MultiheadAttention(
                8, 2, kdim=6, vdim=6, add_bias_kv=True, add_zero_attn=True, batch_first=True
            ),
        ),
        [(2, 5, 8), (2, 7, 6)],
        2 * (2 * 5 * 64 + 2 * 7 * 6 * 8 + 2 * 5 * 9 * 8),
    ),
    (
        "encoder of two layers",
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        [(2, 5, 8)],
        2 * (ATTENTION + 2 * 2 * 5 * 8 * 16),
    ),
    (
        "GRU, two layers, both ways",
        nn.GRU(4, 6, 2, bidirectional=True),
        [(5, 3, 4)],
        15 * 2 * 18 * ((4 + 6) + (12 + 6)),
    ),
    (
        "LSTM with projections, both ways",
        nn.LSTM(4, 6, 2, bidirectional=True, proj_size=3),
        [(5, 3, 4)],
        15 * 2 * (24 * (4 + 3) + 18 + 24 * (6 + 3) + 18),
    ),
    ("RNN of ReLUs", nn.RNN(4, 6, nonlinearity="relu"), [(5, 3, 4)], 15 * 6 * 10),
    ("packed sequences", Calls(_packed, nn.LSTM(4, 6)), [(3, 3, 4)], 6 * 24 * 10),
    ("a GRU's cell", nn.GRUCell(4, 6), [(3, 4)], 3 * 18 * 10),
    (
        "a checkpoint that enters again",
        Calls(lambda layer, x: checkpoint(layer, x, use_reentrant=True), nn.Linear(3, 4)),
        [(1, 3)],
        12,
    ),
    ("a function with its own gradient", Calls(Squares.apply), [(1, 3), (3, 4)], 12),
    (
        "inference mode",
        Calls(_without_autograd, nn.Linear(3, 4), nn.Conv1d(1, 2, 3)),
        [(1, 3)],
        12 + 2 * 2 * 3,
    ),
    ("spectral norm", nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), [(1, 3)], 12 + 12 + 4),
    ("mapped", Calls(torch.vmap(torch.mv, in_dims=(0, None))), [(2, 3, 4), (4,)], 24),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("model", "shapes", "macs"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_both_accounts_have_the_truth_on_every_device(
    model: nn.Module, shapes: list[tuple[int, ...]], macs: int, device: Device
) -> None:
    if device == "cuda" and "fused" in str(model):
        pytest.skip("the CPU's kernel")
    counted = count(model, *(torch.randn(shape) for shape in shapes), device=device)
    assert counted.macs == macs
    assert counted.disagreements == ()
    assert counted.uncounted == {}


@pytest.mark.parametrize(
    ("function", "operation"),
    [
        (torch.fft.rfft, "_fft_r2c"),
        (torch.linalg.inv, "linalg_inv_ex"),
        (lambda x: torch.cdist(x, x), "_cdist_forward"),
        (lambda x: torch.linalg.eigvalsh(x), "_linalg_eigh"),
    ],
)
def test_an_operation_without_a_formula_makes_the_total_a_lower_bound(
    function: Callable[[Tensor], Tensor], operation: str
) -> None:
    counted = count(Calls(lambda layer, x: function(layer(x)), nn.Linear(4, 4)), torch.eye(4))
    assert counted.macs == 64
    assert counted.uncounted == {operation: 1}
    assert counted.caveats == (f"no formula for {operation} (1×): the total is a lower bound",)


@pytest.mark.parametrize(
    ("model", "shape", "kind", "elements"),
    [
        (nn.BatchNorm3d(4), (1, 4, 2, 3, 3), OperationKind.NORMALISATION, 72),
        (nn.InstanceNorm2d(4), (2, 4, 3, 3), OperationKind.NORMALISATION, 72),
        (nn.LayerNorm(6), (2, 6), OperationKind.NORMALISATION, 12),
        (nn.RMSNorm(6), (2, 6), OperationKind.NORMALISATION, 12),
        (nn.LocalResponseNorm(2), (1, 4, 3, 3), OperationKind.NORMALISATION, 36),
        (nn.SiLU(), (2, 6), OperationKind.ACTIVATION, 12),
        (nn.Softmax(-1), (2, 6), OperationKind.ACTIVATION, 12),
        (nn.PReLU(), (2, 6), OperationKind.ACTIVATION, 12),
        (nn.AdaptiveAvgPool3d(1), (1, 4, 2, 3, 3), OperationKind.POOLING, 4),
        (nn.MaxPool1d(2), (1, 4, 6), OperationKind.POOLING, 12),
        (nn.MaxPool3d(2, return_indices=True), (1, 1, 4, 4, 4), OperationKind.POOLING, 8),
        (nn.Upsample(scale_factor=2, mode="trilinear"), (1, 1, 2, 2, 2), OperationKind.INTERPOLATION, 64),
        (nn.ReflectionPad2d(1), (1, 1, 3, 3), OperationKind.DATA_MOVEMENT, 25),
        (Calls(lambda x: torch.roll(x, 1, 1)), (2, 4), OperationKind.DATA_MOVEMENT, 8),
        (Calls(lambda x: torch.cat([x, x])), (2, 4), OperationKind.DATA_MOVEMENT, 16),
        (Calls(lambda x: x[:, [0, 2]]), (2, 4), OperationKind.DATA_MOVEMENT, 4),
        (Calls(lambda x: x.mean(1)), (2, 4), OperationKind.REDUCTION, 2),
        (Calls(lambda x: x * x + 1), (2, 4), OperationKind.ELEMENTWISE, 16),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, nn.Module) else None,
)
def test_what_multiplies_nothing_has_a_kind_and_elements(
    model: nn.Module, shape: tuple[int, ...], kind: OperationKind, elements: int
) -> None:
    for device in ("meta", "cpu"):
        counted = count(model, torch.randn(shape), device=device)
        assert counted.macs == 0
        assert counted.uncounted == {}
        assert counted.ledger is not None
        assert counted.ledger.by_kind()[kind].elements == elements


def test_lines_name_the_innermost_module_and_a_shared_layer_its_first_name() -> None:
    shared = nn.Linear(4, 4)
    counted = count(nn.Sequential(shared, nn.Sequential(nn.ReLU(), shared)), torch.zeros(1, 4))
    assert counted.ledger is not None
    assert [(line.module, line.operation, line.calls, line.macs) for line in counted.ledger] == [
        ("0", "addmm", 2, 32),
        ("1.0", "relu", 1, 0),
    ]
    assert counted.by_module == {"": 32, "0": 32}
    assert counted.by_operation == {"addmm": 32}


def test_a_network_that_branches_on_values_is_run_once_for_real() -> None:
    model = Calls(
        lambda long, short, x: long(x) if x.mean() > 0 else short(x), nn.Linear(4, 6), nn.Linear(4, 2)
    )
    bright, dark = count(model, torch.ones(1, 4)), count(model, -torch.ones(1, 4))
    assert (bright.macs, dark.macs) == (24, 8)
    for counted in (bright, dark):
        (caveat,) = counted.caveats
        assert "cannot run on the meta device" in caveat
        assert "one real run on the CPU" in caveat


def test_without_values_a_branching_network_asks_for_weights() -> None:
    with torch.device("meta"):
        model = Calls(lambda layer, x: layer(x) if x.mean() > 0 else x, nn.Linear(4, 6))
    with pytest.raises(WeightsNeededError, match="cannot run without values"):
        count(model, torch.ones(1, 4))
    with pytest.raises(WeightsNeededError, match="meta device"):
        count(model, torch.ones(1, 4), device="cpu")


def test_a_tensor_computed_from_weights_does_not_stop_the_copy() -> None:
    class Cached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 4)
            self.doubled = [2 * self.layer.weight]

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.doubled[0])

    for device in ("meta", "cpu"):
        counted = count(Cached(), torch.zeros(1, 3), device=device)
        assert (counted.macs, counted.caveats) == (12, ())


def test_what_cannot_be_copied_is_said() -> None:
    model = Calls(lambda layer, x: layer(x), nn.Linear(3, 4))
    model.generator = (each for each in ())
    with pytest.raises(CounterError, match="cannot be copied"):
        count(model, torch.zeros(1, 3))


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_what_a_conditional_runs_is_counted(device: Device) -> None:
    def either(one: nn.Module, other: nn.Module, x: Tensor) -> Tensor:
        return torch.cond(torch.tensor(True), one, lambda y: other(other(y)), (x,))

    model = Calls(either, nn.Linear(3, 3), nn.Linear(3, 3))
    assert count(model, torch.zeros(2, 3), device=device).macs == 2 * 9


def test_layers_that_run_in_another_thread_are_named_and_the_total_is_a_lower_bound() -> None:
    def both(here: nn.Module, there: nn.Module, x: Tensor) -> Tensor:
        with ThreadPoolExecutor(max_workers=1) as pool:
            return here(pool.submit(there, x).result())

    counted = count(Calls(both, nn.Linear(4, 2), nn.Linear(3, 4)), torch.zeros(1, 3))
    assert counted.macs == 8
    assert counted.by_module["layers.0"] == 8
    assert [line for line in counted.caveats if "lower bound" in line and line.startswith("layers.1:")]


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
def test_a_script_is_counted_in_a_real_run() -> None:
    script = torch.jit.script(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)))
    for model in (script, Calls(lambda part, x: part(x), script)):
        counted = count(model, torch.zeros(1, 3))
        assert (counted.macs, counted.disagreements) == (12 + 8, ())


@pytest.mark.parametrize("value_dependent", [False, True])
def test_nothing_that_the_network_draws_or_keeps_is_changed(value_dependent: bool) -> None:
    class Restless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.register_buffer("calls", torch.zeros(()))
            self.seen: list[int] = []

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.seen.append(len(self.seen))
            random.random()
            np.random.rand()  # noqa: NPY002
            x = self.layer(x) + torch.rand(4, device=x.device)
            return x if not value_dependent or x.sum() > 0 else -x

    model = Restless().train()
    hooked: list[str] = []
    model.layer.register_forward_hook(lambda *_: hooked.append("user's"))
    states = (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state())  # noqa: NPY002
    before, hooks = hash_weights(model.state_dict()), dict(model.layer._forward_hooks)

    assert count(model, torch.zeros(1, 4)).macs == 16

    assert hash_weights(model.state_dict()) == before
    assert (model.seen, model.training, model.layer.training) == ([], True, True)
    assert dict(model.layer._forward_hooks) == hooks
    assert hooked, "the network's own hooks are part of its forward pass"
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


EVERY_MODEL = list_models()

QUICK_MODELS = ("epam_net", "posec3d", "timesformer", "mvit_v2_s")
"""One of each sort: both streams, heatmaps, attention by PyTorch's call, attention by hand."""


def _without_weights(name: str) -> tuple[nn.Module, tuple[Tensor, ...]]:
    spec = model_spec(name)
    with torch.device("meta"):
        model = spec.build(num_classes=spec.num_classes)
    return model, example_inputs(spec, device="meta")


def _check_against_torch(name: str) -> None:
    model, inputs = _without_weights(name)
    counted = count(model, *inputs)
    assert counted.disagreements == ()
    assert counted.uncounted == {}
    assert counted.caveats == ()
    assert counted.macs == COUNTERS["torch"].count(model, inputs).macs
    assert counted.ledger is not None
    assert counted.ledger.total.macs == counted.macs == sum(counted.by_operation.values())


def _check_on_the_cpu(name: str) -> None:
    """What the CPU dispatches for tensors that hold nothing: it picks kernels by anything but values."""
    model, inputs = _without_weights(name)
    on_meta = count(model, *inputs)
    with ShapesOnly():
        on_cpu = count(hollow_network(model), *(hollow(each) for each in inputs), device="cpu")
    assert (on_cpu.macs, on_cpu.disagreements, on_cpu.uncounted) == (on_meta.macs, (), {})


@pytest.mark.parametrize("name", QUICK_MODELS)
def test_a_models_accounts_agree_to_the_last_mac_with_pytorchs(name: str) -> None:
    _check_against_torch(name)


@pytest.mark.parametrize("name", QUICK_MODELS)
def test_a_model_costs_the_same_on_the_cpu_and_on_meta(name: str) -> None:
    _check_on_the_cpu(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_MODEL)
def test_every_model_agrees_with_pytorch_and_between_devices(name: str) -> None:
    _check_against_torch(name)
    _check_on_the_cpu(name)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", EVERY_MODEL)
def test_every_model_costs_the_same_on_cuda(name: str) -> None:
    spec = model_spec(name)
    model, inputs = spec.build(num_classes=spec.num_classes), example_inputs(spec)
    counted = count(model, *inputs, device="cuda")
    assert (counted.macs, counted.disagreements) == (count(model, *inputs).macs, ())
    assert counted.uncounted == {}


def test_epam_nets_ledger_has_the_numbers_of_the_reference() -> None:
    """model.md's 7.618 G MACs; hooks on the 159 norms see 0.1603 G elements (fvcore counts each twice)."""
    model, inputs = _without_weights("epam_net")
    ledger = count(model, *inputs).ledger
    assert ledger is not None
    assert ledger.total.macs == 7_618_029_456
    assert ledger.by_kind()[OperationKind.NORMALISATION].elements == 160_313_104
    parameters = sum(each.numel() for each in model.parameters())
    assert 4 * parameters <= ledger.total.weight_bytes <= 4.2 * parameters
