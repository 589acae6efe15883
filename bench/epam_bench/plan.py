"""What a command was asked to measure, checked before the first model is built."""

from __future__ import annotations

import re
from collections.abc import Sequence

from epam.errors import InputError
from epam_baselines import ModelSpec, list_models, model_spec, with_clip
from epam_bench.counters import COUNTERS, Counter, get_counter

_CLIP = re.compile(r"(\d+)[x×*](\d+)[x×*](\d+)")


def plan_models(names: Sequence[str] | None, clip: str | None = None) -> list[ModelSpec]:
    """Specs by name, each once, all of the catalogue for none; on another clip size if asked.

    Raises:
        epam.errors.UnknownNameError: a name that is not in the catalogue.
        InputError: a clip size that cannot be read or used.
    """
    specs = [model_spec(name) for name in dict.fromkeys(names or list_models())]
    if clip is None:
        return specs
    size = parse_clip(clip)
    return [with_clip(spec, *size) for spec in specs]


def parse_clip(text: str) -> tuple[int, int, int]:
    """``16×224×224`` (also with x or *) as frames, height, width."""
    match = _CLIP.fullmatch(text.strip().lower())
    if not match:
        raise InputError(f"clip {text!r}: write frames×height×width, for example 16x224x224")
    frames, height, width = map(int, match.groups())
    return frames, height, width


def plan_counters(name: str) -> list[Counter]:
    """One counter by name, or ``all``."""
    return list(COUNTERS.values()) if name == "all" else [get_counter(name)]


def parse_batch_sizes(texts: Sequence[str]) -> list[int]:
    """``["1,8", "32"]`` → ``[1, 8, 32]``, each once."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    wrong = [part for part in parts if not part.isdecimal() or int(part) < 1]
    if wrong:
        raise InputError(
            f"batch size {wrong[0]!r}: write whole numbers from 1, for example --batch-size 1,8,32"
        )
    return list(dict.fromkeys(int(part) for part in parts))
