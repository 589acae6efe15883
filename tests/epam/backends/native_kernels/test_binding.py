from __future__ import annotations

import re

import pytest

from epam.backends.native_kernels import binding
from epam.backends.native_kernels.compiling import SOURCES, find_compiler

HEADERS = {
    name: (SOURCES / f"{name}.h").read_text(encoding="utf-8") for name in ("backbone", "head", "workers")
}


def fields_in_c(header: str, name: str) -> list[str]:
    """Names of a structure's fields, in order."""
    body = re.search(rf"\{{([^{{}}]*)\}} {name};", HEADERS[header])
    assert body is not None
    without_comments = re.sub(r"/\*.*?\*/", "", body[1], flags=re.DOTALL)
    return re.findall(r"(\w+);", without_comments)


@pytest.mark.parametrize(
    ("header", "structure"),
    [
        ("backbone", binding.BlockWeights),
        ("backbone", binding.BackboneWeights),
        ("head", binding.Features),
        ("head", binding.NestedAttention),
    ],
)
def test_structures_have_the_fields_of_the_headers_in_their_order(header, structure) -> None:
    assert [name for name, _ in structure._fields_] == fields_in_c(header, structure.__name__)


@pytest.mark.parametrize("name", binding.SIGNATURES)
def test_functions_take_as_many_arguments_as_the_headers_say(name) -> None:
    everything = re.sub(r"\s+", " ", "".join(HEADERS.values()))
    declared = re.search(rf"[\w ]+ \*?{name}\(([^)]*)\);", everything)
    assert declared is not None
    assert len(declared[1].split(",")) == len(binding.SIGNATURES[name][1])


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
def test_all_functions_are_in_the_library() -> None:
    for name in binding.SIGNATURES:
        assert callable(getattr(binding.kernels(), name))
