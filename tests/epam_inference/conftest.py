"""A small data set in the real formats, and a network that always says the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epam.data.synthetic import SyntheticDataset, write_dataset
from epam_inference.network_kind import RECIPES, NetworkKind
from epam_inference.results import ClassSet, StreamScores

HAND_WAVING = 22


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SyntheticDataset:
    """Six samples of three classes; one of each class (A023, A027, A058) is in ``xsub_val``."""
    return write_dataset(tmp_path_factory.mktemp("synthetic"), classes=3, samples_per_class=2)


@pytest.fixture
def classes() -> ClassSet:
    return ClassSet("ntu60", "xsub", tuple(f"action {index}" for index in range(60)))


@pytest.fixture
def wave() -> str:
    """The data set's first sample: hand waving, in ``xsub_val``."""
    return "S001C001P003R001A023"


@dataclass
class ConstantNetwork:
    """Stands in for a network: every clip is hand waving, whatever is in it."""

    kind: NetworkKind
    name: str = "constant"
    checkpoint: None = None
    caveats: tuple[str, ...] = ()
    batch_sizes: list[int] = field(default_factory=list)
    interrupt_at_batch: int | None = None

    def score(self, clips: Sequence[tuple[torch.Tensor, ...]]) -> list[StreamScores]:
        self.batch_sizes.append(len(clips))
        if len(self.batch_sizes) == self.interrupt_at_batch:
            raise KeyboardInterrupt
        logits = np.zeros(60, dtype=np.float32)
        logits[HAND_WAVING] = 1
        return [dict.fromkeys(RECIPES[self.kind].streams, logits) for _ in clips]


@pytest.fixture
def constant_network() -> type[ConstantNetwork]:
    return ConstantNetwork


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
