from __future__ import annotations

import random
from pathlib import Path

import pytest

from epam.errors import InputError
from epam_bench import calibration_run
from epam_bench.calibration import Generation, Header, Recording, read_recording
from epam_bench.calibration_run import record
from epam_bench.timing.worker import WorkerError


@pytest.fixture
def made_generations(drawn_recording: Recording, monkeypatch: pytest.MonkeyPatch) -> list[Generation | None]:
    """What a recording is made of without processes: these, and a failure for none."""
    given: list[Generation | None] = list(drawn_recording.generations)

    def give(header: Header, session: int, order: object) -> Generation:
        generation = given.pop(0) if given else None
        if generation is None:
            raise WorkerError("no more")
        return generation.model_copy(update={"session": session})

    monkeypatch.setattr(calibration_run, "record_generation", give)
    monkeypatch.setattr(calibration_run, "prepare_header", lambda *_: drawn_recording.header)
    monkeypatch.setattr(calibration_run, "describe_environment", lambda: drawn_recording.header.environment)
    return given


def test_a_killed_recording_is_gone_on_with_in_a_session_of_its_own(
    made_generations: list[Generation | None], tmp_path: Path
) -> None:
    path = tmp_path / "recording.jsonl"
    made_generations[2:] = [None] * 3
    with pytest.raises(WorkerError):
        record(path, seconds=60, threads=2)
    with path.open("a") as file:
        file.write('{"kind":"generation","ses')
    made_generations[:] = [read_recording(path).generations[0], None, read_recording(path).generations[1]]
    with pytest.raises(WorkerError):
        record(path, seconds=60, threads=2)
    assert [one.session for one in read_recording(path).generations] == [0, 0, 1, 1]


def test_a_recording_is_not_gone_on_with_by_other_means(
    made_generations: list[Generation | None], tmp_path: Path
) -> None:
    path = tmp_path / "recording.jsonl"
    record(path, seconds=0, threads=2)
    assert len(read_recording(path).generations) == 0
    with pytest.raises(InputError, match="number of threads"):
        record(path, seconds=0, threads=1)


def test_a_generation_has_every_turn_of_every_subject(
    drawn_recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_run, "ROUNDS", 2)
    monkeypatch.setattr(calibration_run, "CALLS", 3)
    header = drawn_recording.header.model_copy(update={"frames": 1, "threads": 1})
    generation = calibration_run.record_generation(header, 0, random.Random(0))
    assert {name: [len(turn) for turn in turns] for name, turns in generation.samples_ms.items()} == {
        "model": [3, 3],
        "again": [3, 3],
        "slowed": [3, 3],
        "empty": [3, 3],
    }
