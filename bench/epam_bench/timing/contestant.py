"""A subject on its way through a run: what its children have told, and how it failed if it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from epam.backends.equality import Equality, describe_wrong_logits
from epam_bench.records import DeviceState, EqualityCheck, ModelCard
from epam_bench.timing.messages import Message
from epam_bench.timing.subject import Subject
from epam_bench.timing.worker import Worker, WorkerError


class WrongLogitsError(WorkerError):
    """A form that is not the network; the message says by how much it is off."""


@dataclass
class Contestant:
    """One subject and what is known of it by now.

    Attributes:
        prepared: what its first child said when it was ready; none before that.
        equality: of its first child, which compares the most clips, with the largest error of all children.
        blocks: samples by (process, round); one that has some gets a record. Subjects share the number of
            their processes, and the round, where they took turns together.
        states: the device's, when the first turn began and after every turn.
        turns_began: by the monotonic clock, and ``turns_ended``, when the last one was over.
        failure: why it takes no further part, and in which generation of processes (from 0) that came.
        failed_in: see ``failure``.
        worker: its child of this generation.
        group: of subjects that were in memory together.
    """

    subject: Subject
    prepared: Message | None = None
    equality: EqualityCheck | None = None
    blocks: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    states: list[DeviceState] = field(default_factory=list)
    turns_began: float | None = None
    turns_ended: float | None = None
    failure: str | None = None
    failed_in: int = 0
    worker: Worker | None = None
    group: int = 0

    @property
    def samples(self) -> int:
        """Taken by now."""
        return sum(len(block) for block in self.blocks.values())

    def samples_of(self, process: int) -> int:
        """Taken by its child of that number."""
        return sum(len(block) for key, block in self.blocks.items() if key[0] == process)

    @property
    def span_seconds(self) -> float:
        """From the beginning of its first turn to the end of its last, those of others between them too."""
        if self.turns_began is None or self.turns_ended is None:
            return 0.0
        return self.turns_ended - self.turns_began

    def note_turn(self, began: float, ended: float) -> None:
        """When a turn that gave samples was."""
        self.turns_began = began if self.turns_began is None else self.turns_began
        self.turns_ended = ended

    @property
    def card(self) -> ModelCard:
        """What a record says of the model."""
        return ModelCard.model_validate(self.told["card"])

    @property
    def told(self) -> Message:
        """What its first child said; only of one that was ready."""
        assert self.prepared is not None
        return self.prepared

    @property
    def processes(self) -> int:
        """Whose samples it has."""
        return len({process for process, _ in self.blocks})

    def fail(self, why: str, *, generation: int = 0) -> None:
        """It takes no further part; what its processes gave by now stays."""
        self.failure, self.failed_in = why, generation
        self.leave()

    def withdraw(self, why: str, *, generation: int = 0) -> None:
        """It has no row, whatever was measured: what gives wrong logits once is not to be trusted."""
        self.blocks.clear()
        self.fail(why, generation=generation)

    def leave(self) -> None:
        """End its child."""
        if self.worker is not None:
            self.worker.close()
        self.worker = None

    def take(self, answer: Message) -> None:
        """Note what a child said when it was ready.

        Raises:
            WrongLogitsError: they are not the reference's.
        """
        told = {name: value for name, value in answer["equality"].items() if name != "holds"}
        equality = Equality(**told)
        if not equality.holds:
            wrong = describe_wrong_logits(equality, self.subject.precision)
            raise WrongLogitsError(f"not timed, for {wrong}")
        found = EqualityCheck.model_validate(told)
        if self.equality is None:
            self.equality = found
        elif found.relative_error > self.equality.relative_error:
            self.equality = self.equality.model_copy(update={"relative_error": found.relative_error})
        if self.prepared is None:
            self.prepared = answer
            self.states.append(DeviceState.model_validate(answer["device"]))
