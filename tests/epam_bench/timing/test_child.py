"""What a child does, asked within this process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from epam.backends.optimized_model import optimize
from epam_baselines import example_inputs
from epam_bench.timing import child
from epam_bench.timing.child import LARGEST_COMPARED_BATCH, Child, describe_error, draw_clips
from epam_bench.timing.model_lookup import describe_spec

pytestmark = pytest.mark.usefixtures("children_within")


def order(trial, name: str = "small", **changes: object) -> dict[str, object]:
    fields = {
        "model": describe_spec(trial(name).spec),
        "backend": "eager",
        "precision": "fp32",
        "batch_size": 1,
        "task": "inference",
        "device": "cpu",
        "threads": 1,
        "l2_cold": False,
        "clips": 2,
        "warmup_calls": 2,
    }
    return fields | changes


def prepared(trial, tmp_path: Path, **changes: object) -> tuple[Child, dict[str, object], list[str]]:
    said: list[str] = []
    asked = order(trial, **changes)
    file = str(tmp_path / "reference.pt")
    Child(said.append).do(asked | {"do": "compute reference", "file": file})
    one = Child(said.append)
    return one, one.do(asked | {"do": "prepare", "reference": file}), said


def test_child_says_what_it_does_and_what_it_found(trial, tmp_path: Path) -> None:
    one, answer, said = prepared(trial, tmp_path)
    assert said == [
        "building",
        "computing the reference's logits",
        "building",
        "preparing it",
        "its first call",
        "comparing its logits with the reference's",
        "warming up",
    ]
    assert answer["equality"]["holds"]  # type: ignore[index]
    assert answer["equality"]["clips"] == 2  # type: ignore[index]
    assert answer["weights_bytes"] == 4 * (4 * 2 * 9 + 4 * 4 + 5 * 3) + 8
    turn = one.do({"do": "take a turn", "calls": 3})
    assert len(turn["samples_ms"]) == 3
    assert min(turn["samples_ms"]) > 0


@pytest.mark.parametrize(("name", "compared"), [("small", 3), ("in_pieces", 1)])
def test_later_process_compares_the_first_clips_of_the_reference(
    trial, tmp_path: Path, name: str, compared: int
) -> None:
    asked, file = order(trial, name, batch_size=3, clips=6), str(tmp_path / "reference.pt")
    Child(lambda doing: None).do(asked | {"do": "compute reference", "file": file})
    answer = Child(lambda doing: None).do(asked | {"do": "prepare", "reference": file, "clips": 1})
    assert answer["equality"]["clips"] == compared
    assert answer["equality"]["holds"]


def test_what_writing_into_the_cache_takes_is_no_preparing(trial, tmp_path: Path, monkeypatch) -> None:
    given: list[object] = []

    def slow_to_keep(model, *, cache, **options):
        given.append(cache)
        ready = optimize(model, cache=cache, **options)
        return replace(ready, prepared=replace(ready.prepared, keeping_seconds=1000.0))

    monkeypatch.setattr(child, "optimize", slow_to_keep)
    _, answer, _ = prepared(trial, tmp_path, cache=str(tmp_path / "cache"))
    assert given == [tmp_path / "cache"]
    assert answer["preparation_seconds"] < 0  # type: ignore[operator]
    assert answer["spared_seconds"] > 1000  # type: ignore[operator]


@pytest.mark.parametrize("batch_size", [1, 3])
def test_training_step_is_timed_after_its_logits_are_compared(trial, tmp_path: Path, batch_size: int) -> None:
    one, answer, _ = prepared(trial, tmp_path, task="training", batch_size=batch_size)
    assert answer["equality"]["holds"]  # type: ignore[index]
    assert len(one.do({"do": "take a turn", "calls": 2})["samples_ms"]) == 2


def test_large_batch_is_some_clips_in_no_regular_order_and_right_for_each(trial, tmp_path: Path) -> None:
    spec = trial().spec
    drawn = draw_clips(spec, 20, 4, "cpu")
    ((clips,),) = drawn.samples
    assert len(clips) == 20
    assert len(clips.flatten(1).unique(dim=0)) == LARGEST_COMPARED_BATCH
    assert not torch.equal(clips[:8], example_inputs(spec, 8)[0])
    _, answer, _ = prepared(trial, tmp_path, batch_size=20)
    assert answer["equality"]["clips"] == 20  # type: ignore[index]
    assert answer["equality"]["holds"]  # type: ignore[index]


def test_small_batches_are_drawn_until_there_are_enough_clips(trial) -> None:
    batches = [batch[0] for batch in draw_clips(trial().spec, 3, 4, "cpu").samples]
    assert [len(batch) for batch in batches] == [3, 3]
    assert not torch.equal(*batches)


def test_form_that_mixes_clips_up_is_found_out(trial, tmp_path: Path, monkeypatch) -> None:

    def mixed(model, *rest):
        return child._Form(
            compare=lambda clip: model(clip).roll(1, 0), start=lambda: lambda: None, weights_bytes=0
        )

    monkeypatch.setattr(child, "_make_form", mixed)
    with torch.no_grad():
        _, answer, _ = prepared(trial, tmp_path, batch_size=16)
    assert not answer["equality"]["holds"]  # type: ignore[index]


def test_want_of_memory_is_called_by_its_name() -> None:
    assert describe_error(MemoryError()) == "out of memory (MemoryError)"
    assert (
        describe_error(torch.OutOfMemoryError("CUDA out of memory. Tried …")) == "CUDA out of memory. Tried …"
    )
    assert describe_error(ValueError("one\ntwo")) == "one"
    assert describe_error(KeyError()) == "KeyError"


def test_turn_without_a_model_and_unknown_order_are_errors() -> None:
    with pytest.raises(AssertionError):
        Child(lambda doing: None).do({"do": "take a turn", "calls": 1})
    with pytest.raises(ValueError, match="unknown order 'sing'"):
        Child(lambda doing: None).do({"do": "sing"})
