import numpy as np
import pytest
import torch

from epam.data.normalisation import normalise_frames


def test_grey_is_normalised_as_published() -> None:
    frames = np.full((2, 1, 1, 3), 128, dtype=np.uint8)
    pixels = normalise_frames(frames)
    assert pixels.shape == (3, 2, 1, 1)
    assert pixels[:, 0, 0, 0].tolist() == pytest.approx([0.074065, 0.205182, 0.426492], abs=1e-6)


def test_frames_rows_and_columns_keep_their_places_and_red_comes_first() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    pixels = normalise_frames(frames)
    assert pixels.is_contiguous()
    assert pixels[2, 1, 2, 3].item() == pytest.approx((frames[1, 2, 3, 2] - 103.53) / 57.375, abs=1e-6)


def test_mirrored_frames_run_from_right_to_left() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 3), dtype=np.uint8)
    mirrored = normalise_frames(frames, mirrored=True)
    assert torch.equal(mirrored, normalise_frames(frames).flip(-1))
    assert mirrored.is_contiguous()
