from __future__ import annotations

import pytest

from epam.backends.registry import HOMES, find_backend, list_backends
from epam.errors import UnknownNameError


def test_the_plainest_come_first() -> None:
    assert list_backends()[:3] == ["reference", "eager", "fused"]


@pytest.mark.parametrize("name", list(HOMES))
def test_every_backend_says_what_it_is_without_its_library(name: str) -> None:
    backend = find_backend(name)
    assert backend.name == name
    assert backend.summary.count("\n") == 0
    assert set(backend.precisions) <= {"cpu", "cuda"}
    missing = backend.missing()
    assert missing is None or "\n" not in missing


def test_an_unknown_backend_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'fused'"):
        find_backend("fuse")
