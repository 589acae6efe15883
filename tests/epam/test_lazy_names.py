from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from epam.lazy_names import lazy_names


@pytest.fixture
def package() -> Iterator[ModuleType]:
    module = ModuleType("made_up")
    module.__getattr__, module.__dir__ = lazy_names("made_up", {"JSONDecoder": "json"})  # type: ignore[method-assign]
    sys.modules["made_up"] = module
    yield module
    del sys.modules["made_up"]


def test_a_name_is_imported_when_first_used(package: ModuleType) -> None:
    assert "JSONDecoder" not in vars(package)
    assert package.JSONDecoder.__module__ == "json.decoder"
    assert "JSONDecoder" in vars(package)


def test_all_names_are_listed_before_they_are_used(package: ModuleType) -> None:
    assert "JSONDecoder" in dir(package)


def test_another_name_is_none_of_the_package(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match="module 'made_up' has no attribute 'JSON'"):
        package.JSON  # noqa: B018
