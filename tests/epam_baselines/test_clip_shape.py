from __future__ import annotations

import pytest
import torch

from epam.errors import InputError
from epam_baselines.clip_shape import require_clip_shape


def test_the_expected_clip_passes_at_any_batch_size() -> None:
    for batch_size in (1, 5):
        require_clip_shape(torch.zeros(batch_size, 3, 2, 4, 4), (3, 2, 4, 4), model="m")


@pytest.mark.parametrize("shape", [(3, 2, 4, 4), (1, 3, 4, 4), (1, 3, 2, 4, 5), (1, 1, 3, 2, 4, 4), ()])
def test_any_other_shape_is_refused_naming_model_and_both_shapes(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError) as caught:
        require_clip_shape(torch.zeros(shape), (3, 2, 4, 4), model="c3d")
    message = str(caught.value)
    assert message.startswith("c3d: clips must be (N, 3, 2, 4, 4)")
    assert str(shape) in message
    assert "\n" not in message
