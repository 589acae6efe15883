"""Grey levels as the networks were trained on them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RGB_MEAN = (123.675, 116.28, 103.53)
RGB_STD = (58.395, 57.12, 57.375)
"""ImageNet's mean and standard deviation in grey levels, red first, as published."""


def normalise_frames(frames: NDArray[np.uint8], *, mirrored: bool = False) -> Tensor:
    """``(T, H, W, 3)`` grey levels → ``(3, T, H, W)`` float32, less the mean, over the deviation.

    Args:
        frames: of a clip.
        mirrored: left and right change places.
    """
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)
    pixels = pixels.flip(-1) if mirrored else pixels
    pixels = pixels.to(torch.float32, memory_format=torch.contiguous_format)
    return pixels.sub_(torch.tensor(RGB_MEAN).view(3, 1, 1, 1)).div_(torch.tensor(RGB_STD).view(3, 1, 1, 1))
