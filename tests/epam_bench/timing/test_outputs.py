from __future__ import annotations

import pytest
import torch
from torch import nn

from epam import EPAMLogits
from epam.errors import InputError
from epam_bench.timing.outputs import FlatOutput, flatten_output, gives_logits


def test_logits_of_one_or_both_streams_are_logits() -> None:
    assert gives_logits(torch.zeros(2, 3))
    assert gives_logits(EPAMLogits(rgb=torch.zeros(1, 2), pose=torch.zeros(1, 2)))
    assert not gives_logits({"logits": torch.zeros(2, 3)})
    assert not gives_logits(torch.zeros(3))


def test_everything_that_is_returned_becomes_one_row() -> None:
    output = {"a": torch.ones(2, 2), "b": (torch.zeros(1), "words", torch.tensor(3.0))}
    assert flatten_output(output).tolist() == [[1, 1, 1, 1, 0, 3]]
    assert FlatOutput(nn.Identity())(torch.ones(2, 2)).shape == (1, 4)


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(InputError, match="returned str"):
        flatten_output("nothing")
