from __future__ import annotations

import pytest
import torch

from epam.devices import check_device
from epam.errors import InputError, UnknownNameError


def test_the_processor_is_always_there() -> None:
    assert check_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["quantum", "", "CPU", "mps", "meta"])
def test_another_kind_of_device_names_those_there_are(name: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown device .*cpu"):
        check_device(name)


@pytest.mark.parametrize("name", ["cpu:x", "cuda:", "cuda:-1", "cuda:1:2"])
def test_a_name_that_is_no_device_says_how_to_write_one(name: str) -> None:
    with pytest.raises(InputError, match="write cpu, cuda, or cuda:0"):
        check_device(name)


def test_cuda_on_a_machine_without_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"'cuda:0': PyTorch finds no CUDA device.*use --device cpu"):
        check_device("cuda:0")


def test_a_number_beyond_the_last_cuda_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert check_device("cuda:1") == torch.device("cuda", 1)
    assert check_device("cuda") == torch.device("cuda")
    with pytest.raises(InputError, match=r"'cuda:2': this machine has 2 CUDA device\(s\)"):
        check_device("cuda:2")
