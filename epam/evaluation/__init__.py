"""What a network's scores are worth: accuracies, their intervals, and comparisons, keyed by sample id.

Names are imported when first used: the intervals need no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epam.evaluation.accuracy import Accuracy, Tally, evaluate, find_hits, tally
    from epam.evaluation.intervals import bootstrap_mean_class_interval, wilson_interval
    from epam.evaluation.mcnemar import McNemar, compare_runs
    from epam.evaluation.score_table import ScoreTable
    from epam.evaluation.split_evaluation import SplitScores, score_split

_HOMES = {
    "Accuracy": "accuracy",
    "McNemar": "mcnemar",
    "ScoreTable": "score_table",
    "SplitScores": "split_evaluation",
    "Tally": "accuracy",
    "bootstrap_mean_class_interval": "intervals",
    "compare_runs": "mcnemar",
    "evaluate": "accuracy",
    "find_hits": "accuracy",
    "score_split": "split_evaluation",
    "tally": "accuracy",
    "wilson_interval": "intervals",
}

__all__ = [
    "Accuracy",
    "McNemar",
    "ScoreTable",
    "SplitScores",
    "Tally",
    "bootstrap_mean_class_interval",
    "compare_runs",
    "evaluate",
    "find_hits",
    "score_split",
    "tally",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'epam.evaluation' has no attribute {name!r}")
    value = getattr(import_module(f"epam.evaluation.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
