from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity

from epam_bench.records import OperationKind
from epam_bench.roofline.kernel_profiler import LABEL, KernelProfile, timed_calls
from epam_bench.roofline.operation import Operation


@dataclass(frozen=True)
class Event:
    name: str
    device_time_total: float
    device_type: DeviceType = DeviceType.CPU


def operation(name: str) -> Operation:
    return Operation(name=name, kind=OperationKind.OTHER, shape="")


def test_kernels_are_of_the_operation_whose_label_they_stand_under() -> None:
    events = [
        Event(f"{LABEL}0", 1500.0),
        Event("aten::relu", 1500.0),
        Event(f"{LABEL}10", 250.0),
        # The label's shadow on the device is not counted again.
        Event(f"{LABEL}0", 1500.0, DeviceType.CUDA),
    ]
    calls = timed_calls([operation(str(number)) for number in range(11)], events)
    assert [call.ms for call in calls] == [1.5, *[0.0] * 9, 0.25]


def test_every_operation_gets_a_label_and_no_time_without_a_gpu() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()).eval()
    profile = KernelProfile(model, (torch.zeros(1, 3, 4, 4),), activities=(ProfilerActivity.CPU,))
    with torch.inference_mode():
        profile.run_pass()
    (taken,) = profile.passes()
    assert [call.operation.name for call in taken.calls] == ["convolution", "relu"]
    assert taken.calls[0].operation.macs == 4 * 16 * 3
    assert {call.ms for call in taken.calls} == {0.0}
    assert taken.between_ms is None
