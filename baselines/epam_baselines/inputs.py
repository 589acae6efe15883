"""Random inputs of the shapes that a spec names, and the same spec for a clip of another size."""

from __future__ import annotations

import dataclasses
import re

import torch
from torch import Tensor

from epam.data.clip_size import ClipSize
from epam.errors import InputError
from epam_baselines.specification import ModelSpec

_CLIP = re.compile(r"(\d+)[x×*](\d+)[x×*](\d+)")


def example_inputs(
    spec: ModelSpec,
    batch_size: int = 1,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> tuple[Tensor, ...]:
    """Random inputs in the order of ``forward``, the same for the same seed on every device.

    ``(batch_size, *shape)`` each: heatmaps uniform in [0, 1), all else standard normal, as
    normalised pixels are. On the meta device nothing is drawn.

    Raises:
        InputError: a batch size below 1.
    """
    if batch_size < 1:
        raise InputError(f"batch size {batch_size}: at least 1 is needed")
    shapes = {name: (batch_size, *shape) for name, shape in spec.inputs.items()}
    if torch.device(device).type == "meta":
        return tuple(torch.empty(shape, device="meta", dtype=dtype) for shape in shapes.values())
    generator = torch.Generator().manual_seed(seed)
    return tuple(_draw(name, shape, generator).to(device, dtype) for name, shape in shapes.items())


def parse_clip(text: str) -> tuple[int, int, int]:
    """``16×224×224`` (also with x or *) as frames, height, width.

    Raises:
        InputError: it is written otherwise.
    """
    match = _CLIP.fullmatch(text.strip().lower())
    if not match:
        raise InputError(f"clip {text!r}: write frames×height×width, for example 16x224x224")
    frames, height, width = map(int, match.groups())
    return frames, height, width


def with_clip(spec: ModelSpec, frames: int, height: int, width: int) -> ModelSpec:
    """The same model for clips of ``frames × height × width``.

    The size is that of the only input, or of the RGB input where there are two; then the heatmaps
    keep their ratio to it in frames and in pixels (EPAM-Net's: three times the frames, a quarter of
    the height and width).

    Raises:
        InputError: a size below 1, one that the heatmaps' ratio does not divide where there are both, or
            a model whose inputs are neither frames nor heatmaps.
    """
    clip = (frames, height, width)
    if other := next((name for name in spec.inputs if name not in ("rgb", "heatmaps")), None):
        raise InputError(f"{spec.name}: its input {other} has no frames × height × width; leave --clip out")
    asked = "×".join(map(str, clip))
    if min(clip) < 1:
        raise InputError(f"clip {asked}: frames, height and width must be at least 1")
    if len(spec.inputs) == 1:
        return _with_sizes(spec, dict.fromkeys(spec.inputs, clip))
    frames_ratio, pixels_ratio = _ratios(spec)
    if height % pixels_ratio or width % pixels_ratio:
        raise InputError(
            f"clip {asked}: {spec.name}'s heatmaps are 1/{pixels_ratio} as high and wide; "
            f"give multiples of {pixels_ratio}"
        )
    heatmap = (frames_ratio * frames, height // pixels_ratio, width // pixels_ratio)
    return _with_sizes(spec, {"rgb": clip, "heatmaps": heatmap})


def _ratios(spec: ModelSpec) -> tuple[int, int]:
    """Heatmaps a frame, and pixels a heatmap's pixel along each side, of a model that sees both."""
    _, frames, height, _ = spec.inputs["rgb"]
    _, heatmap_frames, heatmap_height, _ = spec.inputs["heatmaps"]
    return heatmap_frames // frames, height // heatmap_height


def with_clip_size(spec: ModelSpec, size: ClipSize) -> ModelSpec:
    """The same model for clips of a size; what the model does not see of it is left out."""
    return _with_sizes(
        spec,
        {
            "rgb": (size.rgb_frames, size.frame_side, size.frame_side),
            "heatmaps": (size.pose_frames, size.heatmap_side, size.heatmap_side),
        },
    )


def _with_sizes(spec: ModelSpec, sizes: dict[str, tuple[int, int, int]]) -> ModelSpec:
    inputs = {name: (shape[0], *sizes[name]) for name, shape in spec.inputs.items()}
    return dataclasses.replace(spec, inputs=inputs)


def _draw(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    # The device is named, so that a caller's `with torch.device("cuda")` does not meet a CPU generator.
    if name == "heatmaps":
        return torch.rand(shape, generator=generator, device="cpu")
    return torch.randn(shape, generator=generator, device="cpu")
