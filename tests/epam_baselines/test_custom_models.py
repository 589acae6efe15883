from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from epam.errors import InputError, UnknownNameError
from epam_baselines import create_model, find_spec, model_spec
from epam_baselines.custom_models import import_spec, is_import_path

MODULE = """
import dataclasses
from torch import nn
from epam_baselines import model_spec

class Plain(nn.Module):
    def __init__(self, *, num_classes, width=8):
        super().__init__()
        self.linear = nn.Linear(width, num_classes)

SPEC = dataclasses.replace(model_spec("x_shiftnet_pose"), name="plain", build=Plain)

class Models:
    best = SPEC

def plain():
    return SPEC

def forgetful():
    return Plain(num_classes=3)

def demanding(width):
    return SPEC

TITLE = "no function"
"""


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write modules into a fresh working directory; afterwards they are forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    write("our_models", MODULE)
    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("text", ["our_models:plain", "our_models:SPEC", "our_models:Models.best"])
def test_a_function_or_a_spec_in_the_working_directory_is_found(text: str, write_module) -> None:
    assert find_spec(text).name == "plain"
    assert create_model(text, 5, options={"width": 4}).linear.weight.shape == (5, 4)


def test_a_name_without_a_colon_is_the_catalogues() -> None:
    assert not is_import_path("epam_net")
    assert find_spec("epam_net") is model_spec("epam_net")
    with pytest.raises(UnknownNameError, match="did you mean 'epam_net'"):
        find_spec("epamnet")


def test_the_working_directory_does_not_hide_what_is_installed(write_module) -> None:
    write_module("this", "raise RuntimeError('the wrong one')")
    with pytest.raises(UnknownNameError, match="name in this 'zen'"):
        import_spec("this:zen")


@pytest.mark.parametrize("text", ["our_models:", ":plain", "our models:plain", "a:b:c", "../x:plain", "a:b."])
def test_what_is_no_dotted_name_is_refused_before_anything_is_imported(text: str) -> None:
    with pytest.raises(InputError, match=r"write package\.module:factory"):
        import_spec(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such_module:plain", "importing no_such_module failed .*No module named 'no_such_module'"),
        ("our_models:forgetful", "gave a Plain, not a ModelSpec"),
        ("our_models:demanding", "without arguments failed .*missing 1 required.*must return a ModelSpec"),
        ("our_models:TITLE", "is a str, neither a ModelSpec nor a function"),
    ],
)
def test_what_gives_no_spec_says_why_in_one_line(text: str, message: str, write_module) -> None:
    with pytest.raises(InputError, match=message) as caught:
        import_spec(text)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_says_so(write_module) -> None:
    write_module("broken_models", "1 / 0")
    with pytest.raises(
        InputError, match=r"importing broken_models failed \(ZeroDivisionError: division by zero\)"
    ):
        import_spec("broken_models:plain")


def test_a_name_that_the_module_lacks_is_told_with_the_nearest(write_module) -> None:
    with pytest.raises(UnknownNameError, match="name in our_models 'plane'; did you mean 'plain'"):
        import_spec("our_models:plane")
