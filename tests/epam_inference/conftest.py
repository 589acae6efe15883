"""A small data set in the real formats, and a network that always says the same."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from epam import EPAMLogits, save_checkpoint, x_shiftnet_pose
from epam.data.data_root import DataLocation, Split, hash_class_names, open_split
from epam.data.datasets import get_dataset
from epam.data.synthetic import SyntheticDataset, write_dataset
from epam.training.recipe import load_recipe
from epam.training.trained_model import TrainedModel, TrainedRecipe, write_trained_model
from epam_baselines import model_spec
from epam_baselines.network import Network
from epam_inference.network_kind import DEFAULT_MODELS, NetworkKind
from epam_inference.results import ClassSet

WAVING = 0


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _sigterm_as_before() -> Iterator[None]:
    """The commands take SIGTERM for themselves; here they leave the process to others."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SyntheticDataset:
    """Six samples of three classes; one of each (waving, clapping, sitting down) is in ``xsub_val``."""
    return write_dataset(
        tmp_path_factory.mktemp("synthetic"), actions=(0, 1, 8), samples_per_class=2, full_size=True
    )


@pytest.fixture
def classes() -> ClassSet:
    return ClassSet("embedded", "xsub", tuple(f"action {index}" for index in range(12)))


@pytest.fixture
def wave() -> str:
    """The data set's first sample: waving, in ``xsub_val``."""
    return "S016C001P003R001A001"


@pytest.fixture
def clap() -> str:
    """The second sample of ``xsub_val``."""
    return "S004C001P021R001A002"


@pytest.fixture
def sit() -> str:
    """The third and last sample of ``xsub_val``."""
    return "S011C001P036R001A009"


@pytest.fixture
def train_wave() -> str:
    """The waving of ``xsub_train``."""
    return "S006C002P001R001A001"


def _ctrl_c() -> None:
    raise KeyboardInterrupt


class Constant(nn.Module):
    """Every clip is waving, whatever is in it; Ctrl-C comes at a certain batch."""

    def __init__(self, kind: NetworkKind, interrupt_at_batch: int | None) -> None:
        super().__init__()
        self.kind = kind
        self.interrupt_at_batch = interrupt_at_batch
        self.interrupt: Callable[[], object] = _ctrl_c
        self.batch_sizes: list[int] = []

    def forward(self, *inputs: Tensor) -> Tensor | EPAMLogits:
        self.batch_sizes.append(len(inputs[0]))
        if len(self.batch_sizes) == self.interrupt_at_batch:
            self.interrupt()
        logits = torch.zeros(len(inputs[0]), 12)
        logits[:, WAVING] = 1
        return EPAMLogits(rgb=logits, pose=logits) if self.kind == "multimodal" else logits


@pytest.fixture
def constant_network() -> Callable[..., Network]:
    def build(kind: NetworkKind, *, interrupt_at_batch: int | None = None) -> Network:
        return Network(
            module=Constant(kind, interrupt_at_batch),
            spec=model_spec(DEFAULT_MODELS[kind]),
            num_classes=12,
            device=torch.device("cpu"),
        )

    return build


@pytest.fixture
def open_test_split(dataset: SyntheticDataset) -> Callable[..., Split]:
    """Open the X-Sub test split of the data set's pickle, or of another."""

    def open_it(
        annotations: Path = dataset.annotations, *, videos: Path | None = None, **location: Any
    ) -> Split:
        where = {"dataset": "embedded", "protocol": "xsub", "annotations": (annotations,), **location}
        return open_split(DataLocation(**where, videos=videos), "test", needs_videos=videos is not None)

    return open_it


@pytest.fixture
def rewrite_annotations(
    dataset: SyntheticDataset, tmp_path: Path
) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """Write the data set's pickle again after a change to its contents; the videos stay where they are."""

    def rewrite(change: Callable[[dict[str, Any]], None]) -> Path:
        content = pickle.loads(dataset.annotations.read_bytes())
        change(content)
        path = tmp_path / "changed.pkl"
        path.write_bytes(pickle.dumps(content))
        return path

    return rewrite


@pytest.fixture
def trained_pose_network() -> Callable[..., Path]:
    """Write a thin network for the data set's classes, and its manifest as training leaves it."""

    def write(path: Path, **changes: Any) -> Path:
        options = {"stem_channels": 8, "stage_blocks": (1, 1)}
        recipe = load_recipe("tiny_pose")
        fields: dict[str, Any] = {
            "weights_sha256": save_checkpoint(x_shiftnet_pose(12, **options), path),
            "model": "x_shiftnet_pose",
            "options": options,
            "num_classes": 12,
            "clip": recipe.clip,
            "dataset": "embedded",
            "protocol": "xsub",
            "split_sha256": "0" * 64,
            "label_map_sha256": hash_class_names(get_dataset("embedded").protocol("xsub").class_names),
            "recipe": TrainedRecipe.of(recipe),
            "epoch": 1,
            "step": 10,
            "threads": 1,
        }
        write_trained_model(path, TrainedModel(**(fields | changes)))
        return path

    return write
