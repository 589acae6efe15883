from __future__ import annotations

import pytest

from epam.backends.backend import BackendError
from epam.backends.registry import list_backends
from epam_bench.roofline.profilers import HOMES, find_profiler


@pytest.mark.parametrize(("device_type", "backend"), list(HOMES))
def test_every_profiler_is_where_it_is_said_to_be_and_of_a_backend(device_type: str, backend: str) -> None:
    assert backend in list_backends()
    assert callable(find_profiler(backend, device_type).prepare)


def test_a_backend_without_one_names_those_that_have() -> None:
    with pytest.raises(BackendError, match=r"cannot be taken apart; these can: .*fused.*openvino"):
        find_profiler("compile", "cpu")
    with pytest.raises(BackendError, match="these can: none"):
        find_profiler("eager", "tpu")
