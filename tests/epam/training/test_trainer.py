from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from epam.checkpoints import hash_weights
from epam.data.annotations import Annotation
from epam.data.augmentation import Augmentation
from epam.data.clip_dataset import ClipBatch, ClipDataset
from epam.data.clip_size import ClipSize
from epam.data.data_root import Split
from epam.data.datasets import custom_protocol
from epam.data.epoch_batches import EpochBatches
from epam.data.loader import make_loader
from epam.data.pipelines import Pipeline
from epam.data.store import SkeletonStore
from epam.devices import compute_threads, repeatable_convolutions
from epam.errors import InputError
from epam.training.checkpoint_folder import CheckpointFolder
from epam.training.distributed import Processes
from epam.training.epoch_evaluation import Evaluation, evaluate_split
from epam.training.gradient_steps import GradientSteps, TrainingDiverged
from epam.training.progress_display import ProgressDisplay
from epam.training.recipe import Recipe, load_recipe, with_changes
from epam.training.run_log import RunLog, read_run_log
from epam.training.schedule import Schedule
from epam.training.trained_model import TrainedModel, read_trained_model
from epam.training.trainer import Cadence, RunData, RunFiles, Trainer, TrainingOutcome
from epam.training.training_state import TrainingFacts, read_facts, restore
from epam.x_shiftnet import x_shiftnet_pose

CLASSES = 3
SIZE = ClipSize(rgb_frames=1, pose_frames=3, frame_side=8, heatmap_side=8)
ALONE = Processes(0, 1, torch.device("cpu"))
TEN_STEPS_THREE_EPOCHS = (
    *("training.batch_size=2", "schedule.epochs=3", "schedule.warmup_steps=2", "training.evaluate_every=1"),
    *("optimizer.learning_rate=0.1", "training.workers=0", "training.seed=0"),
)


def make_annotation(number: int, *, joints: float = 1.0) -> Annotation:
    """People who stand elsewhere in every sample, by class; score 0 is nobody."""
    generator = np.random.default_rng(number)
    label = number % CLASSES
    keypoint = generator.uniform(20, 80, (1, 5, 17, 2)).astype(np.float32)
    keypoint[:, :, label * 5 : label * 5 + 5] += 100
    scores = np.full((1, 5, 17), joints, dtype=np.float32)
    return Annotation(f"sample{number:02d}", label, (200, 200), 5, keypoint, scores)


def make_split(numbers: range, *, nobody: tuple[int, ...] = ()) -> Split:
    annotations = [make_annotation(number, joints=float(number not in nobody)) for number in numbers]
    return Split(
        dataset="custom",
        protocol=custom_protocol("small", num_classes=CLASSES),
        part="train",
        name="small",
        store=SkeletonStore.pack(annotations),
        rows=np.arange(len(annotations)),
        videos=None,
        origin="small.pkl",
    )


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    with compute_threads(1):
        yield


class StepDisplay(ProgressDisplay):
    """Remembers the step that it showed last."""

    shown_step: float = 0

    def step(self, *, step: int, **figures: Any) -> None:
        self.shown_step = step
        super().step(step=step, **figures)


