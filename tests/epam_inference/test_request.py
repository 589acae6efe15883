from __future__ import annotations

from pathlib import Path

import pytest

from epam_inference.request import MultimodalRequest, UnimodalRequest


def test_a_video_or_a_named_sample_is_predicted(tmp_path: Path) -> None:
    assert not MultimodalRequest(video=tmp_path / "clip.mp4").is_evaluation
    assert not MultimodalRequest(sample="s1", video=tmp_path).is_evaluation
    assert not UnimodalRequest(modality="pose", sample="s1").is_evaluation


@pytest.mark.parametrize("folder", [True, False])
def test_a_folder_or_annotations_alone_are_evaluated(tmp_path: Path, folder: bool) -> None:
    request = MultimodalRequest(annotations=tmp_path / "a.pkl", video=tmp_path if folder else None)
    assert request.is_evaluation
    assert request.modality == "multimodal"
