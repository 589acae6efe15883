from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import epam
from epam.checkpoints import hash_weights
from epam.errors import CheckpointError
from epam.training.checkpoint_folder import CheckpointFolder
from epam.training.trained_model import TrainedModel, read_trained_model

Describe = Callable[..., TrainedModel]


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "run")


def tensors_of(step: int) -> dict[str, Tensor]:
    return {
        "weight": torch.full((8, 4), float(step)),
        "count": torch.tensor(step),
        "rng": torch.arange(16, dtype=torch.uint8),
    }


def save(folder: CheckpointFolder, *steps: int) -> None:
    for step in steps:
        folder.save_state(tensors_of(step), {"step": step, "rate": 0.1 * step}, step=step)


def newest(folder: CheckpointFolder) -> int | None:
    state = folder.load_newest()
    return None if state is None else state.step


def names(folder: CheckpointFolder) -> list[str]:
    return sorted(path.name for path in folder.states.iterdir())


def test_a_state_comes_back_as_it_was(folder: CheckpointFolder) -> None:
    tensors = {
        "strided": torch.arange(12.0).reshape(3, 4).t(),
        "scalar": torch.tensor(1.5, dtype=torch.float64),
        "flags": torch.tensor([True, False]),
        "half": torch.tensor([1.0], dtype=torch.bfloat16),
    }
    tensors["same memory"] = tensors["strided"]
    facts = {"growth_interval": 2000, "scale": 65536.0, "best": None, "words": [1, "é"], "big": 2**80}

    path = folder.save_state(tensors, facts, step=12)

    assert path == folder.states / "step-00000012.safetensors"
    state = folder.load_newest()
    assert state is not None
    assert (state.step, state.path, state.complaints) == (12, path, ())
    assert state.facts == facts
    assert type(state.facts["growth_interval"]) is int
    assert type(state.facts["scale"]) is float
    for key, value in tensors.items():
        assert state.tensors[key].dtype == value.dtype
        assert torch.equal(state.tensors[key], value)


def test_a_folder_without_states_has_none(folder: CheckpointFolder) -> None:
    assert folder.load_newest() is None
    folder.clean_up()
    assert folder.load_newest() is None


def test_the_two_newest_are_kept(folder: CheckpointFolder) -> None:
    save(folder, 1, 2, 30, 31)

    assert names(folder) == [
        f"step-000000{step}.{ending}" for step in (30, 31) for ending in ("json", "safetensors")
    ]
    assert newest(folder) == 31


def test_the_same_state_has_the_same_bytes(folder: CheckpointFolder, tmp_path: Path) -> None:
    other = CheckpointFolder(tmp_path / "other")
    save(folder, 5)
    other.save_state(dict(reversed(tensors_of(5).items())), {"rate": 0.1 * 5, "step": 5}, step=5)

    for name in names(folder):
        assert (folder.states / name).read_bytes() == (other.states / name).read_bytes()


def test_a_step_saved_again_replaces_the_first(folder: CheckpointFolder) -> None:
    save(folder, 5)
    folder.save_state({"weight": torch.zeros(2)}, {"again": True}, step=5)

    state = folder.load_newest()
    assert state is not None
    assert state.facts == {"again": True}
    assert len(names(folder)) == 2


# R1: a killed run always resumes.


@pytest.mark.parametrize("kills", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_writers_killed_at_random_moments_leave_the_newest_or_the_previous_state(
    tmp_path: Path, describe_training: Describe, kills: int
) -> None:
    (tmp_path / "template.json").write_text(describe_training().model_dump_json())

    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed_writer.py")), str(tmp_path), str(kills)],
        capture_output=True,
        text=True,
        timeout=60 + kills,
        check=True,
    )

    assert json.loads(done.stdout) == {"killed": kills, "found": [], "left": []}


class Killed(BaseException):
    """Stands for the moment at which a process ends."""


