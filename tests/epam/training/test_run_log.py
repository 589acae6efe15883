from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from epam.errors import InputError
from epam.training import run_log
from epam.training.run_log import LOG_NAME, RunLog, read_run_log


@pytest.fixture(autouse=True)
def no_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)


def write_steps(log: RunLog, *steps: int) -> None:
    for step in steps:
        log.write("step", step=step, loss=1 / step)


def steps(run: Path) -> list[tuple[str, int]]:
    return [(line["kind"], line["step"]) for line in read_run_log(run)]


def test_lines_come_back_in_order_with_every_value(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.write("start", step=0, threads=1, recipe={"name": "tiny_pose"})
        log.write("step", step=1, loss=0.1, samples=("a", "b"))
        log.write("evaluation", step=1, epoch=1, streams={"pose": {"top1": 0.5}})

    assert read_run_log(tmp_path) == (
        {"kind": "start", "step": 0, "threads": 1, "recipe": {"name": "tiny_pose"}},
        {"kind": "step", "step": 1, "loss": 0.1, "samples": ["a", "b"]},
        {"kind": "evaluation", "step": 1, "epoch": 1, "streams": {"pose": {"top1": 0.5}}},
    )
    assert read_run_log(tmp_path / LOG_NAME) == read_run_log(tmp_path)


def test_a_line_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    write_steps(log, 1)

    assert steps(tmp_path) == [("step", 1)]
    log.close()
    log.close()


def test_a_resumed_log_equals_one_that_was_never_interrupted(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    with RunLog(whole) as log:
        write_steps(log, 1, 2, 3, 4, 5)
    with RunLog(cut) as log:
        write_steps(log, 1, 2, 3, 4)
    with RunLog(cut, 2) as log:
        assert log.position == 2
        write_steps(log, 3, 4, 5)

    assert (cut / LOG_NAME).read_bytes() == (whole / LOG_NAME).read_bytes()


def test_lines_behind_the_saved_position_are_dropped_though_their_step_is_not_later(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        write_steps(log, 1, 2)
        position = log.position
        log.write("evaluation", step=2, epoch=1, streams={})
        log.write("end", step=2, outcome="stopped")

    with RunLog(tmp_path, 2, resume_position=position) as log:
        log.write("evaluation", step=2, epoch=1, streams={})

    assert steps(tmp_path) == [("step", 1), ("step", 2), ("evaluation", 2)]


def test_a_new_run_begins_a_new_log(tmp_path: Path) -> None:
    for _ in range(2):
        with RunLog(tmp_path) as log:
            write_steps(log, 1)

    assert steps(tmp_path) == [("step", 1)]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        write_steps(log, 1, 2)
    path = tmp_path / LOG_NAME
    path.write_bytes(path.read_bytes()[:-5])

    assert steps(tmp_path) == [("step", 1)]
    with RunLog(tmp_path, 2) as log:
        assert log.complaints == ()
        write_steps(log, 2)
    assert steps(tmp_path) == [("step", 1), ("step", 2)]


@pytest.mark.parametrize(
    "line", [b"\0\0\0", b"\xff", b"[]", b'{"kind": "step"}', b'{"kind": "x", "step": 1}', b"[" * 100_000]
)
def test_a_foreign_line_is_told_and_does_not_stop_a_resume(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / LOG_NAME
    path.write_bytes(b'{"kind": "step", "step": 1}\n' + line + b'\n{"kind": "step", "step": 2}\n')

    with pytest.raises(InputError, match=r"log\.jsonl, line 2: not a line of a training run's log"):
        read_run_log(tmp_path)
    with RunLog(tmp_path, 2) as log:
        assert len(log.complaints) == 1
        assert "line 2" in log.complaints[0]
    assert steps(tmp_path) == [("step", 1), ("step", 2)]


def test_numbers_that_json_has_not_are_text(tmp_path: Path) -> None:
    with RunLog(tmp_path) as log:
        log.write("end", step=3, loss=float("nan"), norms=[float("inf"), 1.0])

    text = (tmp_path / LOG_NAME).read_text()
    assert json.loads(text, parse_constant=pytest.fail)["loss"] == "nan"
    assert json.loads(text)["norms"] == ["inf", 1.0]


def test_a_missing_log_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"log\.jsonl: cannot be read \(No such file or directory\)"):
        read_run_log(tmp_path / LOG_NAME)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_loud(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.close()
    log._file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115 - the log's own, as it is

    with pytest.raises(InputError, match=f"{os.strerror(errno.ENOSPC)}.*free some disk"):
        log.write("step", step=1)


def test_tensorboard_gets_every_number_under_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, ...]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            seen.append((Path(folder).name, purge_step))

        def add_scalar(self, *arguments: object) -> None:
            seen.append(arguments)

        def close(self) -> None:
            seen.append(("closed",))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)

    with RunLog(tmp_path, 4) as log:
        log.write("start", step=4, threads=1)
        log.write("step", step=5, loss=0.5, sample="x", fine=True)
        log.write("evaluation", step=5, streams={"fused": {"top1": 1}})

    assert seen == [
        ("tensorboard", 5),
        ("step/loss", 0.5, 5),
        ("evaluation/streams/fused/top1", 1.0, 5),
        ("closed",),
    ]


def test_without_tensorboard_the_lines_are_there_all_the_same(tmp_path: Path) -> None:
    assert run_log._open_tensorboard(tmp_path, purge_step=1) is None
