from __future__ import annotations

import math
import subprocess
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from epam.data.clip_dataset import ClipBatch
from epam.epam_net import EPAMLogits
from epam.errors import InputError
from epam.training.distributed import Processes
from epam.training.gradient_steps import GradientSteps, TrainingDiverged
from epam.training.recipe import load_recipe, with_changes

ALONE = Processes(0, 1, torch.device("cpu"))


def make_steps(module: nn.Module, *changes: str) -> GradientSteps:
    plain = ["training.batch_size=4", "optimizer.momentum=0", "optimizer.weight_decay=0"]
    recipe = with_changes(load_recipe("tiny_pose"), [*plain, *changes])
    return GradientSteps(module, recipe, ALONE, default_stream="pose")


def make_batch(inputs: Tensor, labels: list[int], *names: str) -> ClipBatch:
    samples = list(names) or [f"sample{index}" for index in range(len(labels))]
    return ClipBatch((inputs,), torch.tensor(labels), list(range(len(labels))), samples)


def make_linear(weight: list[list[float]]) -> nn.Linear:
    linear = nn.Linear(len(weight[0]), len(weight), bias=False)
    linear.weight.data = torch.tensor(weight)
    return linear


class Squared(nn.Module):
    """A network whose loss has the gradient norm that a test wants."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        moved = self.weight * self.slope * x
        return torch.cat([moved, -moved], dim=1)


def test_a_step_goes_down_the_mean_of_the_clips_losses() -> None:
    steps = make_steps(make_linear([[0.0], [0.0]]))
    outcome = steps.take(make_batch(torch.ones(2, 1), [0, 0]), learning_rate=0.5, updates=True)
    # Both classes are equally likely: the gradient is ∓1/2.
    assert steps.module.weight.tolist() == [[0.25], [-0.25]]
    assert outcome.loss_sum == pytest.approx(2 * math.log(2))
    assert outcome.gradient_norm == pytest.approx(math.sqrt(0.5))
    assert (outcome.samples, outcome.hits) == (2, 2)


def test_hits_are_clips_whose_best_class_is_the_label() -> None:
    steps = make_steps(make_linear([[1.0], [-1.0]]))
    outcome = steps.take(
        make_batch(torch.tensor([[2.0], [2.0], [-1.0]]), [0, 1, 1]), learning_rate=0, updates=True
    )
    assert (outcome.hits, outcome.samples) == (2, 3)


def test_the_gradient_is_cut_to_the_clip_norm() -> None:
    steps = make_steps(Squared(slope=1000.0), "training.clip_norm=40.0")
    outcome = steps.take(make_batch(torch.ones(1, 1), [0]), learning_rate=0.1, updates=True)
    assert outcome.gradient_norm == pytest.approx(1000)
    assert steps.module.weight.item() == pytest.approx(4.0, rel=1e-4)


def test_losses_of_both_streams_add_up() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rgb, self.pose = make_linear([[0.0], [0.0]]), make_linear([[0.0], [0.0], [0.0]][:2])

        def forward(self, x: Tensor) -> EPAMLogits:
            return EPAMLogits(self.rgb(x), self.pose(x))

    outcome = make_steps(Pair()).take(make_batch(torch.ones(1, 1), [1]), learning_rate=0, updates=True)
    assert outcome.loss_sum == pytest.approx(2 * math.log(2))


def train(module: nn.Module, batches: list[ClipBatch], *changes: str, group: int) -> Tensor:
    steps = make_steps(module, "optimizer.momentum=0.9", *changes)
    for number, batch in enumerate(batches, start=1):
        steps.take(batch, learning_rate=0.1, updates=number % group == 0)
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


def test_accumulated_small_batches_do_what_a_large_one_does() -> None:
    inputs, labels = torch.randn(12, 3), [0, 1, 2, 1, 0, 2, 2, 1, 0, 0, 1, 2]
    parts = [make_batch(inputs[i : i + 2], labels[i : i + 2]) for i in range(0, 12, 2)]
    whole = [make_batch(inputs[i : i + 6], labels[i : i + 6]) for i in range(0, 12, 6)]
    torch.manual_seed(1)
    small = train(nn.Linear(3, 3), parts, "training.batch_size=2", group=3)
    torch.manual_seed(1)
    large = train(nn.Linear(3, 3), whole, "training.batch_size=6", group=1)
    torch.testing.assert_close(small, large)


def test_each_clip_counts_once_where_batches_are_short_or_empty() -> None:
    inputs, labels = torch.randn(5, 3), [0, 1, 2, 1, 0]
    empty = ClipBatch((), torch.zeros(0, dtype=torch.int64), [], [])
    parts = [make_batch(inputs[:1], labels[:1]), empty, make_batch(inputs[1:], labels[1:])]
    torch.manual_seed(1)
    uneven = train(nn.Linear(3, 3), parts, group=3)
    torch.manual_seed(1)
    whole = train(nn.Linear(3, 3), [make_batch(inputs, labels)], group=1)
    torch.testing.assert_close(uneven, whole)


def test_an_update_without_a_clip_changes_nothing() -> None:
    module = make_linear([[1.0], [2.0]])
    empty = ClipBatch((), torch.zeros(0, dtype=torch.int64), [], [])
    outcome = make_steps(module).take(empty, learning_rate=1.0, updates=True)
    assert module.weight.tolist() == [[1.0], [2.0]]
    assert (outcome.samples, outcome.gradient_norm) == (0, None)


def test_a_loss_that_is_not_finite_names_its_clips_and_changes_nothing() -> None:
    module = make_linear([[1.0], [2.0]])
    steps = make_steps(module)
    with pytest.raises(TrainingDiverged, match="the loss is not finite; its clips: bad, worse;") as diverged:
        steps.take(
            make_batch(torch.full((2, 1), math.nan), [0, 1], "bad", "worse"), learning_rate=1, updates=True
        )
    assert diverged.value.samples == ("bad", "worse")
    assert module.weight.tolist() == [[1.0], [2.0]]


def test_a_gradient_that_is_not_finite_names_the_clips_of_its_update() -> None:
    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(context: object, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(context: object, *gradients: Tensor) -> Tensor:
            return gradients[0] * math.inf

    class Cliff(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return Steep.apply(super().forward(x))

    module = Cliff(1, 2)
    before = module.weight.detach().clone()
    steps = make_steps(module)
    steps.take(make_batch(torch.ones(1, 1), [0], "early"), learning_rate=1, updates=False)
    with pytest.raises(TrainingDiverged, match="the gradient's norm is not finite; its clips: early, late"):
        steps.take(make_batch(torch.ones(1, 1), [0], "late"), learning_rate=1, updates=True)
    assert torch.equal(module.weight, before)


def test_of_very_many_clips_a_message_names_some() -> None:
    message = str(TrainingDiverged("the loss is not finite", [f"s{number}" for number in range(40)]))
    assert "s31 and 8 more" in message


def test_half_floats_are_refused_on_a_processor() -> None:
    with pytest.raises(
        InputError, match=r"training\.precision is fp16 and the device cpu: .* use --device cuda"
    ):
        make_steps(nn.Linear(1, 2), "training.precision=fp16")


def test_bf16_computes_in_bf16_and_keeps_weights_in_fp32() -> None:
    seen: list[torch.dtype] = []
    module = make_linear([[1.0], [2.0]])
    module.register_forward_hook(lambda _, inputs, output: seen.append(output.dtype))
    steps = make_steps(module, "training.precision=bf16")
    steps.take(make_batch(torch.ones(2, 1), [0, 1]), learning_rate=0.1, updates=True)
    assert seen == [torch.bfloat16]
    assert module.weight.dtype is torch.float32


IN_TWO_PROCESSES = """
import torch
from torch import nn
from epam.data.clip_dataset import ClipBatch
from epam.training.distributed import join_processes
from epam.training.gradient_steps import GradientSteps, TrainingDiverged
from epam.training.recipe import load_recipe, with_changes

