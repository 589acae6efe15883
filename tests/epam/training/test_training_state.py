from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from epam.data.clip_dataset import ClipBatch
from epam.errors import CheckpointError
from epam.training.checkpoint_folder import CheckpointFolder, SavedState
from epam.training.distributed import Processes
from epam.training.gradient_steps import GradientSteps
from epam.training.recipe import load_recipe, with_changes
from epam.training.training_state import (
    BestModel,
    EpochSums,
    TrainingFacts,
    collect_tensors,
    facts_as_json,
    read_facts,
    restore,
)

ORIGIN = Path("run/states/step-00000003.safetensors")


class Small(nn.Module):
    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)
        self.norm = nn.BatchNorm2d(channels)
        self.linear = nn.Linear(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.norm(self.conv(x)).mean(dim=(2, 3)))


def make_steps(channels: int = 4) -> GradientSteps:
    recipe = with_changes(load_recipe("tiny_pose"), ["training.batch_size=2"])
    module = Small(channels).to(memory_format=torch.channels_last)
    return GradientSteps(module, recipe, Processes(0, 1, torch.device("cpu")), default_stream="rgb")


def take(steps: GradientSteps, seed: int, *, updates: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    batch = ClipBatch(
        (torch.randn(2, 3, 8, 8, generator=generator),),
        torch.tensor([0, 1]),
        [0, 1],
        [f"a{seed}", f"b{seed}"],
    )
    steps.take(batch, learning_rate=0.1, updates=updates)


def through_a_file(tmp_path: Path, steps: GradientSteps, facts: TrainingFacts) -> SavedState:
    folder = CheckpointFolder(tmp_path)
    folder.save_state(collect_tensors(steps), facts_as_json(facts), step=facts.step)
    saved = folder.load_newest()
    assert saved is not None
    return saved


def test_a_state_comes_back_bit_by_bit_in_the_same_memory_formats(tmp_path: Path) -> None:
    steps, other = make_steps(), make_steps()
    take(steps, 1, updates=True)
    take(steps, 2, updates=False)
    facts = TrainingFacts(
        step=2, pending_samples=steps.pending.samples, pending_names=steps.pending.names, scaler={}
    )
    saved = through_a_file(tmp_path, steps, facts)
    restore(other, saved.tensors, read_facts(saved), origin=saved.path)
    assert other.pending == steps.pending
    expected, found = collect_tensors(steps), collect_tensors(other)
    kinds = {key.partition("/")[0] for key in expected}
    assert kinds == {"model", "momentum", "gradient"}
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
        assert found[key].stride() == value.stride(), key
    assert not found["momentum/conv.weight"].is_contiguous()


def test_gradients_are_part_of_the_state_only_while_they_wait() -> None:
    steps = make_steps()
    take(steps, 1, updates=True)
    assert not any(key.startswith("gradient/") for key in collect_tensors(steps))


def test_facts_come_back_equal_and_integers_stay_integers(tmp_path: Path) -> None:
    facts = TrainingFacts(
        step=3,
        evaluated=False,
        sums=EpochSums(loss=0.1 + 0.2, hits=3, samples=7, skipped=1),
        best=BestModel(metric="top1", value=1 / 3, epoch=1, step=2),
        pending_samples=2,
        pending_names=["a", "b"],
        scaler={"scale": 65536.0, "growth_interval": 2000, "_growth_tracker": 5},
        log_position=12,
        run={"protocol": "xsub", "parents": []},
        surroundings={"threads": "1"},
    )
    found = read_facts(through_a_file(tmp_path, make_steps(), facts))
    assert found == facts
    assert type(found.scaler["growth_interval"]) is int
    assert type(found.scaler["scale"]) is float


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"step": "3"}, "not a state of this program's .step: got '3'"),
        ({"step": 3, "colour": "red"}, "colour: no such field"),
        ({"step": 4}, "says that it is of step 4"),
    ],
)
def test_facts_of_another_program_are_refused(facts: dict[str, object], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_facts(SavedState({}, facts, 3, ORIGIN))  # type: ignore[arg-type]


def test_the_state_of_another_network_is_refused() -> None:
    tensors = collect_tensors(make_steps(channels=5))
    with pytest.raises(CheckpointError, match=r"another network's state: conv.weight is \(5, 3, 3, 3\)"):
        restore(make_steps(), tensors, TrainingFacts(), origin=ORIGIN)


def test_a_state_without_all_of_the_network_is_refused() -> None:
    tensors = collect_tensors(make_steps())
    del tensors["model/norm.running_mean"]
    with pytest.raises(CheckpointError, match=r"norm\.running_mean is missing, and 0 more"):
        restore(make_steps(), tensors, TrainingFacts(), origin=ORIGIN)


def test_momentum_of_a_weight_that_the_network_has_not_is_refused() -> None:
    tensors = collect_tensors(make_steps()) | {"momentum/other": torch.zeros(1)}
    with pytest.raises(CheckpointError, match=r"other is .* the network has nothing of that name"):
        restore(make_steps(), tensors, TrainingFacts(), origin=ORIGIN)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_half_float_scaling_goes_on_where_it_was(tmp_path: Path) -> None:
    recipe = with_changes(load_recipe("tiny_pose"), ["training.batch_size=2", "training.precision=fp16"])

    def make() -> GradientSteps:
        device = torch.device("cuda", 0)
        module = Small().to(device, memory_format=torch.channels_last)
        return GradientSteps(module, recipe, Processes(0, 1, device), default_stream="rgb")

    steps, other = make(), make()
    for seed in range(3):
        take(steps, seed, updates=True)
    facts = TrainingFacts(step=3, scaler=steps.scaler.state_dict())
    saved = through_a_file(tmp_path, steps, facts)
    restore(other, saved.tensors, read_facts(saved), origin=saved.path)
    assert other.scaler.state_dict() == steps.scaler.state_dict()
    for each in (steps, other):
        take(each, 9, updates=True)
    for key, value in collect_tensors(steps).items():
        assert torch.equal(collect_tensors(other)[key], value), key