@dataclass
class World:
    """A run in a folder; ``go`` begins it, or goes on from its newest state, as a new process would."""

    run: Path
    describe: Callable[..., TrainedModel]
    changes: tuple[str, ...] = ()
    training: Split = field(default_factory=lambda: make_split(range(20)))
    build: Callable[[], nn.Module] = lambda: x_shiftnet_pose(CLASSES, stem_channels=4, stage_blocks=(1,))
    spoil: Callable[[ClipBatch], ClipBatch] = lambda batch: batch
    evaluate: Callable[[nn.Module, Callable[[int], None]], Evaluation] | None = None
    folder: Any = None
    processes: Processes = ALONE
    module: nn.Module = field(init=False)
    display: StepDisplay = field(init=False)

    @property
    def recipe(self) -> Recipe:
        return with_changes(load_recipe("tiny_pose"), [*TEN_STEPS_THREE_EPOCHS, *self.changes])

    def go(self, *, resume: bool = False, stop_at: float = math.inf) -> TrainingOutcome:
        recipe, folder = self.recipe, self.folder or CheckpointFolder(self.run)
        torch.manual_seed(0)
        steps = GradientSteps(
            self.build().to(self.processes.device, memory_format=torch.channels_last),
            recipe,
            self.processes,
            default_stream="pose",
        )
        facts, position = TrainingFacts(), None
        if resume:
            saved = folder.load_newest()
            assert saved is not None
            facts = read_facts(saved)
            restore(steps, saved.tensors, facts, origin=saved.path)
            position = facts.log_position
        self.module = steps.module
        self.display = StepDisplay(total_steps=self.schedule.steps, epochs=3, shown=False)
        with RunLog(self.run, facts.step if resume else None, resume_position=position) as log:
            return Trainer(
                steps=steps,
                schedule=self.schedule,
                seed=recipe.training.seed,
                data=RunData(batches=self.batches, evaluate=self.evaluate or self.score, evaluated_samples=6),
                cadence=Cadence(
                    evaluate_every=recipe.training.evaluate_every,
                    save_every_steps=recipe.training.save_every_steps,
                ),
                files=RunFiles(folder=folder, log=log, describe=self.describe),
                display=self.display,
                facts=facts,
                asked_to_stop=lambda: self.display.shown_step >= stop_at,
            ).run()

    @property
    def schedule(self) -> Schedule:
        recipe = self.recipe
        return Schedule(
            steps_per_epoch=self.sampler(0).steps_per_epoch,
            epochs=recipe.schedule.epochs,
            accumulation=recipe.training.accumulation,
            learning_rate=recipe.optimizer.learning_rate,
            warmup_updates=recipe.schedule.warmup_steps,
        )

    def sampler(self, start_step: int) -> EpochBatches:
        training = self.recipe.training
        return EpochBatches(
            labels=self.training.labels,
            batch_size=training.batch_size,
            epochs=self.recipe.schedule.epochs,
            seed=training.seed,
            start_step=start_step,
            class_balanced=training.class_balanced,
        )

    def batches(self, start_step: int) -> Iterator[ClipBatch]:
        dataset = ClipDataset(
            self.training, Pipeline("pose", SIZE, augmentation=Augmentation()), seed=0, refuse_empty_pose=True
        )
        workers = self.recipe.training.workers
        loader = make_loader(dataset, self.sampler(start_step), workers=workers, device=self.processes.device)
        return map(self.spoil, loader)

    def score(self, module: nn.Module, advance: Callable[[int], None]) -> Evaluation:
        return evaluate_split(
            module,
            make_split(range(100, 106)),
            Pipeline("pose", SIZE),
            processes=self.processes,
            batch_size=3,
            workers=0,
            advance=advance,
        )

    # --- What it left ---

    def log(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in read_run_log(self.run) if line["kind"] == kind]

    def everything(self) -> dict[str, bytes | str]:
        """Newest state, models and log: all that tells one run from another."""
        newest = sorted((self.run / "states").glob("step-*"))[-2:]
        texts = [self.run / name for name in ("last.json", "best.json", "log.jsonl")]
        weights = {which: self.weights(which) for which in ("last", "best")}
        return {path.name: path.read_bytes() for path in [*newest, *texts]} | weights

    def weights(self, which: str) -> str:
        return hash_weights(safetensors.torch.load_file(self.run / f"{which}.safetensors"))


@pytest.fixture
def make_world(tmp_path: Path, describe_training: Callable[..., TrainedModel]) -> Callable[..., World]:
    def make(name: str, *changes: str, **settings: Any) -> World:
        return World(tmp_path / name, describe_training, changes, **settings)

    return make


MakeWorld = Callable[..., World]


