from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from epam.data import loader
from epam.data.annotations import Annotation
from epam.data.augmentation import Augmentation
from epam.data.clip_dataset import ClipBatch, ClipDataset, ClipRequest, LoadedClip
from epam.data.clip_size import ClipSize
from epam.data.epoch_batches import EpochBatches, ExactBatches
from epam.data.loader import make_loader
from epam.data.pipelines import Pipeline
from epam.errors import InputError, VideoError

CPU = torch.device("cpu")
SMALL = ClipSize(rgb_frames=4, frame_side=32, pose_frames=12, heatmap_side=16)


class Samples:
    """Seven people who stand in different places, each with a video; number 3 has none."""

    def __init__(self, video: Path | None = None) -> None:
        self.video = video

    def __len__(self) -> int:
        return 7

    def sample_name(self, index: int) -> str:
        return f"S{index}"

    def label(self, index: int) -> int:
        return index

    def annotation(self, index: int) -> Annotation:
        keypoint = np.empty((1, 30, 17, 2), dtype=np.float32)
        keypoint[:] = np.array([20 + 30 * index, 50]) + np.linspace(0, 40, 17)[:, None]
        keypoint[..., 0] += np.arange(30)[:, None]
        return Annotation(f"S{index}", index, (240, 320), 30, keypoint, np.ones((1, 30, 17)))

    def find_video(self, index: int) -> Path:
        if self.video is None or index == 3:
            raise VideoError(f"S{index}.mp4: no such file")
        return self.video


def load(samples: Samples, kind, *, workers: int, start_step: int = 0, seed: int = 0) -> list[ClipBatch]:
    pipeline = Pipeline(kind, SMALL, augmentation=Augmentation())
    dataset = ClipDataset(samples, pipeline, seed=seed, refuse_empty_pose=True)
    batches = EpochBatches(labels=np.arange(7), batch_size=2, epochs=2, seed=seed, start_step=start_step)
    return list(make_loader(dataset, batches, workers=workers, device=CPU))


def are_equal(batch: ClipBatch, other: ClipBatch) -> bool:
    return (
        batch.samples == other.samples
        and batch.skipped == other.skipped
        and torch.equal(batch.labels, other.labels)
        and len(batch.inputs) == len(other.inputs)
        and all(map(torch.equal, batch.inputs, other.inputs))
    )


@pytest.fixture
def samples(make_video) -> Samples:
    return Samples(make_video(frames=30, width=224, height=224))


@pytest.fixture(autouse=True)
def no_worker_outlives_its_test():
    yield
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    left = multiprocessing.active_children()
    for process in left:
        process.kill()
    assert not left


@pytest.mark.parametrize("kind", ["multimodal", "pose"])
def test_any_number_of_workers_gives_the_same_bits(samples: Samples, kind) -> None:
    alone, shared = (load(samples, kind, workers=workers) for workers in (0, 2))
    assert len(alone) == len(shared) == 8
    assert all(map(are_equal, alone, shared))


@pytest.mark.parametrize("workers", [0, 2])
def test_from_a_later_step_the_remaining_batches_are_the_same_bits(samples: Samples, workers: int) -> None:
    whole = load(samples, "pose", workers=0)
    for step in range(1, 9, 3):
        rest = load(samples, "pose", workers=workers, start_step=step)
        assert len(rest) == len(whole) - step
        assert all(map(are_equal, rest, whole[step:]))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_without_its_video_is_missing_from_its_batch_alone(samples: Samples, workers: int) -> None:
    batches = load(samples, "multimodal", workers=workers)
    assert sorted(name for batch in batches for name in batch.samples) == sorted(
        [f"S{index}" for index in range(7) if index != 3] * 2
    )
    assert [skipped.sample for batch in batches for skipped in batch.skipped] == ["S3", "S3"]


@pytest.mark.parametrize("workers", [0, 2])
def test_loading_leaves_the_global_generators_alone(workers: int) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    load(Samples(), "pose", workers=workers)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


