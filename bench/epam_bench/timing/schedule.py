"""A run: generations of processes that take turns in random order, until enough is known or time is spent."""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from epam_bench.machine_load import LoadReading, others_cpu_fraction, read_load
from epam_bench.paired_timing import LONG_ENOUGH_SECONDS
from epam_bench.records import DeviceState
from epam_bench.timing.contestant import Contestant, WrongLogitsError
from epam_bench.timing.effort import FEWEST_ROUNDS, MOST_ROUNDS, Effort, Limits
from epam_bench.timing.memory import free_bytes
from epam_bench.timing.messages import Message
from epam_bench.timing.model_lookup import describe_spec
from epam_bench.timing.subject import Subject
from epam_bench.timing.widths import widths
from epam_bench.timing.worker import Nursery, WorkerError

SPARE_BYTES = 1 << 30
"""Never asked of the machine, nor twice what the largest child has taken: the next one may be larger."""

COMPILING_SECONDS = 15.0
"""Preparing that took longer compiled something, which the next generation will find done."""

Report = Callable[[str], None]
"""Told in words what was just done."""


class Run:
    """One interleaved run of all subjects.

    Attributes:
        contestants: in the order of the subjects.
        generations: of processes, that have taken a turn.
        groups: of subjects that memory held together; one, if it held all.
        width: of the widest interval; infinite where it is not known.
        end: why it went on no longer, where that was before it was known to the target's width.
    """

    def __init__(self, subjects: Sequence[Subject], effort: Effort, limits: Limits, report: Report) -> None:
        self.contestants = [Contestant(subject) for subject in subjects]
        self.generations = 0
        self.groups = 1
        self.width = math.inf
        self.end = "time is spent"
        self.load: list[tuple[LoadReading, LoadReading]] = []
        self._effort, self._limits, self._report = effort, limits, report
        self._order = random.Random(effort.seed)
        self._start = time.monotonic()
        # Of a generation's groups each has its own: no turn of one is next to a turn of another.
        self._process = -1
        self._budget = effort.budget_for(len(subjects))
        self._references: dict[tuple[object, ...], Path] = {}
        self._once_seconds = 0.0
        self._last_seconds = self._least_seconds = 0.0

    @property
    def running(self) -> list[Contestant]:
        """Those that have not failed."""
        return [contestant for contestant in self.contestants if contestant.failure is None]

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.monotonic() - self._start

    def go(self) -> None:
        """Measure until every ratio is known to the target's width, or the budget is spent.

        Raises:
            WorkerError: no process can be started at all.
        """
        # What a compiler that was just ended still writes there must not cost what was measured.
        with tempfile.TemporaryDirectory(prefix="epam-bench-", ignore_cleanup_errors=True) as folder:
            while self.running and not self._is_over():
                start, self._least_seconds = self.seconds, 0.0
                try:
                    self._run_generation(Path(folder))
                except WorkerError as error:
                    if not self._has_begun():
                        raise
                    self._go_no_further(f"no further process can be started: {error}")
                    return
                self._last_seconds = self.seconds - start
                self.generations += 1
                self.width = max(widths(self._taken()).values(), default=math.inf)

    def _has_begun(self) -> bool:
        return any(one.prepared is not None or one.failure is not None for one in self.contestants)

    def _go_no_further(self, why: str) -> None:
        """Keep what was measured; a subject that never had a process has nothing."""
        self.end = why
        self._tell(why)
        for contestant in self.running:
            if contestant.prepared is None:
                contestant.fail(why)

    def _is_over(self) -> bool:
        if self.generations == 0:
            return False
        if self.generations < self._effort.processes:
            # A short one is better than none: what one process shows, the next may not.
            return self.seconds + self._least_seconds > self._budget
        enough = all(contestant.samples >= self._effort.samples for contestant in self.running)
        if enough and self.width <= self._effort.target and not self._is_one_moment():
            return True
        return self.seconds + self._last_seconds > self._budget

    def _is_one_moment(self) -> bool:
        """Whether it is a median that is to be known, and the machine may not have wandered yet.

        Narrow intervals then say little; who sets a budget settles what is enough.
        """
        if self._effort.budget_seconds is not None or len(self.contestants) > 1:
            return False
        return self.contestants[0].span_seconds < LONG_ENOUGH_SECONDS

    def _taken(self) -> dict[Subject, dict[tuple[int, int], list[float]]]:
        return {contestant.subject: contestant.blocks for contestant in self.running if contestant.blocks}

    def _run_generation(self, folder: Path) -> None:
        """One child a subject; where memory does not hold them all, one group after the other."""
        waiting = list(self.running)
        group = 0
        while waiting:
            with Nursery(folder / "compiled") as nursery:
                self._tell("starting processes")
                nursery.wait_until_ready()
                start = self.seconds - self._once_seconds
                self._process += 1
                ready = self._prepare(waiting, group, nursery, folder)
                self._take_turns(ready, nursery, self.seconds - self._once_seconds - start)
            group += 1
            self.groups = max(self.groups, group)

    def _prepare(
        self, waiting: list[Contestant], group: int, nursery: Nursery, folder: Path
    ) -> list[Contestant]:
        """Start the next children, as many as belong together or as memory holds; the rest keep waiting."""
        ready: list[Contestant] = []
        while waiting and self._belongs(waiting[0], group, ready):
            contestant = waiting.pop(0)
            if contestant.failure is not None:
                continue
            contestant.group = group
            self._tell(f"preparing {contestant.subject.label}")
            try:
                self._prepare_one(contestant, nursery, folder)
            except WrongLogitsError as error:
                contestant.withdraw(str(error), generation=self.generations)
            except WorkerError as error:
                contestant.fail(str(error), generation=self.generations)
            else:
                ready.append(contestant)
        return ready

    def _belongs(self, contestant: Contestant, group: int, ready: Sequence[Contestant]) -> bool:
        if self.generations > 0:
            return contestant.group == group
        return not ready or _has_room(ready)

    def _prepare_one(self, contestant: Contestant, nursery: Nursery, folder: Path) -> None:
        order = self._order_for(contestant, folder)
        reference = self._reference_of(contestant.subject, order, nursery, folder)
        contestant.worker = nursery.split()
        answer = contestant.worker.ask(
            order | {"do": "prepare", "reference": str(reference)}, seconds=self._limits.prepare_seconds
        )
        contestant.take(answer)
        if self.generations == 0:
            compiling_seconds = answer["preparation_seconds"] - COMPILING_SECONDS
            self._once_seconds += max(answer["spared_seconds"], compiling_seconds)

    def _reference_of(self, subject: Subject, order: Message, nursery: Nursery, folder: Path) -> Path:
        """The file with the logits that all forms of this network are held to, computed once a run."""
        known = self._references.get(subject.network)
        if known is None:
            known = folder / f"reference_{len(self._references)}.pt"
            start = self.seconds
            worker = nursery.split()
            try:
                worker.ask(
                    order | {"do": "compute reference", "file": str(known)},
                    seconds=self._limits.prepare_seconds,
                )
            except WorkerError as error:
                self._fail_family(subject, str(error))
                raise
            worker.close()
            self._references[subject.network] = known
            self._once_seconds += self.seconds - start
        return known

    def _fail_family(self, subject: Subject, why: str) -> None:
        """A network that cannot even be built or called as it is has no other form either."""
        for other in self.contestants:
            if other.subject.network == subject.network:
                other.fail(why)

    def _order_for(self, contestant: Contestant, folder: Path) -> Message:
        subject = contestant.subject
        # Each has a cache of its own, so that none finds in its first process what another has made.
        number = [one.subject for one in self.contestants].index(subject)
        return {
            "model": describe_spec(subject.spec),
            "backend": subject.backend,
            "precision": subject.precision,
            "batch_size": subject.batch_size,
            "task": subject.task,
            "device": subject.device,
            "threads": subject.threads,
            "l2_cold": subject.l2_cold,
            "cache": str(folder / f"prepared_{number}"),
            # What the first process showed on all clips, the next ones only confirm.
            "clips": self._effort.compared_clips if contestant.prepared is None else 1,
            "warmup_calls": self._effort.warmup_calls,
        }

    def _take_turns(self, ready: Sequence[Contestant], nursery: Nursery, preparing_seconds: float) -> None:
        """Rounds, in each of which every child has one turn, in random order."""
        start = time.monotonic()
        allowed = self._seconds_for_turns(preparing_seconds)
        playing = list(ready)
        number = 0
        while playing:
            spent = time.monotonic() - start
            if number == 1:
                self._least_seconds += preparing_seconds + spent
            if number > 0 and spent * (number + 1) / number > allowed:
                break
            # Where preparing took long, it is to have been worth it.
            rounds = MOST_ROUNDS if spent < preparing_seconds else FEWEST_ROUNDS
            if number >= rounds and self._have_their_samples(playing):
                break
            pids = nursery.pids
            before = read_load(pids)
            for contestant in self._order.sample(playing, len(playing)):
                self._take_turn(contestant, number)
            after = read_load(pids)
            playing = [contestant for contestant in playing if contestant.failure is None]
            if nursery.pids == pids:
                self.load.append((before, after))
            number += 1

    def _have_their_samples(self, playing: Sequence[Contestant]) -> bool:
        """Whether each has taken its share with its process of now."""
        return all(
            contestant.samples_of(self._process) >= self._effort.samples_a_process for contestant in playing
        )

    def _seconds_for_turns(self, preparing_seconds: float) -> float:
        """Of this generation: its share of the budget, once preparing the others to come is set aside."""
        to_come = max(1, self._effort.processes - self.generations)
        left = self._budget - self.seconds - preparing_seconds * (to_come - 1)
        return left / to_come

    def _take_turn(self, contestant: Contestant, number: int) -> None:
        assert contestant.worker is not None
        call_ms = contestant.told["call_ms"]
        calls = self._effort.calls_a_turn(call_ms)
        began = time.monotonic()
        try:
            answer = contestant.worker.ask(
                {"do": "take a turn", "calls": calls}, seconds=self._limits.turn(calls, call_ms)
            )
        except WorkerError as error:
            contestant.fail(str(error), generation=self.generations)
            return
        contestant.note_turn(began, time.monotonic())
        contestant.blocks[self._process, number] = answer["samples_ms"]
        contestant.states.append(DeviceState.model_validate(answer["device"]))
        self._tell(f"round {number + 1} of generation {self.generations + 1}: {contestant.subject.label}")

    def _tell(self, done: str) -> None:
        known = f"; widest interval ±{self.width:.1%}" if math.isfinite(self.width) else ""
        self._report(f"{done}{known}")


def _has_room(ready: Sequence[Contestant]) -> bool:
    """Whether another child would find enough memory, of the machine and of the GPU if there is one."""
    largest = max(contestant.told["process_bytes"] or 0 for contestant in ready)
    if free_bytes() < max(SPARE_BYTES, 2 * largest):
        return False
    left = ready[-1].told["device_free_bytes"]
    reserved = max(contestant.told["reserved_bytes"] or 0 for contestant in ready)
    return left is None or left >= max(SPARE_BYTES, 2 * reserved)


def share_of_others(spans: Iterable[tuple[LoadReading, LoadReading]]) -> float | None:
    """Of the processor time within all spans, what other processes took; none without a span."""
    weighed = [(after.wall_seconds - before.wall_seconds, (before, after)) for before, after in spans]
    total = sum(seconds for seconds, _ in weighed)
    if total <= 0:
        return None
    return sum(seconds * others_cpu_fraction(*span) for seconds, span in weighed) / total