# --- Resuming -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_cut_at_any_step_and_resumed_is_the_run_that_was_not_cut(
    make_world: MakeWorld, tmp_path: Path, workers: int
) -> None:
    changes = ("training.accumulation=3", "training.evaluate_every=2")
    whole = make_world("whole", *changes, "training.save_every_steps=1")
    whole.folder = CopyingFolder(whole.run, tmp_path)
    assert whole.go().finished
    expected = whole.everything()
    # 30 steps, and after epochs 2 and 3 once more, the evaluation made.
    assert len(whole.folder.copies) == 32
    for copy in whole.folder.copies:
        cut = make_world(copy, *changes, f"training.workers={workers}")
        assert cut.go(resume=True).finished
        assert cut.everything() == expected, copy


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_asked_to_stop_after_every_step_is_the_run_that_was_not(
    make_world: MakeWorld, workers: int
) -> None:
    whole = make_world("whole", "training.accumulation=3")
    whole.go()
    halting = make_world("halting", "training.accumulation=3", f"training.workers={workers}")
    assert halting.go(stop_at=0).step == 0
    for step in range(1, 30):
        outcome = halting.go(resume=True, stop_at=step)
        assert (outcome.finished, outcome.step) == (False, step)
    assert halting.go(resume=True).finished
    assert halting.everything() == whole.everything()


class CopyingFolder(CheckpointFolder):
    """Keeps the run as whoever kills it after one of its saves would find it."""

    def __init__(self, run: Path, copies: Path) -> None:
        super().__init__(run)
        self.copies: list[str] = []
        self._into = copies

    def save_state(self, tensors: Any, facts: Any, *, step: int) -> Path:
        path = super().save_state(tensors, facts, step=step)
        self.copies.append(f"killed-{len(self.copies)}-at-step-{step}")
        shutil.copytree(self.run, self._into / self.copies[-1])
        return path


