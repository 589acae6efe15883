"""What a reader must know before trusting a report: mixed machines, dirty trees, load, gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from epam_bench.records import (
    MINIMUM_SAMPLES_FOR_P90,
    AblationTrial,
    AccuracyRecord,
    AnyRecord,
    Environment,
    LatencyRecord,
)
from epam_reports.alike_notes import MOST_LISTED, outline_of, tell_together
from epam_reports.costs import NoCost, cost_of_evaluation
from epam_reports.evaluations import Evaluation, gather_evaluations, unsaid_caveats
from epam_reports.measurements import (
    Measured,
    describe_form,
    gather,
    is_apart,
    main_entries,
    main_runs,
    newest,
    setting_of,
)
from epam_reports.published import PublishedNumber, load_published

BUSY_LOAD_PER_CORE = 0.5
"""One-minute load average a logical core, before timing began, above which a machine was busy."""


def report_caveats(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> tuple[str, ...]:
    """One sentence for each thing that weakens the figures of these records."""
    numbers = load_published() if published is None else published
    known = list(records)
    measured, evaluations, trials = gather(known), gather_evaluations(known), newest(known, AblationTrial)
    used: list[AnyRecord] = []
    for entry in measured:
        used += [*entry.counts.values(), *entry.latencies]
    used += [*(evaluation.record for evaluation in evaluations), *trials]
    latencies = [record for entry in measured for record in entry.latencies]
    return (
        *_mixed_environments(used),
        *_unclean_trees(used),
        *_load(latencies),
        *_settings(latencies),
        *_runs(measured),
        *_few_samples(latencies),
        *_gaps(measured, evaluations, numbers),
        *_evaluations(evaluations),
        *_seeds(trials),
        *_of_records(used),
    )


def _mixed_environments(records: Sequence[AnyRecord]) -> list[str]:
    traits: tuple[tuple[str, Callable[[Environment], object]], ...] = (
        (
            "machines",
            lambda environment: (environment.system, environment.processor, environment.logical_cores),
        ),
        ("accelerators", lambda environment: environment.accelerator),
        ("commits", lambda environment: environment.git_commit),
        ("library versions", lambda environment: sorted(environment.versions.items())),
    )
    caveats = []
    for name, trait in traits:
        seen = list(dict.fromkeys(str(trait(record.environment)) for record in records))
        if len(seen) > 1:
            caveats.append(
                f"The figures come from {len(seen)} different {name}: {'; '.join(map(_short, seen))}."
            )
    return caveats


def _unclean_trees(records: Sequence[AnyRecord]) -> list[str]:
    dirty = sum(record.environment.git_dirty is True for record in records)
    unknown = sum(record.environment.git_commit is None for record in records)
    caveats = []
    if dirty:
        caveats.append(
            f"{dirty} of {len(records)} records were made with uncommitted changes in the checkout."
        )
    if unknown:
        caveats.append(f"{unknown} of {len(records)} records do not know the commit that made them.")
    return caveats


def _load(latencies: Sequence[LatencyRecord]) -> list[str]:
    busy = [
        f"{record.model.name} ({record.load_average_before:.1f} on {record.environment.logical_cores} cores)"
        for record in latencies
        # Where the share of other processes was read, the record itself says whether it was busy;
        # a load average also counts our own warm-up.
        if record.others_cpu_fraction is None
        and record.load_average_before is not None
        and record.load_average_before > BUSY_LOAD_PER_CORE * (record.environment.logical_cores or 1)
    ]
    return [f"The machine was busy when timing began: {', '.join(dict.fromkeys(busy))}."] if busy else []


def _settings(latencies: Sequence[LatencyRecord]) -> list[str]:
    settings = list(dict.fromkeys(setting_of(record).conditions for record in latencies))
    if len(settings) < 2:
        return []
    return [f"Latencies were taken in {len(settings)} settings, not to be compared: {'; '.join(settings)}."]


def _runs(measured: Sequence[Measured]) -> list[str]:
    runs = main_runs(measured)
    apart = [entry.name for entry in measured if any(is_apart(record, runs) for record in entry.latencies)]
    if not apart:
        return []
    return [f"Timed in another run, not interleaved with the other models: {', '.join(apart)}."]


def _few_samples(latencies: Sequence[LatencyRecord]) -> list[str]:
    few = [describe_form(record) for record in latencies if len(record.samples_ms) < MINIMUM_SAMPLES_FOR_P90]
    if not few:
        return []
    names = "all latencies" if len(few) == len(latencies) else ", ".join(dict.fromkeys(few))
    return [f"Under {MINIMUM_SAMPLES_FOR_P90} samples, so no 90th percentile: {names}."]


def _gaps(
    measured: Sequence[Measured], evaluations: Sequence[Evaluation], numbers: Sequence[PublishedNumber]
) -> list[str]:
    rows = main_entries(measured)
    seen = {entry.card.name for entry in measured}
    seen |= {evaluation.record.model.name for evaluation in evaluations}
    known = dict.fromkeys(number.catalogue_name for number in numbers if number.catalogue_name)
    counters = sorted({counter for entry in measured for counter in entry.counts})
    gaps = {
        "Not measured at all": [name for name in known if name not in seen],
        "Quoted only, not built here": _quoted_only(numbers),
        "Not built here, another counted in its place": [
            f"{model} ({name})" for model, name in _stand_ins(numbers).items()
        ],
        "Timed but not counted": [entry.name for entry in rows if not entry.counts],
        "Counted but not timed": [entry.name for entry in rows if not entry.latencies],
        "Evaluated but not counted": _without_cost(evaluations, measured),
        "Not counted by every counter": [
            f"{entry.name} (lacks {', '.join(lacking)})"
            for entry in rows
            if entry.counts and (lacking := [counter for counter in counters if counter not in entry.counts])
        ],
    }
    return [f"{what}: {', '.join(dict.fromkeys(names))}." for what, names in gaps.items() if names]


def _quoted_only(numbers: Sequence[PublishedNumber]) -> list[str]:
    stand_ins = _stand_ins(numbers)
    quoted = (number.model for number in numbers if number.catalogue_name is None)
    return [model for model in dict.fromkeys(quoted) if model not in stand_ins]


def _stand_ins(numbers: Sequence[PublishedNumber]) -> dict[str, str]:
    """Our name of what is counted in the place of each published network that we have not got."""
    return {
        number.model: number.stand_in
        for number in numbers
        if number.stand_in is not None and number.catalogue_name is None
    }


def _without_cost(evaluations: Sequence[Evaluation], measured: Sequence[Measured]) -> list[str]:
    costs = {entry.heading: cost_of_evaluation(entry.record, measured) for entry in evaluations}
    return [
        f"{heading} ({cost.reason})" if cost.mismatch else heading
        for heading, cost in costs.items()
        if isinstance(cost, NoCost)
    ]


def _evaluations(evaluations: Sequence[Evaluation]) -> list[str]:
    """What weakens measured accuracies and is not among their own caveats."""
    return [
        f"{entry.heading}: {sentence}."
        for entry in evaluations
        for sentence in (*unsaid_caveats(entry.record), *_other_part(entry.record))
    ]


def _other_part(record: AccuracyRecord) -> tuple[str, ...]:
    if record.part == "test":
        return ()
    part = f"the {record.part} part" if record.part else "a split of an unnamed part"
    return (f"evaluated on {part}, not to be compared with accuracies on the test part",)


def _seeds(trials: Sequence[AblationTrial]) -> list[str]:
    seeds = {trial.seed for trial in trials}
    return ["The ablation has one seed: its differences may be luck."] if len(seeds) == 1 else []


def _of_records(records: Sequence[AnyRecord]) -> list[str]:
    """Caveats that the records carry, each with the models that it is about.

    Of a few that differ in their counts alone, models and counts are in the same order.
    """
    alike: dict[str, dict[str, dict[str, None]]] = {}
    for record in records:
        name = describe_form(record) if isinstance(record, LatencyRecord) else record.model.name
        for caveat in record.caveats:
            alike.setdefault(outline_of(caveat), {}).setdefault(caveat, {})[name] = None
    return [f"{_name_together([*about.values()])}: {tell_together([*about])}" for about in alike.values()]


def _name_together(names: Sequence[Iterable[str]]) -> str:
    """Models of one caveat with commas between, those of alike ones as their counts are listed."""
    if len(names) <= MOST_LISTED:
        return " / ".join(", ".join(group) for group in names)
    return ", ".join(dict.fromkeys(name for group in names for name in group))


def _short(text: str, limit: int = 120) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