def test_an_evaluation_is_loaded_in_order() -> None:
    dataset = ClipDataset(Samples(), Pipeline("pose", SMALL), refuse_empty_pose=True)
    batches = make_loader(dataset, ExactBatches(7, batch_size=3), workers=2, device=CPU)
    assert [batch.indices for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_number_of_workers_below_0_is_refused() -> None:
    dataset = ClipDataset(Samples(), Pipeline("pose", SMALL), refuse_empty_pose=True)
    with pytest.raises(InputError, match="workers is -1"):
        make_loader(dataset, ExactBatches(7, batch_size=3), workers=-1, device=CPU)


# ── Life and death of workers ──


def endless_loader(workers: int = 2):
    dataset = ClipDataset(Samples(), Pipeline("pose", SMALL), refuse_empty_pose=True)
    batches = EpochBatches(labels=np.arange(7), batch_size=2, epochs=100, seed=0)
    return make_loader(dataset, batches, workers=workers, device=CPU)


def send_from_outside(signal_name: str, pids: list[int]) -> None:
    # Not from this process: it is the workers' parent, and may end them.
    subprocess.run(["/bin/kill", f"-{signal_name}", *map(str, pids)], check=True, timeout=30)


def test_workers_leave_signals_from_outside_to_their_parent() -> None:
    iterator = iter(endless_loader())
    next(iterator)
    workers = multiprocessing.active_children()
    for signal_name in ("INT", "TERM", "TERM"):
        send_from_outside(signal_name, [worker.pid for worker in workers if worker.pid])
    for _ in range(40):
        assert len(next(iterator)) > 0
    assert len(workers) == 2
    assert all(worker.is_alive() for worker in workers)


def test_signals_that_come_while_workers_start_are_left_to_their_parent_too(monkeypatch) -> None:
    begin_work = loader._begin_work

    def begin_late(worker: int) -> None:
        time.sleep(1)
        begin_work(worker)

    monkeypatch.setattr(loader, "_begin_work", begin_late)
    iterator = iter(endless_loader(workers=1))
    [worker] = multiprocessing.active_children()
    assert worker.pid
    for signal_name in ("INT", "TERM"):
        send_from_outside(signal_name, [worker.pid])
    assert len(next(iterator)) > 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == set()  # this process hears again


def test_a_worker_ends_when_its_parent_terminates_it() -> None:
    iterator = iter(endless_loader(workers=1))
    next(iterator)
    [worker] = multiprocessing.active_children()
    worker.terminate()
    worker.join(timeout=10)
    assert worker.exitcode == 0


class ThreadCounts(ClipDataset):
    """Gives, in place of a label, how many threads PyTorch may use."""

    def __getitem__(self, request: ClipRequest) -> LoadedClip:
        return LoadedClip(request.index, "S", torch.get_num_threads(), (torch.zeros(1),))


def test_workers_compute_in_one_thread() -> None:
    dataset = ThreadCounts(Samples(), Pipeline("pose", SMALL), refuse_empty_pose=True)
    batches = make_loader(dataset, ExactBatches(4, batch_size=2), workers=2, device=CPU)
    assert [batch.labels.tolist() for batch in batches] == [[1, 1], [1, 1]]


PROGRAM = """
import multiprocessing, os, signal, sys, time
from pathlib import Path
import numpy as np, torch
from epam.data import loader
from epam.data.annotations import Annotation
from epam.data.clip_dataset import ClipDataset
from epam.data.clip_size import ClipSize
from epam.data.epoch_batches import EpochBatches
from epam.data.pipelines import Pipeline

class Samples:
    def __len__(self): return 4
    def sample_name(self, index): return f"S{index}"
    def label(self, index): return index
    def annotation(self, index):
        keypoint = np.full((1, 12, 17, 2), 50.0) + 5 * np.arange(17)[:, None] + index
        return Annotation(f"S{index}", index, (240, 320), 12, keypoint, np.ones((1, 12, 17)))

def stall(threads):
    time.sleep(3)

def main(way):
    size = ClipSize(pose_frames=12, heatmap_side=16)
    dataset = ClipDataset(Samples(), Pipeline("pose", size), refuse_empty_pose=True)
    batches = EpochBatches(labels=np.arange(4), batch_size=2, epochs=1000, seed=0)
    if way == "killed before they began":
        torch.set_num_threads = stall
    method = "spawn" if way == "spawned" else None
    global iterator
    cpu = torch.device("cpu")
    iterator = iter(loader.make_loader(dataset, batches, workers=2, device=cpu, start_method=method))
    print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
    if way == "killed before they began":
        os.kill(os.getpid(), signal.SIGKILL)
    for _ in range(5):
        assert len(next(iterator)) == 2
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "failed":
        raise RuntimeError("while workers wait for work")

if __name__ == "__main__":
    main(sys.argv[1])
"""


def is_running(pid: int) -> bool:
    """Whether the process is there and not just waiting to be buried."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("way", "exit_status"),
    [
        ("killed", -signal.SIGKILL),
        ("killed before they began", -signal.SIGKILL),
        ("failed", 1),
        ("spawned", 0),
    ],
)
def test_no_worker_outlives_a_parent_that_was(way: str, exit_status: int, tmp_path: Path) -> None:
    program, pids, complaints = (tmp_path / name for name in ("parent.py", "pids", "complaints"))
    program.write_text(PROGRAM)
    try:
        # Into files: a pipe would not end before the workers that hold it too.
        with pids.open("w") as output, complaints.open("w") as errors:
            parent = subprocess.run(
                [sys.executable, str(program), way], stdout=output, stderr=errors, timeout=240, check=False
            )
        assert parent.returncode == exit_status, complaints.read_text()
        wait_until_gone(read_pids(pids), seconds=60)
        assert len(read_pids(pids)) == 2
    finally:
        left = [pid for pid in read_pids(pids) if is_running(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
    assert not left


def read_pids(path: Path) -> list[int]:
    return [int(pid) for pid in path.read_text().split()]


def wait_until_gone(pids: list[int], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