def test_a_bf16_run_resumed_is_the_run_that_was_not_cut(make_world: MakeWorld) -> None:
    check_resume(make_world, "training.precision=bf16", processes=ALONE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_a_run_on_a_gpu_resumed_is_the_run_that_was_not_cut(make_world: MakeWorld, precision: str) -> None:
    gpu = Processes(0, 1, torch.device("cuda", 0))
    with repeatable_convolutions():
        check_resume(make_world, f"training.precision={precision}", processes=gpu)


def check_resume(make_world: MakeWorld, change: str, *, processes: Processes) -> None:
    whole = make_world("whole", change, "training.accumulation=3", processes=processes)
    whole.go()
    cut = make_world("cut", change, "training.accumulation=3", processes=processes)
    for step in (4, 10, 17, 29):
        cut.go(resume=step != 4, stop_at=step)
    cut.go(resume=True)
    assert cut.everything() == whole.everything()


def test_a_run_killed_in_its_evaluation_repeats_it_alone(make_world: MakeWorld) -> None:
    whole = make_world("whole")
    whole.go()

    def killed(module: nn.Module, advance: Callable[[int], None]) -> Evaluation:
        raise SystemExit("as by kill -9")

    world = make_world("killed", evaluate=killed)
    with pytest.raises(SystemExit):
        world.go()
    assert [line["step"] for line in world.log("step")] == list(range(1, 11))
    assert not (world.run / "last.json").exists()
    world.evaluate = None
    world.go(resume=True)
    assert world.everything() == whole.everything()


def test_a_stop_asked_for_in_an_evaluation_ends_it(make_world: MakeWorld) -> None:
    world = make_world("stopped")
    asked: list[int] = []

    def watched(module: nn.Module, advance: Callable[[int], None]) -> Evaluation:
        asked.append(1)
        world.display.shown_step = math.inf
        return world.score(module, advance)

    world.evaluate = watched
    outcome = world.go(stop_at=11)
    assert (outcome.finished, outcome.step, len(asked)) == (False, 10, 1)
    assert world.log("evaluation") == []
    world.evaluate = None
    assert world.go(resume=True).finished
    assert [line["step"] for line in world.log("evaluation")] == [10, 20, 30]


def test_a_finished_run_resumed_has_nothing_to_do(make_world: MakeWorld) -> None:
    world = make_world("done")
    world.go()
    before = world.everything()
    assert world.go(resume=True).finished
    assert world.everything() == before


# --- What is kept of it -------------------------------------------------------------------------------


def test_epochs_are_evaluated_when_due_and_last_is_kept_of_all(make_world: MakeWorld) -> None:
    world = make_world("run", "training.evaluate_every=2")
    described: list[tuple[int, int, bool]] = []
    describe = world.describe

    def noting(*, epoch: int, step: int, metrics: Any) -> TrainedModel:
        described.append((epoch, step, bool(metrics)))
        return describe(epoch=epoch, step=step, metrics=dict(metrics))

    world.describe = noting
    world.go()
    assert [line["epoch"] for line in world.log("evaluation")] == [2, 3]
    # Epoch 1 has a last without metrics; what epoch 2 or 3 adds to it is best.
    assert described[:2] == [(1, 10, False), (2, 20, True)]
    last = read_trained_model(world.run / "last.safetensors")
    assert last is not None
    assert (last.epoch, last.step) == (3, 30)
    assert set(last.metrics) >= {"pose/top1", "pose/mean_class_accuracy"}


def give(values: list[float]) -> Callable[[nn.Module, Callable[[int], None]], Evaluation]:
    """An evaluation that finds these accuracies, one after the other, and leaves evaluation mode on."""

    def evaluate(module: nn.Module, advance: Callable[[int], None]) -> Evaluation:
        module.eval()
        return Evaluation(streams={"pose": {"top1": values.pop(0)}}, samples=6)

    return evaluate


@pytest.mark.parametrize(
    ("values", "epoch"), [([0.5, 0.7, 0.6], 2), ([0.5, 0.5, 0.5], 1), ([0.0, 0.0, 0.1], 3)]
)
def test_best_is_the_first_of_the_highest(make_world: MakeWorld, values: list[float], epoch: int) -> None:
    world = make_world("run", evaluate=give(list(values)))
    describe = world.describe
    world.describe = lambda **now: describe(
        epoch=now["epoch"], step=now["step"], metrics=dict(now["metrics"])
    )
    best = world.go().best
    assert best is not None
    assert (best.epoch, best.value) == (epoch, max(values))
    manifest = read_trained_model(world.run / "best.safetensors")
    assert manifest is not None
    assert (manifest.epoch, manifest.metrics) == (epoch, {"pose/top1": max(values)})


def test_training_goes_on_in_training_mode_after_an_evaluation(make_world: MakeWorld) -> None:
    modes: list[bool] = []

    def watch(batch: ClipBatch) -> ClipBatch:
        modes.append(world.module.training)
        return batch

    world = make_world("run", spoil=watch, evaluate=give([0.5, 0.5, 0.5]))
    world.go()
    assert modes == [True] * 30


def test_the_log_says_what_each_step_did(make_world: MakeWorld) -> None:
    world = make_world("run", "training.accumulation=2", "schedule.epochs=1")
    world.go()
    first, second, *_ = world.log("step")
    assert (first["step"], first["epoch"], first["samples"], first["gradient_norm"]) == (1, 1, 2, None)
    assert second["gradient_norm"] > 0
    assert first["learning_rate"] == second["learning_rate"] == 0.05
    epoch = world.log("epoch")[0]
    mean_loss = sum(line["loss"] for line in world.log("step")) / 10
    assert (epoch["step"], epoch["samples"], epoch["skipped"]) == (10, 20, 0)
    assert epoch["loss"] == pytest.approx(mean_loss)
    assert world.log("end")[0]["outcome"] == "finished"


def test_the_network_learns(make_world: MakeWorld) -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(17 * SIZE.pose_frames * SIZE.heatmap_side**2, CLASSES))

    world = make_world("run", build=build)
    outcome = world.go()
    losses = [line["loss"] for line in world.log("epoch")]
    assert losses[-1] < losses[0] / 2
    assert outcome.evaluation is not None
    assert outcome.evaluation.value_of("top1") == 1.0


