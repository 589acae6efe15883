from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
import torch
from torch import nn

from epam.errors import InputError, UnknownNameError
from epam.training.distributed import Processes, join_processes, keep_gradients_local

RunTogether = Callable[[str, int], list[subprocess.CompletedProcess[str]]]

START = """
import torch
from torch import nn
from epam.errors import InputError
from epam.training.distributed import join_processes, keep_gradients_local
torch.manual_seed(0)
"""


def test_without_torchrun_a_process_is_alone() -> None:
    with join_processes("cpu", environment={}) as alone:
        assert alone == Processes(0, 1, torch.device("cpu"))
        assert (alone.is_first, alone.is_alone) == (True, True)
        assert alone.total([1, 2.5]) == [1, 2.5]
        assert alone.gather("mine") == ["mine"]
        assert alone.from_first("mine") == "mine"


def test_alone_the_network_is_left_as_it_is() -> None:
    network = nn.BatchNorm2d(2)
    alone = Processes(0, 1, torch.device("cpu"))
    assert alone.in_step(network) is network
    assert alone.with_shared_norms(network) is network
    with keep_gradients_local(network), alone.same_fate():
        alone.share_buffers(network)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE='two' in the environment is not a number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2 and WORLD_SIZE=2 in the environment make no sense"),
        ({"WORLD_SIZE": "0"}, "RANK=0 and WORLD_SIZE=0"),
    ],
)
def test_an_environment_that_makes_no_sense_is_told(environment: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message), join_processes("cpu", environment=environment):
        pass


def test_one_of_several_processes_cannot_choose_its_gpu() -> None:
    torchrun = {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
    with pytest.raises(InputError, match="write --device cuda"):
        join_processes("cuda:1", environment=torchrun).__enter__()


def test_an_unknown_device_is_refused_before_anything_is_joined() -> None:
    with pytest.raises(UnknownNameError), join_processes("tpu", environment={}):
        pass


def test_two_processes_share_sums_values_buffers_and_gradients(run_together: RunTogether) -> None:
    code = (
        START
        + """
with join_processes("cpu") as own:
    print(own.rank, own.world_size, own.is_first, own.is_alone)
    print(own.total([1.0, own.rank]))
    print(own.gather(f"of {own.rank}"), own.from_first(own.rank))
    norm = nn.BatchNorm1d(1)
    norm.running_mean.fill_(own.rank + 5)
    own.share_buffers(norm)
    print(norm.running_mean.item())
    network = own.in_step(nn.Linear(1, 1, bias=False))
    network(torch.tensor([[own.rank + 1.0]])).sum().backward()
    print(network.module.weight.grad.item())
    with keep_gradients_local(network):
        network(torch.tensor([[own.rank + 1.0]])).sum().backward()
    print(network.module.weight.grad.item())
"""
    )
    first, second = run_together(code, 2)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert first.stdout.splitlines() == [
        *("0 2 True False", "[2.0, 1.0]", "['of 0', 'of 1'] 0", "5.0", "1.5", "2.5")
    ]
    assert second.stdout.splitlines() == [
        *("1 2 False False", "[2.0, 1.0]", "['of 0', 'of 1'] 0", "5.0", "1.5", "3.5")
    ]


def test_an_error_of_any_process_is_told_once_and_ends_all(run_together: RunTogether) -> None:
    code = (
        START
        + """
from epam.command_line import run_command
def command():
    with join_processes("cpu") as own:
        with own.same_fate():
            print("all well")
        with own.same_fate():
            if own.rank == 1:
                raise InputError("/data: no such folder")
        print("never")
run_command("tool", command)
"""
    )
    first, second = run_together(code, 2)
    assert (first.returncode, second.returncode) == (2, 2)
    assert first.stdout == second.stdout == "all well\n"
    assert "tool: process 1: /data: no such folder" in first.stderr
    assert "no such folder" not in second.stderr
