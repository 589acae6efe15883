"""A trained network made fast: one backend a file, found by name, each held to the same logits."""

from typing import TYPE_CHECKING

from epam.lazy_names import lazy_names

if TYPE_CHECKING:
    from epam.backends.backend import Backend, BackendError, Precision, Prepared, Request
    from epam.backends.equality import Equality, check_equality
    from epam.backends.optimized_model import OptimizedModel, check_backend, optimize
    from epam.backends.registry import find_backend, list_backends

_HOMES = {
    "Backend": "epam.backends.backend",
    "BackendError": "epam.backends.backend",
    "Equality": "epam.backends.equality",
    "OptimizedModel": "epam.backends.optimized_model",
    "Precision": "epam.backends.backend",
    "Prepared": "epam.backends.backend",
    "Request": "epam.backends.backend",
    "check_backend": "epam.backends.optimized_model",
    "check_equality": "epam.backends.equality",
    "find_backend": "epam.backends.registry",
    "list_backends": "epam.backends.registry",
    "optimize": "epam.backends.optimized_model",
}

__all__ = [
    "Backend",
    "BackendError",
    "Equality",
    "OptimizedModel",
    "Precision",
    "Prepared",
    "Request",
    "check_backend",
    "check_equality",
    "find_backend",
    "list_backends",
    "optimize",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
