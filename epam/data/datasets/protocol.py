"""A data set, its protocols and its samples' names: what every rule of a data set is written in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Literal

from epam.errors import InputError, UnknownNameError, printable

Part = Literal["train", "val", "test"]
"""What a split is for; ``val`` only where a data set has a third part beside training and test."""


@dataclass(frozen=True, kw_only=True)
class SampleName:
    """What a sample's name says; ``None`` where the data set's names don't say it.

    Attributes:
        sample: the whole name.
        label: class index, from 0.
        class_name: the class in words, where its index depends on the protocol.
        setup: number of the surroundings.
        camera: number of the camera, from 1.
        performer: number of the person.
        repetition: which performance of the action; NTU calls it replication.
        recording: number of the long video that the sample is cut from.
        order: place of the sample in that video, from 1.
    """

    sample: str
    label: int | None = None
    class_name: str | None = None
    setup: int | None = None
    camera: int | None = None
    performer: int | None = None
    repetition: int | None = None
    recording: int | None = None
    order: int | None = None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to split a data set, and the classes that it distinguishes.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        num_classes: width of the logits.
        class_file: the package data that names the classes: line ``i`` is class ``i``.
        names: the classes' names, where no package data has them; empty for numbered classes.
        split_names: the names that annotation files use for a part, the surest first.
        part_rule: the published rule, from a sample's name; ``None`` where only files say it. A
            plain function or a class, so that a protocol can be pickled.
        expected_counts: samples of each part as recorded, as far as they are published.
        counts_without_missing: samples of each part that are left without those whose skeletons
            are known to be missing; empty where nothing is missing.
        class_counts: samples of each class by part, in the order of the classes; empty where the
            data set doesn't publish them.
        class_groups: class indices by the kind of evidence that tells them apart; empty for most.
        source: where the rule and the counts come from.
    """

    name: str
    title: str
    num_classes: int
    class_file: str | None = None
    names: tuple[str, ...] = ()
    split_names: Mapping[Part, tuple[str, ...]] = field(default_factory=dict, hash=False)
    part_rule: Callable[[str], Part] | None = None
    expected_counts: Mapping[Part, int] = field(default_factory=dict, hash=False)
    counts_without_missing: Mapping[Part, int] = field(default_factory=dict, hash=False)
    class_counts: Mapping[Part, tuple[int, ...]] = field(default_factory=dict, hash=False)
    class_groups: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    source: str = ""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by index; read from the package when first asked for."""
        if self.class_file is not None:
            # NTU RGB+D 120 extends NTU RGB+D: the smaller one's classes are the first 60 of its list.
            return _read_class_names(self.class_file)[: self.num_classes]
        return self.names or tuple(f"class {index}" for index in range(self.num_classes))

    def part_of(self, sample: str) -> Part:
        """The part that the published rule puts a sample in, by its name.

        Raises:
            AnnotationError: the name is not one of this data set's.
            InputError: this protocol has no rule.
        """
        if self.part_rule is None:
            raise InputError(
                f"protocol {self.name!r} has no rule for its parts; use files with splits, or one file a part"
            )
        return self.part_rule(sample)

    def find_split(self, part: Part, available: Iterable[str]) -> str:
        """Which of a file's splits is a part of this protocol.

        Raises:
            UnknownNameError: the file has none for this part; lists the nearest that it has.
        """
        have = list(available)
        wanted = self.split_names.get(part, ())
        for name in wanted:
            if name in have:
                return name
        kind = f"split for the {part} part of {self.title}"
        raise UnknownNameError(kind, wanted[0] if wanted else part, self._candidates(part, have))

    def _candidates(self, part: Part, have: list[str]) -> list[str]:
        """Splits that may be meant; never another part's, which a hurried user would take."""
        if not have:
            return ["none, it is a plain list"]
        others = {name for other, names in self.split_names.items() if other != part for name in names}
        shown = [printable(name) for name in have]
        return [name for name in shown if name not in others] or [f"none among {', '.join(shown)}"]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set and its protocols.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        source: who published the data, and where the class list comes from.
        protocols: in the paper's order; empty where the user brings the classes.
        parse_name: reads a sample's name, raises ``AnnotationError``; ``None`` where any name will do.
        video_endings: what follows a sample's id in its video's file name; prepared videos first,
            then raw ones.
    """

    name: str
    title: str
    source: str
    protocols: tuple[Protocol, ...]
    parse_name: Callable[[str], SampleName] | None = None
    video_endings: tuple[str, ...]

    def protocol(self, name: str) -> Protocol:
        """Look a protocol up by name.

        Raises:
            UnknownNameError: this data set has no such protocol; lists the nearest.
            InputError: the classes of this data set are the user's to give.
        """
        if not self.protocols:
            raise InputError(
                f"data set {self.name!r} has no classes of its own; "
                "give their number, or a file with their names"
            )
        for protocol in self.protocols:
            if protocol.name == name:
                return protocol
        raise UnknownNameError(f"{self.name} protocol", name, [protocol.name for protocol in self.protocols])


@cache
def _read_class_names(class_file: str) -> tuple[str, ...]:
    file = resources.files("epam.data").joinpath("class_names", class_file)
    return tuple(file.read_text(encoding="utf-8").splitlines())
