"""The ablation: what each part of the network is worth on each kind of class, over seeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from epam_bench.records import AblationTrial, AnyRecord
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.measurements import cite, describe_input, newest
from epam_reports.protocols import published_name
from epam_reports.table import Column, Table, join_notes, typed_frame

VARIANTS = ("pose", "RGB", "fused", "fused without attention", "fused without shift")
"""The rows' order; other variants follow in the order of their records."""

WHOLE_NETWORK = "fused"

FAILING_SHARE = 2 / 3
"""Of the best variant's accuracy: whoever cannot tell two classes apart is right half the time, so a
half alone would let through a network that guesses between sitting down and standing up."""

ALL = None
"""Where a kind may stand: all kinds together. No name: a kind may be called anything."""

_RULE = (
    "A variant fails on a kind of class where its mean is at most two thirds of the best variant's and none "
    "of its seeds reaches the lowest of the best one's (who guesses between two classes is right half the "
    "time), or where its mean is no more than chance among all classes."
)
_RECIPE_STREAM = re.compile(r"(?:^|_)(?:pose|rgb|multimodal)$")


@dataclass(frozen=True)
class _Row:
    """Trials that differ in nothing but their seed, by seed."""

    trials: tuple[AblationTrial, ...]

    @property
    def first(self) -> AblationTrial:
        return self.trials[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(trial.seed for trial in self.trials)

    def percents(self, kind: str | None) -> list[float]:
        """Top-1 of each seed on a kind of class, or on all of them; empty where it has no such samples."""
        if kind is ALL:
            return [100 * trial.top1 for trial in self.trials]
        return [100 * group.accuracy for trial in self.trials for group in trial.groups if group.name == kind]


def ablation_table(records: Iterable[AnyRecord]) -> Table:
    """One row a variant: mean over seeds [lowest, highest], on all classes and on each kind.

    Only trials that differ in nothing but the seed share a row, each seed's newest; only rows on the
    same samples, trained from recipes of one size on the same number of samples, are compared.
    Records of other kinds are passed over. The table's ``trials`` detail holds every trial, one a row.
    """
    trials = newest(records, AblationTrial)
    experiments = _experiments(trials)
    kinds = list(dict.fromkeys(group.name for trial in trials for group in trial.groups))
    rows = [_figures(row, rows, kinds) for rows in experiments for row in rows]
    return Table(
        name="ablation",
        title="What each part is worth, by kind of class",
        caption=_caption(experiments),
        frame=typed_frame(rows, _dtypes(kinds)),
        columns=_columns(kinds, experiments),
        remarks=_remarks(experiments, kinds),
        details={"trials": typed_frame([_trial(trial, kinds) for trial in trials], _trial_dtypes(kinds))},
        evidence=evidence_of(rows),
    )


def _experiments(trials: Iterable[AblationTrial]) -> list[list[_Row]]:
    """Rows that may be compared with each other, in the order of :data:`VARIANTS`."""
    grouped: dict[tuple[object, ...], dict[tuple[object, ...], list[AblationTrial]]] = {}
    for trial in trials:
        card = trial.model
        data = (trial.dataset, trial.protocol, trial.split_sha256, trial.training_samples, card.num_classes)
        experiment = (*data, trial.precision, _RECIPE_STREAM.sub("", trial.recipe))
        network = (card.name, tuple(card.inputs.items()), card.parameters)
        setting = (trial.variant, trial.recipe, trial.epochs, *network)
        grouped.setdefault(experiment, {}).setdefault(setting, []).append(trial)
    return [
        sorted((_row(group) for group in rows.values()), key=lambda row: _place(row.first.variant))
        for rows in grouped.values()
    ]


def _row(trials: Sequence[AblationTrial]) -> _Row:
    return _Row(tuple(sorted(trials, key=lambda trial: trial.seed)))


def _place(variant: str) -> int:
    return VARIANTS.index(variant) if variant in VARIANTS else len(VARIANTS)


def _dtypes(kinds: Sequence[str]) -> dict[str, str]:
    by_kind: dict[str, str] = {}
    for key in map(_key, (ALL, *kinds)):
        by_kind |= dict.fromkeys(
            (f"{key}_mean_percent", f"{key}_low_percent", f"{key}_high_percent"), "Float64"
        )
    return {
        "variant": "string",
        "catalogue_name": "string",
        "dataset": "string",
        "split": "string",
        "recipe": "string",
        "epochs": "Int64",
        "training_samples": "Int64",
        "input": "string",
        "num_classes": "Int64",
        "parameters": "Int64",
        "precision": "string",
        "samples": "Int64",
        **by_kind,
        "seeds": "Int64",
        "seed_list": "string",
        "training_minutes": "Float64",
        "variant_notes": "string",
        "fails_on": "string",
        "split_sha256": "string",
        "ablation_source": "string",
    }


def _columns(kinds: Sequence[str], experiments: Sequence[Sequence[_Row]]) -> tuple[Column, ...]:
    data = (Column(key="dataset", header="Data set"), Column(key="split", header="Split"))
    return (
        Column(key="variant", header="Variant", notes="variant_notes"),
        *(data if len({_data(rows) for rows in experiments}) > 1 else ()),
        *(
            Column(
                key=f"{_key(kind)}_mean_percent",
                header=f"{'All' if kind is ALL else kind} (%)",
                decimals=1,
                interval=(f"{_key(kind)}_low_percent", f"{_key(kind)}_high_percent"),
                absent="–",
            )
            for kind in (ALL, *kinds)
        ),
        Column(key="seeds", header="Seeds"),
        Column(key="recipe", header="Recipe"),
        Column(key="epochs", header="Epochs"),
        Column(key="training_minutes", header="Training (min)", decimals=1),
        Column(key="fails_on", header="Fails on", absent="–", wide=True),
    )


def _key(kind: str | None) -> str:
    """A kind as part of a column's name; the sum of all kinds cannot be taken for one called so."""
    return "all" if kind is ALL else f"kind_{kind}"


def _caption(experiments: Sequence[Sequence[_Row]]) -> str:
    words = (
        "Top-1 on the test samples, of all classes and of each kind, among all classes: mean over seeds "
        "[lowest, highest]. Training: one network's time, mean over seeds, without those it started from."
    )
    places = list(dict.fromkeys(_data(rows) for rows in experiments))
    return f"{places[0]}. {words}" if len(places) == 1 else words


def _data(rows: Sequence[_Row]) -> str:
    first = rows[0].first
    return " ".join(published_name(first.dataset, first.protocol))


def _figures(row: _Row, others: Sequence[_Row], kinds: Sequence[str]) -> dict[str, object]:
    trial = row.first
    dataset, split = published_name(trial.dataset, trial.protocol)
    figures: dict[str, object] = {
        ROW: Evidence(records=row.trials),
        "variant": trial.variant,
        "catalogue_name": trial.model.name,
        "dataset": dataset,
        "split": split,
        "recipe": trial.recipe,
        "epochs": trial.epochs,
        "training_samples": trial.training_samples,
        "input": describe_input(trial.model),
        "num_classes": trial.model.num_classes,
        "parameters": trial.model.parameters,
        "precision": trial.precision,
        "samples": min(trial.samples for trial in row.trials),
        "seeds": len(row.trials),
        "seed_list": ", ".join(map(str, row.seeds)),
        "training_minutes": mean(trial.training_seconds for trial in row.trials) / 60,
        "variant_notes": _notes(row, others),
        "fails_on": _failures(row, others, kinds),
        "split_sha256": trial.split_sha256,
        "ablation_source": "; ".join(cite(trial) for trial in row.trials),
    }
    for kind in (ALL, *kinds):
        figures |= _spread(_key(kind), row.percents(kind))
    return figures


def _spread(key: str, percents: Sequence[float]) -> dict[str, object]:
    """Mean and range; one seed has no range."""
    if not percents:
        return {}
    spread: dict[str, object] = {f"{key}_mean_percent": mean(percents)}
    if len(percents) > 1:
        spread |= {f"{key}_low_percent": min(percents), f"{key}_high_percent": max(percents)}
    return spread


def _notes(row: _Row, others: Sequence[_Row]) -> str | None:
    seeds = {seed for other in others for seed in other.seeds}
    missing = ", ".join(map(str, sorted(seeds - set(row.seeds))))
    counted = {trial.samples for trial in row.trials}
    fewest, most = min(counted), max(trial.samples for other in others for trial in other.trials)
    return join_notes(
        "one seed: no spread" if len(row.trials) == 1 else None,
        f"lacks seed {missing}, which others have" if missing else None,
        f"evaluated on {fewest} samples, others on up to {most}" if fewest < most else None,
        "also trained in another setting, see the other row of that name"
        if sum(other.first.variant == row.first.variant for other in others) > 1
        else None,
        *dict.fromkeys(caveat for trial in row.trials for caveat in trial.caveats),
    )


def _failures(row: _Row, others: Sequence[_Row], kinds: Sequence[str]) -> str | None:
    """On which kinds a variant fails, with the figures that say so; none where nothing can be said."""
    if not any(row.percents(kind) for kind in kinds):
        return None
    found = [said for kind in kinds if row.percents(kind) and (said := _failure(row, others, kind))]
    if found:
        return "; ".join(found)
    return "none" if len(others) > 1 else "no other variant to compare with"


def _failure(row: _Row, others: Sequence[_Row], kind: str) -> str | None:
    ours, chance = row.percents(kind), 100 / row.first.model.num_classes
    best = max(
        (other for other in others if other.percents(kind)), key=lambda other: mean(other.percents(kind))
    )
    theirs = best.percents(kind)
    if mean(ours) <= FAILING_SHARE * mean(theirs) and max(ours) < min(theirs):
        return f"{kind} ({mean(ours):.1f} % against {mean(theirs):.1f} % of {best.first.variant})"
    if mean(ours) <= chance:
        return f"{kind} ({mean(ours):.1f} %, chance is {chance:.1f} %)"
    return None


def _remarks(experiments: Sequence[Sequence[_Row]], kinds: Sequence[str]) -> tuple[str, ...]:
    rule = (_RULE,) if kinds else ()
    return (*rule, *(sentence for rows in experiments for sentence in _ahead(rows)))


def _ahead(rows: Sequence[_Row]) -> Iterator[str]:
    """In how many seeds the whole network is ahead of each other variant."""
    for whole in (row for row in rows if row.first.variant == WHOLE_NETWORK):
        said = [
            words for row in rows if row.first.variant != WHOLE_NETWORK and (words := _against(whole, row))
        ]
        if said:
            recipe = f"{whole.first.recipe}, {whole.first.epochs} epochs"
            yield f"{_data(rows)}, {recipe}: {WHOLE_NETWORK} is ahead of {'; of '.join(said)}."


def _against(whole: _Row, row: _Row) -> str | None:
    theirs = {trial.seed: trial.top1 for trial in row.trials}
    pairs = [(trial.top1, theirs[trial.seed]) for trial in whole.trials if trial.seed in theirs]
    if not pairs:
        return None
    return f"{row.first.variant} in {sum(one > other for one, other in pairs)} of {len(pairs)} seeds"


def _trial_dtypes(kinds: Sequence[str]) -> dict[str, str]:
    by_kind: dict[str, str] = {}
    for kind in kinds:
        by_kind |= {f"{_key(kind)}_hits": "Int64", f"{_key(kind)}_samples": "Int64"}
    return {
        "variant": "string",
        "seed": "Int64",
        "recipe": "string",
        "epochs": "Int64",
        "dataset": "string",
        "protocol": "string",
        "hits": "Int64",
        "samples": "Int64",
        **by_kind,
        "training_seconds": "Float64",
        "device": "string",
        "weights_sha256": "string",
        "ablation_source": "string",
    }


def _trial(trial: AblationTrial, kinds: Sequence[str]) -> dict[str, object]:
    names = [name for name in _trial_dtypes(()) if name != "ablation_source"]
    row: dict[str, object] = {name: getattr(trial, name) for name in names}
    for group in trial.groups:
        row |= {f"{_key(group.name)}_hits": group.hits, f"{_key(group.name)}_samples": group.samples}
    return row | {"ablation_source": cite(trial)}
