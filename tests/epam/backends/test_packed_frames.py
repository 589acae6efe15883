from __future__ import annotations

import pytest
import torch

from epam.backends import packed_frames
from epam.backends.equality import check_equality, reference_logits
from epam.backends.frame_major import frame_major
from epam.backends.packed_convolution import can_pack
from epam.backends.packed_frames import chunk_length, pack_frames

needs_onednn = pytest.mark.skipif(not can_pack(torch.float32), reason="no fused operations of oneDNN here")


@pytest.mark.parametrize(
    ("frames", "most", "length"),
    [(16, 5, 4), (16, 16, 16), (16, 99, 16), (48, 10, 8), (13, 5, 5), (13, 1, 1), (1, 0, 1), (7, 0, 1)],
)
def test_chunks_are_alike_where_few_more_make_them_so(frames: int, most: int, length: int) -> None:
    assert chunk_length(frames, most=most) == length


@needs_onednn
@pytest.mark.parametrize("chunk_bytes", [1, 8_000, 2**30], ids=["each frame", "some", "all frames"])
@pytest.mark.parametrize(("batch", "frames", "side"), [(1, 5, 16), (3, 2, 16), (2, 1, 24)])
def test_the_logits_do_not_depend_on_the_chunks(
    chunk_bytes, batch, frames, side, thin, clips, monkeypatch
) -> None:
    monkeypatch.setattr(packed_frames, "CHUNK_BYTES", chunk_bytes)
    model = thin(rgb_blocks=(2, 2), pose_blocks=(3,))
    inputs = clips(batch, frames=frames, side=side)
    name, expected = reference_logits(model, [inputs])
    form = frame_major(model)
    assert form is not None
    with torch.inference_mode():
        packed = pack_frames(form, inputs, dtype=torch.float32, threads=1)
        # The second call finds whatever the first one overwrote.
        for _ in range(2):
            equality = check_equality(packed, [inputs], reference=name, expected=expected, precision="fp32")
            assert equality.relative_error < 1e-5
