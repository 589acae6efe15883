"""Runs an exported file in a process of its own, in which the network's own code cannot be imported.

A script, started by its path: it must not import anything of ours. Its one argument is JSON: ``file``,
``loading`` (lines of Python that find ``FILE`` and ``inputs`` and leave ``outputs``), ``inputs`` (an
``.npz`` whose members are called ``CLIP.NAME``), ``outputs`` (the ``.npz`` to write, ``CLIP.NUMBER``) and
``blocked`` (packages whose import fails).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from typing import Any, TypedDict


class Order(TypedDict):
    """What to run; see above."""

    file: str
    loading: str
    inputs: str
    outputs: str
    blocked: list[str]


class Blocked(MetaPathFinder):
    """Comes before all other finders, and refuses some packages."""

    def __init__(self, packages: Sequence[str]) -> None:
        self.packages = frozenset(packages)

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """Say that a blocked package is not installed, and nothing of others."""
        if fullname.partition(".")[0] in self.packages:
            raise ModuleNotFoundError(f"{fullname} is not to be imported here", name=fullname)


def main(order: Order) -> None:
    """Run the file on every clip; fails where a blocked package was loaded all the same."""
    sys.meta_path.insert(0, Blocked(order["blocked"]))
    import numpy as np

    clips: dict[str, dict[str, Any]] = {}
    with np.load(order["inputs"]) as archive:
        for member in archive.files:
            clip, _, name = member.partition(".")
            clips.setdefault(clip, {})[name] = archive[member]
    answers: dict[str, Any] = {}
    for clip, inputs in clips.items():
        names: dict[str, Any] = {"FILE": order["file"], "inputs": inputs}
        exec(order["loading"], names)
        answers |= {f"{clip}.{number}": output for number, output in enumerate(names["outputs"])}
    if loaded := [name for name in order["blocked"] if name in sys.modules]:
        raise RuntimeError(f"{' and '.join(loaded)} was loaded")
    np.savez(order["outputs"], **answers)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
