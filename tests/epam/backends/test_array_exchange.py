from __future__ import annotations

import numpy as np
import torch

from epam import EPAMLogits
from epam.backends.array_exchange import as_array, as_output


def test_a_tensor_in_order_is_not_copied() -> None:
    tensor = torch.arange(6.0).reshape(2, 3)
    assert as_array(tensor).ctypes.data == tensor.data_ptr()
    assert as_array(tensor.T).flags.c_contiguous


def test_one_output_is_logits_and_two_are_those_of_both_streams() -> None:
    first, second = np.ones((1, 2), np.float32), np.zeros((1, 2), np.float32)
    assert isinstance(as_output([first]), torch.Tensor)
    both = as_output([first, second])
    assert isinstance(both, EPAMLogits)
    assert both.rgb.tolist() == [[1, 1]]


def test_logits_stay_when_the_engine_writes_over_its_own() -> None:
    array = np.ones((1, 2), np.float32)
    output = as_output([array])
    array[:] = 5
    assert isinstance(output, torch.Tensor)
    assert output.tolist() == [[1, 1]]
