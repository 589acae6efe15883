from __future__ import annotations

import pytest
import torch

from epam.errors import InputError, UnknownNameError
from epam_bench.devices import Setting, honest_arithmetic


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has what the test says is missing")
def test_missing_device_is_refused_before_anything_is_built() -> None:
    with pytest.raises(InputError, match="no CUDA device on this machine"):
        Setting(device="cuda")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"device": "tpu"}, UnknownNameError, "unknown device 'tpu'"),
        ({"device": "cpu:x"}, InputError, "write cpu"),
        ({"precision": "fp23"}, UnknownNameError, "'fp32'"),
        ({"batch_size": 0}, InputError, "at least 1"),
        ({"threads": 0}, InputError, "at least 1"),
    ],
)
def test_nonsense_settings_are_refused(options, error, message: str) -> None:
    with pytest.raises(error, match=message):
        Setting(**options)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_is_the_type_of_weights_and_inputs(precision, dtype: torch.dtype) -> None:
    assert Setting(precision=precision).dtype is dtype


def test_threads_are_put_back_after_an_error() -> None:
    before = torch.get_num_threads()

    def fail() -> None:
        with honest_arithmetic(Setting(threads=before + 1)):
            assert torch.get_num_threads() == before + 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert torch.get_num_threads() == before
