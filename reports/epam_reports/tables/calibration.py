"""What a recording says of timing: the promises that are kept, and what trials of each length are worth."""

from __future__ import annotations

from epam_bench.calibration import (
    COVERED,
    FEWEST_FOUND,
    LONGEST_TRIAL_SECONDS,
    MOST_ALARMS,
    SLOWDOWN,
    Calibration,
    Share,
    TrialSize,
)
from epam_reports.table import Column, Table, typed_frame

_PROMISE_DTYPES = {
    "promise": "string",
    "bound": "string",
    "hits": "Int64",
    "trials": "Int64",
    "percent": "Float64",
    "percent_low": "Float64",
    "percent_high": "Float64",
    "verdict": "string",
}

_SIZE_DTYPES = {
    "generations": "Int64",
    "seconds": "Float64",
    "seconds_longest": "Float64",
    "trials": "Int64",
    **{
        f"{name}{bound}": "Float64"
        for name in ("alarms", "alarms_between", "found", "covered_ratios", "covered_medians")
        for bound in ("", "_low", "_high")
    },
    "half_width_percent": "Float64",
    "median_half_width_percent": "Float64",
    "smallest_detectable_percent": "Float64",
}


_SIZE_COLUMNS = (
    Column(key="generations", header="Generations"),
    Column(key="seconds", header="Seconds", decimals=0),
    Column(key="trials", header="Trials"),
    *(
        Column(key=key, header=header, decimals=1, interval=(f"{key}_low", f"{key}_high"))
        for key, header in (
            ("alarms", "False alarms"),
            ("alarms_between", "Between runs"),
            ("found", "Found"),
            ("covered_ratios", "Ratio covered"),
            ("covered_medians", "Median covered"),
        )
    ),
    Column(key="half_width_percent", header="Ratio ± (%)", decimals=2),
    Column(key="median_half_width_percent", header="Median ± (%)", decimals=1),
    Column(key="smallest_detectable_percent", header="Smallest difference (%)", decimals=2),
)


def promises_table(calibration: Calibration) -> Table:
    """What is promised of a timing, and what its trials showed."""
    size = calibration.judged
    return Table(
        name="calibration_promises",
        title="What is promised",
        caption=(
            f"Trials of {size.generations} generations of fresh processes, {size.seconds[0]:.0f} s long, at "
            f"most {size.seconds[1]:.0f} s. In brackets Wilson's 95 % interval: what so many trials say of "
            "all trials to come; kept cannot be told where that reaches the bound and the share does not."
        ),
        frame=typed_frame(_promise_rows(size, calibration.judged_spread), _PROMISE_DTYPES),
        columns=(
            Column(key="promise", header="Promise"),
            Column(key="bound", header="Bound"),
            Column(key="hits", header="Trials that did"),
            Column(key="trials", header="of"),
            Column(key="percent", header="Share (%)", decimals=1, interval=("percent_low", "percent_high")),
            Column(key="verdict", header="Kept"),
        ),
    )


def trial_sizes_table(calibration: Calibration) -> Table:
    """One row a length of trial."""
    return Table(
        name="calibration_trials",
        title="Trials by their length",
        caption=(
            "The same recording, cut into disjoint runs of so many consecutive generations. False alarms: "
            "equal models called different; between runs: those of one trial and the next, compared as two "
            "runs are, by epam-bench compare. Found: the slowed model called slower. Covered: 95 % intervals "
            "that hold the true ratio (of equal models 1, of the slowed one that of the whole recording), "
            "and the model's median over the whole recording. Shares in per cent, with Wilson's 95 % "
            "intervals; half the intervals' widths (±) and the smallest detectable difference are medians "
            "over trials."
        ),
        frame=typed_frame([_size_row(size) for size in calibration.sizes], _SIZE_DTYPES),
        columns=_SIZE_COLUMNS,
        remarks=_too_long(calibration),
    )