recipe = with_changes(load_recipe("tiny_pose"), ["training.batch_size=2"])
torch.manual_seed(0)
inputs, labels = torch.randn(24, 3), torch.randint(0, 3, (24,))

def batch(rows):
    return ClipBatch((inputs[rows],), labels[rows], rows, [f"s{row}" for row in rows])

def train(own, shares, group):
    torch.manual_seed(1)
    steps = GradientSteps(nn.Linear(3, 3), recipe, own, default_stream="pose")
    for number, rows in enumerate(shares, 1):
        outcome = steps.take(batch(rows), learning_rate=0.1, updates=number % group == 0)
    return steps.module.weight.detach(), outcome
"""


def test_two_processes_do_what_one_does_with_the_double_batch(
    run_together: Callable[[str, int], list[subprocess.CompletedProcess[str]]],
) -> None:
    code = (
        IN_TWO_PROCESSES
        + """
from epam.training.distributed import Processes
alone = Processes(0, 1, torch.device("cpu"))
# Clips of each step, by process; in the last step they have not equally many.
steps = [([0, 1], [2, 3]), ([4, 5], [6, 7]), ([8, 9], [10, 11]), ([12, 13], [14])]
with join_processes("cpu") as own:
    for group in (1, 2):
        together, outcome = train(own, [shares[own.rank] for shares in steps], group)
        one, expected = train(alone, [sum(shares, []) for shares in steps], group)
        torch.testing.assert_close(together, one)
        assert (outcome.samples, outcome.hits) == (expected.samples, expected.hits)
        assert abs(outcome.loss_sum - expected.loss_sum) < 1e-5
        assert abs(outcome.gradient_norm - expected.gradient_norm) < 1e-5
    inputs[7] = float("nan")
    try:
        train(own, [shares[own.rank] for shares in steps], 1)
    except TrainingDiverged as error:
        print(error.samples)
"""
    )
    done = run_together(code, 2)
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    # Told in both processes, though it happened in one.
    assert [process.stdout for process in done] == ["('s6', 's7')\n"] * 2
