"""A model from outside the catalogue, named as ``package.module:factory``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

from epam.errors import EpamError, InputError, UnknownNameError
from epam_baselines.specification import ModelSpec

EXAMPLE = "package.module:factory"


def is_import_path(text: str) -> bool:
    """Whether the text names something to import, not a model of the catalogue."""
    return ":" in text


def import_spec(text: str) -> ModelSpec:
    """Import what ``package.module:factory`` names: a ModelSpec, or a function that returns one.

    The working directory is searched after everything that is installed. Importing runs the
    module's code, so the text must come from the user, never out of a file.

    Args:
        text: a module's dotted name, a colon, and a dotted name in that module.

    Raises:
        InputError: no such module, a module or function that fails, or something that is no
            ModelSpec.
        UnknownNameError: the module has no such name; the nearest are named.
    """
    module_name, _, attribute = text.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), *attribute.split(".")]):
        raise InputError(f"model {text!r}: write {EXAMPLE}, a module and a name in it")
    found: object = _import_module(module_name, text)
    for name in attribute.split("."):
        if not hasattr(found, name):
            raise UnknownNameError(
                f"name in {module_name}", name, [known for known in dir(found) if not known.startswith("_")]
            )
        found = getattr(found, name)
    spec = found if isinstance(found, ModelSpec) else _call(found, text)
    if not isinstance(spec, ModelSpec):
        raise InputError(
            f"model {text!r}: gave a {type(spec).__name__}, not a ModelSpec; return one from the function"
        )
    return spec


def _import_module(name: str, text: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        # Last, so that a file such as ./random.py does not stand in for the library's.
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except EpamError:
        raise
    # A module of the user's may fail in any way.
    except Exception as error:
        raise InputError(f"model {text!r}: importing {name} failed ({_described(error)})") from error


def _call(factory: object, text: str) -> object:
    if not callable(factory):
        raise InputError(
            f"model {text!r}: is a {type(factory).__name__}, neither a ModelSpec nor a function that "
            "returns one"
        )
    try:
        return factory()
    except EpamError:
        raise
    except Exception as error:
        raise InputError(
            f"model {text!r}: calling it without arguments failed ({_described(error)}); "
            "it must return a ModelSpec"
        ) from error


def _described(error: Exception) -> str:
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
