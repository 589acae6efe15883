"""Micro-benchmarks of the parts, each beside its plain form: `make bench`.

In the ordinary suite each runs once, so that it cannot rot.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

import epam
from epam import reference
from epam.data import Annotation, render_heatmaps
from epam.data.pipelines import Pipeline, PipelineKind
from epam.reference import build_twin
from epam.temporal_shift import temporal_shift
from epam.x_shiftnet import ShiftBottleneck

FRAMES = 16


@pytest.fixture(autouse=True)
def inference_on_one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


@pytest.mark.benchmark(group="temporal shift, 16 × 96 × 28²")
@pytest.mark.parametrize("form", ["folded", "copying 3-D"])
def test_temporal_shift(benchmark, form: str) -> None:
    clip = torch.randn(1, 96, FRAMES, 28, 28)
    if form == "folded":
        folded = clip.transpose(1, 2).flatten(0, 1).contiguous()
        benchmark(temporal_shift, folded, frames=FRAMES, fold=12)
    else:
        benchmark(reference.shift, clip, 12)


@pytest.mark.benchmark(group="residual block with squeeze, 16 × 96 × 14²")
@pytest.mark.parametrize("form", ["folded", "3-D"])
def test_block(benchmark, form: str) -> None:
    if form == "folded":
        block = ShiftBottleneck(96, 96, stride=1, fold_div=8, squeeze=True).eval()
        benchmark(block, torch.randn(FRAMES, 96, 14, 14), FRAMES)
    else:
        benchmark(reference.Block(96, 96, 1, 8, True, True).eval(), torch.randn(1, 96, FRAMES, 14, 14))


@pytest.mark.benchmark(group="attention, 216 × 16 × 7²")
@pytest.mark.parametrize("form", ["folded", "3-D"])
def test_attention(benchmark, form: str) -> None:
    attention = epam.SpatialTemporalAttention() if form == "folded" else reference.NestedAttention()
    benchmark(attention.eval(), torch.randn(1, 216, FRAMES, 7, 7))


@pytest.mark.benchmark(group="heatmaps, 2 persons × 48 frames × 17 joints at 56²")
def test_heatmaps(benchmark) -> None:
    random = np.random.default_rng(0)
    keypoints = random.uniform(0, 56, (2, 48, 17, 2)).astype(np.float32)
    scores = random.uniform(0, 1, (2, 48, 17)).astype(np.float32)
    benchmark(render_heatmaps, keypoints, scores, height=56, width=56)


@pytest.fixture
def crop_video(tmp_path: Path) -> Path:
    """103 frames of 224×224 as MPEG-4, the form in which the published code keeps its crops."""
    path = tmp_path / "crop.mp4"
    room = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        for number in range(103):
            pixels = np.roll(room, 2 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def two_walkers() -> Annotation:
    joint, frame = np.arange(17)[None, :], np.arange(103)[:, None]
    keypoint = np.empty((2, 103, 17, 2), dtype=np.float16)
    keypoint[0, ..., 0], keypoint[0, ..., 1] = 600 + 10 * joint + 2 * frame, 300 + 20 * joint
    keypoint[1, ..., 0], keypoint[1, ..., 1] = 1200 - 8 * joint - frame, 350 + 15 * joint
    return Annotation("S001", 0, (1080, 1920), 103, keypoint, np.full((2, 103, 17), 0.8, dtype=np.float16))


@pytest.mark.benchmark(group="one sample's test pipeline, 2 persons, 103 frames of 224²")
@pytest.mark.parametrize("kind", ["multimodal", "pose", "rgb"])
def test_sample(benchmark, crop_video: Path, kind: PipelineKind) -> None:
    # The published code takes 60.7 ms of one core for the multimodal one, 40.4 ms for pose alone.
    inputs = benchmark(Pipeline(kind), two_walkers(), crop_video)
    assert all(part.isfinite().all() for part in inputs)


@pytest.mark.benchmark(group="EPAM-Net, one clip", max_time=20, min_rounds=5)
@pytest.mark.parametrize("form", ["folded", "3-D"])
def test_network(benchmark, form: str) -> None:
    model = epam.EPAMNet(60).eval()
    model = model if form == "folded" else build_twin(model)
    inputs = torch.randn(1, 3, FRAMES, 224, 224), torch.rand(1, 17, 3 * FRAMES, 56, 56)
    logits = benchmark(model, *inputs)
    assert logits.fused.isfinite().all()
