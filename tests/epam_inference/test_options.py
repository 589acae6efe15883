from __future__ import annotations

from pathlib import Path

import pytest

from epam.errors import InputError
from epam_inference.options import MultimodalRequest, UnimodalRequest


def test_a_video_or_a_named_sample_is_predicted(tmp_path: Path) -> None:
    assert not MultimodalRequest(video=tmp_path / "clip.mp4").is_evaluation
    assert not MultimodalRequest(sample="s1", video=tmp_path).is_evaluation
    assert not UnimodalRequest(modality="pose", sample="s1").is_evaluation


@pytest.mark.parametrize("folder", [True, False])
def test_a_folder_or_annotations_alone_are_evaluated(tmp_path: Path, folder: bool) -> None:
    request = MultimodalRequest(annotations=tmp_path / "a.pkl", video=tmp_path if folder else None)
    assert request.is_evaluation
    assert request.kind == "multimodal"
    assert UnimodalRequest(modality="pose").kind == "pose"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"split": "xsub_val"}, "--split: only for an evaluation, and this is a prediction"),
        ({"scores": Path("s.npz")}, "--scores"),
        ({"allow_missing": True}, "--allow-missing"),
        ({"batch_size": 1}, "--batch-size"),
        ({"workers": 0}, "--workers"),
        ({"views": 1}, "--views"),
        ({"batch_size": 2, "split": "xsub_val"}, "--split, --batch-size"),
    ],
)
def test_a_predictions_options_are_not_an_evaluations(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        MultimodalRequest(sample="s1", **options).check()
    MultimodalRequest(annotations=Path("a.pkl"), **options).check()


def test_an_evaluation_lists_no_classes() -> None:
    with pytest.raises(InputError, match="--topk: only for a prediction, and this is an evaluation"):
        MultimodalRequest(annotations=Path("a.pkl"), topk=5).check()
    MultimodalRequest(sample="s1", topk=5).check()


def test_an_empty_sample_is_refused_and_not_taken_for_none() -> None:
    request = MultimodalRequest(annotations=Path("a.pkl"), sample="")
    assert not request.is_evaluation
    with pytest.raises(InputError, match="--sample: the id is empty"):
        request.check()


def test_a_prepared_folder_alone_is_evaluated_and_does_not_go_with_annotations() -> None:
    assert MultimodalRequest(root=Path("data")).is_evaluation
    assert not MultimodalRequest(root=Path("data"), sample="s1").is_evaluation
    with pytest.raises(InputError, match=r"--root and --annotations: .*give one"):
        MultimodalRequest(root=Path("data"), annotations=Path("a.pkl")).check()