@pytest.mark.parametrize("then", [None, 3, 10])
@pytest.mark.parametrize("moment", range(20))
def test_whatever_file_operation_was_the_last_a_usable_pair_is_left(
    folder: CheckpointFolder,
    monkeypatch: pytest.MonkeyPatch,
    describe_training: Describe,
    moment: int,
    then: int | None,
) -> None:
    """Killed at the given operation, and where ``then`` is given, the next run at that one."""
    save(folder, 1)
    folder.save_model("best", nn.Linear(2, 2), describe_training(step=1))
    left = 0

    def counted(operation: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return operation(*arguments, **options)

        return run

    def save_until_killed() -> None:
        for number in (2, 3, 4):
            # The same step with other contents: the hardest case, the state is replaced in its place.
            folder.save_state({"weight": torch.full((3,), float(number))}, {"step": number}, step=1)
            folder.save_model("best", nn.Linear(2, 2), describe_training(step=number))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(os, "fsync", counted(os.fsync))
        # Whoever is killed removes no temporary file.
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        for last in (moment, then):
            if last is not None:
                left = last
                with pytest.raises(Killed):
                    save_until_killed()

    state = folder.load_newest()
    assert state is not None
    assert not state.complaints
    assert state.facts["step"] == state.tensors["weight"].max()
    manifest = read_trained_model(folder.run / "best.safetensors")
    assert manifest is not None
    epam.load_checkpoint(nn.Linear(2, 2), folder.run / "best.safetensors")


# R2: a damaged newest state is noticed, and the previous one used, loudly.


def damage_by_cutting(path: Path, part: float) -> None:
    os.truncate(path, int(part * path.stat().st_size))


def damage_by_flipping(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[(bit // 8) % len(data)] ^= 1 << bit % 8
    path.write_bytes(data)


@pytest.mark.parametrize("ending", ["safetensors", "json"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_cut_newest_state_gives_way_to_the_previous(
    folder: CheckpointFolder, ending: str, part: float
) -> None:
    save(folder, 1, 2)
    damage_by_cutting(folder.states / f"step-00000002.{ending}", part)

    state = folder.load_newest()

    assert state is not None
    assert state.step == 1
    assert len(state.complaints) == 1
    assert "step-00000002.safetensors" in state.complaints[0]
    assert "damaged" in state.complaints[0]


@pytest.mark.parametrize("ending", ["safetensors", "json"])
def test_no_flipped_bit_is_believed(folder: CheckpointFolder, ending: str) -> None:
    save(folder, 1, 2)
    path = folder.states / f"step-00000002.{ending}"
    whole = path.read_bytes()

    for bit in range(0, 8 * len(whole), 11):
        damage_by_flipping(path, bit)
        state = folder.load_newest()
        assert state is not None
        # A bit that changes no value (the case of an escape, a space for a tab) is no damage.
        assert state.step == 1 or (state.step == 2 and state.facts == {"step": 2, "rate": 0.2})
        assert state.step == 1 or ending == "json"
        path.write_bytes(whole)


def test_a_state_without_its_manifest_is_told(folder: CheckpointFolder) -> None:
    save(folder, 1, 2)
    (folder.states / "step-00000002.json").unlink()

    state = folder.load_newest()

    assert state is not None
    assert state.step == 1
    assert "its manifest is missing" in state.complaints[0]


def test_a_renamed_state_is_not_taken_for_another_step(folder: CheckpointFolder) -> None:
    save(folder, 1, 2)
    for ending in ("safetensors", "json"):
        (folder.states / f"step-00000002.{ending}").rename(folder.states / f"step-00000009.{ending}")

    state = folder.load_newest()

    assert state is not None
    assert state.step == 1
    assert "step-00000009.json is of step 2" in state.complaints[0]


def test_with_every_state_damaged_the_run_does_not_silently_start_again(folder: CheckpointFolder) -> None:
    save(folder, 1, 2)
    for step in (1, 2):
        damage_by_flipping(folder.states / f"step-0000000{step}.safetensors", 900)

    with pytest.raises(CheckpointError, match="no usable state to resume from") as caught:
        folder.load_newest()

    assert "step-00000001" in str(caught.value)
    assert "step-00000002" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_after_a_fall_back_the_damaged_state_does_not_push_out_good_ones(folder: CheckpointFolder) -> None:
    save(folder, 10, 20)
    damage_by_flipping(folder.states / "step-00000020.safetensors", 900)
    save(folder, 15)

    state = folder.load_newest()

    assert state is not None
    assert (state.step, state.complaints) == (15, ())
    assert names(folder)[0] == "step-00000010.json"


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"[" * 100_000, b"\xff", b'{"facts": {}}', b'{"sha256": 1}']
)
def test_a_foreign_manifest_is_a_damaged_state_not_a_crash(folder: CheckpointFolder, content: bytes) -> None:
    save(folder, 1, 2)
    (folder.states / "step-00000002.json").write_bytes(content)

    assert newest(folder) == 1


# R3: a failed write is loud and keeps the old file.


@contextmanager
def files_limited_to(size_bytes: int) -> Iterator[None]:
    """Every file of this process ends there: writing on fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_write_that_is_cut_short_is_loud_and_keeps_the_old_state(folder: CheckpointFolder) -> None:
    save(folder, 1)

    for step in (1, 2):
        with files_limited_to(100_000), pytest.raises(CheckpointError, match="cannot be written"):
            folder.save_state({"weight": torch.zeros(100_000)}, {}, step=step)

        state = folder.load_newest()
        assert state is not None
        assert (state.step, state.facts["step"], state.complaints) == (1, 1, ())
    assert not list(folder.run.rglob("*.tmp"))


def test_a_model_that_is_cut_short_is_loud_and_keeps_the_old_one(
    folder: CheckpointFolder, describe_training: Describe
) -> None:
    small = nn.Linear(2, 2)
    path = folder.save_model("best", small, describe_training(step=1))

    with files_limited_to(100_000), pytest.raises(CheckpointError, match=r"best\.safetensors: cannot be"):
        folder.save_model("best", nn.Linear(300, 300), describe_training(step=2))

    manifest = read_trained_model(path)
    assert manifest is not None
    assert manifest.step == 1
    assert manifest.weights_sha256 == hash_weights(small.state_dict())


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_disk_full_at_the_last_moment_is_named(
    folder: CheckpointFolder, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    save(folder, 1)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), fail)
        with pytest.raises(CheckpointError, match=r"No space left on device.*free disk"):
            save(folder, 2)

    assert newest(folder) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB of its own, where the system lets tests mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True, timeout=20).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small disk needs root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], capture_output=True, timeout=20, check=True)


def test_a_full_disk_is_named_and_keeps_the_old_state(small_disk: Path) -> None:
    folder = CheckpointFolder(small_disk / "run")
    tensors = {"weight": torch.ones(10_000)}
    folder.save_state(tensors, {}, step=1)
    folder.save_state(tensors, {}, step=2)

    with pytest.raises(CheckpointError, match=r"step-00000003\.safetensors: cannot be written"):
        folder.save_state({"weight": torch.ones(60_000)}, {}, step=3)

    state = folder.load_newest()
    assert state is not None
    assert state.step == 2
    assert not state.complaints
    assert not list(folder.run.rglob("*.tmp"))


def test_a_read_only_disk_is_named_and_keeps_the_old_state(small_disk: Path) -> None:
    folder = CheckpointFolder(small_disk / "run")
    save(folder, 1)
    subprocess.run(
        ["mount", "-o", "remount,ro", str(small_disk)], capture_output=True, timeout=20, check=True
    )

    with pytest.raises(CheckpointError, match="Read-only file system"):
        save(folder, 2)

    assert newest(folder) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into any folder")
def test_a_folder_without_permission_is_named(folder: CheckpointFolder) -> None:
    save(folder, 1)
    folder.states.chmod(0o555)
    try:
        with pytest.raises(CheckpointError, match="Permission denied"):
            save(folder, 2)
    finally:
        folder.states.chmod(0o755)
    assert newest(folder) == 1


def test_a_file_where_the_folder_should_be_is_named(folder: CheckpointFolder) -> None:
    folder.run.mkdir()
    folder.states.write_text("")

    with pytest.raises(CheckpointError, match=r"states.*cannot be written"):
        save(folder, 1)


# Models.


def test_a_model_is_read_back_with_its_manifest(
    folder: CheckpointFolder, describe_training: Describe
) -> None:
    model = epam.x_shiftnet_pose(12, stem_channels=12, stage_blocks=(1, 2, 2))

    path = folder.save_model("last", model, describe_training())

    assert sorted(file.name for file in folder.run.iterdir()) == ["last.json", "last.safetensors"]
    info = epam.load_checkpoint(epam.x_shiftnet_pose(12, stem_channels=12, stage_blocks=(1, 2, 2)), path)
    manifest = read_trained_model(path)
    assert manifest is not None
    assert manifest.weights_sha256 == info.weights_sha256 == hash_weights(model.state_dict())
    assert manifest == describe_training(weights_sha256=info.weights_sha256)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_a_diverged_run_never_become_best_or_last(
    folder: CheckpointFolder, describe_training: Describe, value: float
) -> None:
    model = nn.BatchNorm1d(3)
    path = folder.save_model("best", model, describe_training())
    before = path.read_bytes()
    assert model.running_var is not None
    model.running_var[1] = value

    with pytest.raises(CheckpointError, match="running_var holds NaN or infinite values"):
        folder.save_model("best", model, describe_training())

    assert path.read_bytes() == before


def test_cleaning_up_removes_what_killed_writers_left_and_nothing_else(
    folder: CheckpointFolder, describe_training: Describe
) -> None:
    save(folder, 1, 2)
    folder.save_model("best", nn.Linear(2, 2), describe_training())
    kept = sorted(folder.run.rglob("*"))
    for name in (
        "states/.step-00000003.safetensors.abc.tmp",
        "states/.step-00000003.next.json.abc.tmp",
        "states/step-00000003.next.json",
        ".best.safetensors.abc.tmp",
        ".last.next.json.abc.tmp",
    ):
        (folder.run / name).write_bytes(b"half")
    (folder.run / "notes.tmp").write_text("the user's own")

    folder.clean_up()

    assert sorted(folder.run.rglob("*")) == sorted([*kept, folder.run / "notes.tmp"])


def test_cleaning_up_keeps_a_manifest_that_waits_for_its_name(folder: CheckpointFolder) -> None:
    save(folder, 1)
    (folder.states / "step-00000001.json").rename(folder.states / "step-00000001.next.json")

    folder.clean_up()

    assert newest(folder) == 1


def test_states_hold_no_code(folder: CheckpointFolder) -> None:
    save(folder, 1)

    assert (
        safetensors.torch.load_file(folder.states / "step-00000001.safetensors").keys()
        == tensors_of(1).keys()
    )
