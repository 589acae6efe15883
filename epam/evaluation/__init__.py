"""What a network's scores are worth: accuracies, their intervals, and comparisons, keyed by sample id.

Names are imported when first used: the intervals need no PyTorch.
"""

from typing import TYPE_CHECKING

from epam.lazy_names import lazy_names

if TYPE_CHECKING:
    from epam.evaluation.accuracy import Accuracy, Tally, evaluate, find_hits, tally
    from epam.evaluation.intervals import bootstrap_mean_class_interval, wilson_interval
    from epam.evaluation.mcnemar import McNemar, compare_runs
    from epam.evaluation.score_table import ScoreTable
    from epam.evaluation.split_evaluation import SplitScores, score_split

_HOMES = {
    "Accuracy": "epam.evaluation.accuracy",
    "McNemar": "epam.evaluation.mcnemar",
    "ScoreTable": "epam.evaluation.score_table",
    "SplitScores": "epam.evaluation.split_evaluation",
    "Tally": "epam.evaluation.accuracy",
    "bootstrap_mean_class_interval": "epam.evaluation.intervals",
    "compare_runs": "epam.evaluation.mcnemar",
    "evaluate": "epam.evaluation.accuracy",
    "find_hits": "epam.evaluation.accuracy",
    "score_split": "epam.evaluation.split_evaluation",
    "tally": "epam.evaluation.accuracy",
    "wilson_interval": "epam.evaluation.intervals",
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

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
