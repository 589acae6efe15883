"""Libraries that report their use over the network, imported without that."""

from __future__ import annotations

import importlib
import sys
import warnings
from types import ModuleType

REPORTER = "openvino_telemetry"
"""What OpenVINO and NNCF report with, from their import on, unless the user has declined before."""


def import_quietly(name: str) -> ModuleType:
    """Import OpenVINO, NNCF or a part of them; they find no reporter, and do without.

    A benchmark tells nobody what it measures. Where the reporter is loaded already, somebody else chose it.
    """
    absent = REPORTER not in sys.modules
    if absent:
        # An entry of None is how Python is told that a module cannot be imported.
        sys.modules[REPORTER] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    finally:
        if absent:
            del sys.modules[REPORTER]
