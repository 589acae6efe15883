from __future__ import annotations

import pytest
import torch

from epam.devices import check_device, compute_threads, cores_left_by, repeatable_convolutions
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


@pytest.mark.parametrize(("workers", "threads"), [(0, 4), (1, 3), (3, 1), (4, 1), (64, 1)])
def test_busy_workers_are_left_a_core_each(
    monkeypatch: pytest.MonkeyPatch, workers: int, threads: int
) -> None:
    monkeypatch.setattr("epam.devices._usable_cores", lambda: 4)
    with compute_threads(4):
        assert cores_left_by(workers) == threads


def test_a_limit_on_threads_stays_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epam.devices._usable_cores", lambda: 64)
    with compute_threads(2):
        assert cores_left_by(1) == 2


def test_thread_count_comes_back() -> None:
    before = torch.get_num_threads()
    with compute_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_repeatable_convolutions_are_chosen_and_put_back() -> None:
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    with repeatable_convolutions():
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.benchmark
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == before