def test_classes_can_come_equally_often(make_world: MakeWorld) -> None:
    # Classes 0, 1, 2 have 7, 7 and 6 samples; then class 0 alone has many.
    uneven = make_split(range(20))
    rows = np.array([*range(0, 20, 3), 1, 2])
    seen: list[int] = []

    def count(batch: ClipBatch) -> ClipBatch:
        seen.extend(batch.labels.tolist())
        return batch

    world = make_world(
        "run",
        "training.class_balanced=true",
        "schedule.epochs=1",
        training=replace(uneven, rows=rows),
        spoil=count,
    )
    world.go()
    assert np.bincount(seen).tolist() == [3, 3, 3]


# --- What goes wrong ----------------------------------------------------------------------------------


def spoil_sample(name: str, value: float) -> Callable[[ClipBatch], ClipBatch]:
    def spoil(batch: ClipBatch) -> ClipBatch:
        if name in batch.samples:
            batch.inputs[0][batch.samples.index(name)] = value
        return batch

    return spoil


def test_a_loss_that_is_not_finite_stops_the_run_and_never_becomes_last_or_best(
    make_world: MakeWorld,
) -> None:
    world = make_world("run")
    world.go(stop_at=21)
    before = {which: world.weights(which) for which in ("last", "best")}
    world.spoil = spoil_sample("sample07", math.nan)
    with pytest.raises(TrainingDiverged, match=r"the loss is not finite; its clips: .*sample07") as diverged:
        world.go(resume=True)
    assert len(diverged.value.samples) == 2
    assert {which: world.weights(which) for which in ("last", "best")} == before
    end = world.log("end")[-1]
    assert end["outcome"] == "diverged"
    assert "sample07" in end["samples"]


class ExplodingNorm(nn.Module):
    """A network whose loss stays finite while a buffer, as a norm's statistics might, does not."""

    def __init__(self) -> None:
        super().__init__()
        self.net = x_shiftnet_pose(CLASSES, stem_channels=4, stage_blocks=(1,))
        self.register_buffer("statistic", torch.ones(1))

    def forward(self, clip: Tensor) -> Tensor:
        if self.training:
            self.statistic *= 1e5
        return self.net(clip)


def test_a_statistic_that_overflowed_never_becomes_last_or_best(make_world: MakeWorld) -> None:
    world = make_world("run", build=ExplodingNorm)
    with pytest.raises(TrainingDiverged, match="statistic is not finite"):
        world.go()
    assert not list(world.run.glob("*.safetensors"))


def test_samples_that_cannot_be_used_are_named_and_counted_and_left_out(make_world: MakeWorld) -> None:
    world = make_world("run", "schedule.epochs=2", training=make_split(range(20), nobody=(4, 11)))
    outcome = world.go()
    assert sorted(outcome.skipped) == ["sample04", "sample11"]
    lines = world.log("skipped")
    assert sorted((line["epoch"], line["sample"]) for line in lines) == [
        *((1, "sample04"), (1, "sample11"), (2, "sample04"), (2, "sample11"))
    ]
    assert {line["reason"] for line in lines} == {"no person in the clip"}
    assert [(line["samples"], line["skipped"]) for line in world.log("epoch")] == [(18, 2), (18, 2)]


def test_steps_without_a_usable_sample_change_nothing_also_when_resumed(make_world: MakeWorld) -> None:
    damaged = make_split(range(8), nobody=(0, 1, 2, 3, 4, 5))
    whole = make_world("whole", training=damaged)
    whole.go()
    empty = [line["step"] for line in whole.log("step") if line["samples"] == 0]
    assert empty
    assert {line["loss"] for line in whole.log("step") if line["step"] in empty} == {None}
    cut = make_world("cut", training=damaged)
    for step in empty:
        cut.go(resume=step != empty[0], stop_at=step)
    cut.go(resume=True)
    assert cut.everything() == whole.everything()


def test_an_epoch_without_a_usable_sample_is_an_error(make_world: MakeWorld) -> None:
    world = make_world("run", training=make_split(range(4), nobody=(0, 1, 2, 3)))
    with pytest.raises(InputError, match="epoch 1: none of its 4 samples can be used"):
        world.go()
    assert not list(world.run.glob("*.safetensors"))