def spread_trials_table(calibration: Calibration) -> Table:
    """The same of trials whose generations lie apart."""
    return Table(
        name="calibration_spread_trials",
        title="Trials spread over three minutes",
        caption=(
            "The same recording, each run of nearly three minutes dealt out to several trials: as many "
            "processes, but minutes apart, as those of a row of a long table are. What the machine does for "
            "half a minute is then in every trial, not in one; trials of the same run meet the same, and "
            "say less together than as many would that do not."
        ),
        frame=typed_frame([_size_row(size) for size in calibration.spread], _SIZE_DTYPES),
        columns=tuple(column for column in _SIZE_COLUMNS if column.key != "alarms_between"),
        remarks=() if calibration.spread else ("Too short for such trials.",),
    )


def judge_promises(size: TrialSize, spread: TrialSize | None = None) -> dict[str, str]:
    """Which promises the shares of a length of trial keep, by the sentence that makes them.

    The long-run median is asked of trials in one piece and, if there are any, of spread ones.

    ``yes`` within the bound, ``no`` where Wilson's interval leaves it out, else ``cannot tell``.
    """
    return {promise: _judge(share, bound) for promise, (share, bound) in _promises(size, spread).items()}


def _promises(size: TrialSize, spread: TrialSize | None) -> dict[str, tuple[Share, tuple[float, float]]]:
    """Each promise with what the trials showed, and the shares that keep it."""
    told = {
        "equal models are called different": (size.alarms, (0.0, MOST_ALARMS)),
        **(
            {"the same of two runs, one after the other": (size.alarms_between, (0.0, MOST_ALARMS))}
            if size.alarms_between
            else {}
        ),
        f"a planted slowdown of {SLOWDOWN:.0%} is called slower": (size.found, (FEWEST_FOUND, 1.0)),
        "the interval holds the true ratio": (size.covered_ratios, COVERED),
        "the interval holds the long-run median": (size.covered_medians, COVERED),
    }
    if spread:
        whole = f"the same, of {spread.generations} generations spread over {spread.seconds[0]:.0f} s"
        told[whole] = (spread.covered_medians, COVERED)
    return told


def _judge(share: Share, bound: tuple[float, float]) -> str:
    if bound[0] <= share.value <= bound[1]:
        return "yes"
    low, high = share.interval
    return "no" if high < bound[0] or bound[1] < low else "cannot tell"


def _promise_rows(size: TrialSize, spread: TrialSize | None) -> list[dict[str, object]]:
    return [
        {
            "promise": promise,
            "bound": f"{100 * bound[0]:.0f}–{100 * bound[1]:.0f} %",
            "hits": share.hits,
            "trials": share.trials,
            **_percent("percent", share),
            "verdict": _judge(share, bound),
        }
        for promise, (share, bound) in _promises(size, spread).items()
    ]


def _too_long(calibration: Calibration) -> tuple[str, ...]:
    """What is in no row, for a trial that takes so long is none that a user would wait for."""
    told = (f"{count} of {generations} generations" for generations, count in calibration.too_long.items())
    if not calibration.too_long:
        return ()
    return (f"Trials left out, for they took more than {LONGEST_TRIAL_SECONDS:.0f} s: {', '.join(told)}.",)


def _size_row(size: TrialSize) -> dict[str, object]:
    return {
        "generations": size.generations,
        "seconds": size.seconds[0],
        "seconds_longest": size.seconds[1],
        "trials": size.alarms.trials,
        **_percent("alarms", size.alarms),
        **(_percent("alarms_between", size.alarms_between) if size.alarms_between else {}),
        **_percent("found", size.found),
        **_percent("covered_ratios", size.covered_ratios),
        **_percent("covered_medians", size.covered_medians),
        "half_width_percent": 100 * size.half_width,
        "median_half_width_percent": 100 * size.median_half_width,
        "smallest_detectable_percent": 100 * size.smallest_detectable,
    }


def _percent(name: str, share: Share) -> dict[str, object]:
    low, high = share.interval
    return {name: 100 * share.value, f"{name}_low": 100 * low, f"{name}_high": 100 * high}
