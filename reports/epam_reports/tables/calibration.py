"""What a recording says of timing: the promises that are kept, and what trials of each length are worth."""

from __future__ import annotations

from epam_bench.calibration import (
    COVERED,
    FEWEST_FOUND,
    JUDGED_SIZE,
    MOST_ALARMS,
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
        for name in ("alarms", "found", "covered_ratios", "covered_medians")
        for bound in ("", "_low", "_high")
    },
    "half_width_percent": "Float64",
    "smallest_detectable_percent": "Float64",
}


def promises_table(calibration: Calibration) -> Table:
    """What is promised of a timing, and what its trials showed."""
    size = calibration.judged
    return Table(
        name="calibration_promises",
        title="What is promised",
        caption=(
            f"Trials of {JUDGED_SIZE} generations of fresh processes"
            + (f", {size.seconds[0]:.0f} s long, at most {size.seconds[1]:.0f} s" if size else "")
            + ". In brackets Wilson's 95 % interval: what so many trials say of all trials to come."
        ),
        frame=typed_frame(_promises(size) if size else [], _PROMISE_DTYPES),
        columns=(
            Column(key="promise", header="Promise"),
            Column(key="bound", header="Bound"),
            Column(key="hits", header="Trials that did"),
            Column(key="trials", header="of"),
            Column(key="percent", header="Share (%)", decimals=1, interval=("percent_low", "percent_high")),
            Column(key="verdict", header="Kept"),
        ),
        remarks=() if size else (f"Too short for trials of {JUDGED_SIZE} generations.",),
    )


def trial_sizes_table(calibration: Calibration) -> Table:
    """One row a length of trial."""
    return Table(
        name="calibration_trials",
        title="Trials by their length",
        caption=(
            "The same recording, cut into disjoint runs of so many consecutive generations. False alarms: "
            "equal models called different. Found: the slowed model called slower. Covered: 95 % intervals "
            "that hold the true ratio, and the median of the whole recording. Shares in per cent, with "
            "Wilson's 95 % intervals; half-width and smallest detectable difference are medians over trials."
        ),
        frame=typed_frame([_size_row(size) for size in calibration.sizes], _SIZE_DTYPES),
        columns=(
            Column(key="generations", header="Generations"),
            Column(key="seconds", header="Seconds", decimals=0),
            Column(key="trials", header="Trials"),
            *(
                Column(key=key, header=header, decimals=1, interval=(f"{key}_low", f"{key}_high"))
                for key, header in (
                    ("alarms", "False alarms"),
                    ("found", "Found"),
                    ("covered_ratios", "Ratio covered"),
                    ("covered_medians", "Median covered"),
                )
            ),
            Column(key="half_width_percent", header="Half-width (%)", decimals=2),
            Column(key="smallest_detectable_percent", header="Smallest difference (%)", decimals=2),
        ),
    )


def judge_promises(size: TrialSize) -> dict[str, bool]:
    """Which promises the shares of a length of trial keep, by the sentence that makes them."""
    low, high = COVERED
    return {
        "equal models are called different": size.alarms.value <= MOST_ALARMS,
        "a planted slowdown of 5 % is called slower": size.found.value >= FEWEST_FOUND,
        "the interval holds the true ratio": low <= size.covered_ratios.value <= high,
        "the interval holds the long-run median": low <= size.covered_medians.value <= high,
    }


def _promises(size: TrialSize) -> list[dict[str, object]]:
    covered = f"{100 * COVERED[0]:.0f}–{100 * COVERED[1]:.0f} %"
    bounds = (f"≤ {100 * MOST_ALARMS:.0f} %", f"≥ {100 * FEWEST_FOUND:.0f} %", covered, covered)
    shares = (size.alarms, size.found, size.covered_ratios, size.covered_medians)
    return [
        {
            "promise": promise,
            "bound": bound,
            "hits": share.hits,
            "trials": share.trials,
            **_percent("percent", share),
            "verdict": "yes" if kept else "no",
        }
        for (promise, kept), bound, share in zip(judge_promises(size).items(), bounds, shares, strict=True)
    ]


def _size_row(size: TrialSize) -> dict[str, object]:
    return {
        "generations": size.generations,
        "seconds": size.seconds[0],
        "seconds_longest": size.seconds[1],
        "trials": size.alarms.trials,
        **_percent("alarms", size.alarms),
        **_percent("found", size.found),
        **_percent("covered_ratios", size.covered_ratios),
        **_percent("covered_medians", size.covered_medians),
        "half_width_percent": 100 * size.half_width,
        "smallest_detectable_percent": 100 * size.smallest_detectable,
    }


def _percent(name: str, share: Share) -> dict[str, object]:
    low, high = share.interval
    return {name: 100 * share.value, f"{name}_low": 100 * low, f"{name}_high": 100 * high}
