from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from epam_bench.records import OperationKind
from epam_bench.roofline.engine_node import Operand
from epam_bench.roofline.open_vino_profiler import PROFILER, describe_plugin_node


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.fc = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.depthwise(self.conv(x).relu()).mean(dim=(2, 3)))


def test_multiply_adds_of_what_openvino_made_of_a_network_are_the_networks() -> None:
    openvino = pytest.importorskip("openvino")
    compile_model = openvino.Core.compile_model
    model, x = Small().eval(), torch.rand(2, 3, 32, 32)
    profile = PROFILER.prepare(model, (x,), backend="openvino", precision="fp32", device="cpu", threads=1)
    # What was listened to is put back.
    assert openvino.Core.compile_model is compile_model
    torch.testing.assert_close(profile.run_whole(), model(x), atol=1e-2, rtol=1e-2)
    profile.run_pass()
    (taken,) = profile.passes()
    assert sum(call.operation.macs for call in taken.calls) == 2 * 16 * 32 * 32 * (27 + 9) + 2 * 16 * 5
    depthwise = [
        call
        for call in taken.calls
        if call.operation.convolution is not None and call.operation.convolution.is_depthwise
    ]
    assert len(depthwise) == 1
    assert sum(call.ms for call in taken.calls) > 0
    assert taken.between_ms is not None
    assert profile.launch_microseconds > 0
    profile.close()


def test_a_copy_that_is_left_out_moves_nothing() -> None:
    operands = [Operand((2, 3), 4)]
    done = describe_plugin_node("Reshape", "undef", operands, operands)
    assert (done.kind, done.bytes) == (OperationKind.DATA_MOVEMENT, 0)
    assert describe_plugin_node("Reorder", "jit_uni_f32", operands, operands).bytes == 48


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Convolution", OperationKind.CONVOLUTION),
        ("ReduceMean", OperationKind.REDUCTION),
        ("AvgPool", OperationKind.POOLING),
        ("Subgraph", OperationKind.ELEMENTWISE),
        ("SomethingNew", OperationKind.OTHER),
    ],
)
def test_kinds_by_the_plugins_names(name: str, kind: OperationKind) -> None:
    assert describe_plugin_node(name, "jit", [Operand((2, 3), 4)], [Operand((2, 3), 4)]).kind is kind
