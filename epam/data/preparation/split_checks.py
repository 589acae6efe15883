"""A store's samples and splits held against what is published of their data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from epam.data.datasets import Dataset, Part, Protocol
from epam.data.preparation.finding import Finding
from epam.data.store import SkeletonStore
from epam.errors import AnnotationError, UnknownNameError, printable


@dataclass(frozen=True, kw_only=True)
class PartCount:
    """How many samples a part has, and how many it should.

    Attributes:
        protocol: its name.
        part: train, val or test.
        split: the split's name in the store; none where the rule gives the part.
        found: all that the split names, or the rule gives.
        usable: those of them with a usable annotation.
        published: as recorded; none where it is not published.
        without_missing: less those whose skeletons are known to be missing; none where none are.
    """

    protocol: str
    part: str
    split: str | None
    found: int
    usable: int
    published: int | None
    without_missing: int | None


_Members = dict[Part, tuple[str | None, Sequence[str]]]


def has_split(store: SkeletonStore, protocol: Protocol) -> bool:
    """Whether the store has a split for any part of the protocol."""
    splits = store.splits
    return any(name in splits for names in protocol.split_names.values() for name in names)


def check_store(store: SkeletonStore, dataset: Dataset, root: Path) -> Iterator[Finding]:
    """What is wrong whatever the protocol."""
    if store.dataset not in (None, dataset.name):
        message = f"{root}: was prepared for {printable(store.dataset)}, not for {dataset.name}"
        yield Finding("another data set", str(root), message)
    for problem in store.problems:
        yield Finding("unusable sample", problem.sample, problem.message)
    if not dataset.protocols:
        by_protocol: dict[str, dict[str, Sequence[str]]] = {}
        for name, samples in store.splits.items():
            by_protocol.setdefault(_without_part(name), {})[name] = samples
        for splits in by_protocol.values():
            yield from _overlaps(splits)


def check_protocol(
    store: SkeletonStore, dataset: Dataset, protocol: Protocol
) -> tuple[list[PartCount], list[Finding]]:
    """Look at one protocol's parts; a store without splits is parted by the rule, as training does it."""
    members, findings = _members_of_parts(store, protocol)
    counts = [_count_part(store, protocol, part, *members[part]) for part in members]
    findings += [finding for count in counts for finding in _judge_count(count)]
    if store.splits:
        findings += _overlaps({str(split): samples for split, samples in members.values()})
        findings += _against_rule(protocol, dataset, members)
    findings += _against_names(store, dataset, protocol, members)
    return counts, findings


def _members_of_parts(store: SkeletonStore, protocol: Protocol) -> tuple[_Members, list[Finding]]:
    members: _Members = {}
    findings: list[Finding] = []
    splits = store.splits
    for part in protocol.split_names:
        if not splits:
            members[part] = (None, _ruled(store, protocol, part))
            continue
        try:
            name = protocol.find_split(part, splits)
        except UnknownNameError as error:
            # Neither training nor the paper's evaluation needs a third part.
            if part != "val":
                findings.append(Finding("no split", f"{protocol.name} {part}", str(error)))
        else:
            members[part] = (name, splits[name])
    return members, findings


def _ruled(store: SkeletonStore, protocol: Protocol, part: Part) -> list[str]:
    return [name for name in store.names.tolist() if _rule_of(protocol, name) == part]


def _rule_of(protocol: Protocol, sample: str) -> Part | None:
    """The part by the published rule; none for a name that it has no part for."""
    if protocol.part_rule is None:
        return None
    try:
        return protocol.part_of(sample)
    except AnnotationError:
        return None


def _count_part(
    store: SkeletonStore, protocol: Protocol, part: Part, split: str | None, samples: Sequence[str]
) -> PartCount:
    return PartCount(
        protocol=protocol.name,
        part=part,
        split=split,
        found=len(samples),
        usable=int((store.find_rows(samples) >= 0).sum()),
        published=protocol.expected_counts.get(part),
        without_missing=protocol.counts_without_missing.get(part),
    )


def _judge_count(count: PartCount) -> Iterator[Finding]:
    """The released files may or may not hold the samples without skeletons: either count is right."""
    expected = [number for number in (count.published, count.without_missing) if number is not None]
    if not count.found:
        yield Finding("count", f"{count.protocol} {count.part}", f"{_shown(count)}: has no samples")
    elif expected and count.found not in expected:
        wanted = " or ".join(f"{number:,}" for number in expected)
        yield Finding(
            "count",
            f"{count.protocol} {count.part}",
            f"{_shown(count)}: has {count.found:,} samples, published are {wanted}",
        )


def _shown(count: PartCount) -> str:
    split = f" (split {printable(count.split)})" if count.split else ""
    return f"{count.protocol} {count.part}{split}"


def _overlaps(splits: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for (one, of_one), (two, of_two) in combinations(splits.items(), 2):
        if common := sorted(set(of_one).intersection(of_two)):
            yield Finding(
                "overlap",
                common[0],
                f"{len(common)} samples are in both {printable(one)} and {printable(two)}, such as "
                f"{printable(common[0])}; take them out of one",
            )


def _without_part(split: str) -> str:
    return "_".join(word for word in split.lower().split("_") if word not in _PART_WORDS)


_PART_WORDS = frozenset({"train", "val", "validation", "test"})


def _against_rule(protocol: Protocol, dataset: Dataset, members: _Members) -> Iterator[Finding]:
    if protocol.part_rule is None:
        return
    for part, (split, samples) in members.items():
        for sample in samples:
            ruled = _rule_of(protocol, sample)
            if ruled is None:
                message = (
                    f"sample {printable(sample)} is in split {split}, and {protocol.title} has no such name"
                )
                yield Finding("rule", sample, message)
            elif ruled != part:
                yield Finding(
                    "rule",
                    sample,
                    f"sample {sample} is in split {split}; {dataset.title} {protocol.title}'s rule puts "
                    f"it in {ruled}",
                )


def _against_names(
    store: SkeletonStore, dataset: Dataset, protocol: Protocol, members: _Members
) -> Iterator[Finding]:
    """Hold labels against the classes, and against what the samples' names say."""
    for _, samples in members.values():
        for sample, row in zip(samples, store.find_rows(samples).tolist(), strict=True):
            if row < 0:
                continue
            label = int(store.labels[row])
            if label >= protocol.num_classes:
                message = (
                    f"sample {sample} has label {label}, {protocol.title} has {protocol.num_classes} classes"
                )
                yield Finding("label", sample, message)
            elif (named := _label_by_name(dataset, protocol, sample)) not in (None, label):
                yield Finding("label", sample, f"sample {sample} has label {label}, its name says {named}")


def _label_by_name(dataset: Dataset, protocol: Protocol, sample: str) -> int | None:
    if dataset.parse_name is None:
        return None
    try:
        name = dataset.parse_name(sample)
    except AnnotationError:
        return None
    if name.label is None and name.class_name in protocol.class_names:
        return protocol.class_names.index(name.class_name)
    return name.label
