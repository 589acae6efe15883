"""What a stream leaves behind: a decision a window, and at the end how fast and how punctual it was."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from statistics import median, quantiles

from epam_inference.results import StreamScores

KEPT_DELAYS = 100_000
"""So many of the newest delays are kept: a day of a decision a second, and 3 MB."""

END_OF_STREAM = "the end of the stream"
"""What ended a stream that was watched to its end."""

DECISIONS_FOR_P90 = 64
"""Below this a 90th percentile is withheld (the bound that MLPerf's load generator uses)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """What one window shows.

    Attributes:
        number: from 0.
        first_frame: number of its first frame, and ``last_frame`` of its last.
        last_frame: see ``first_frame``.
        start_seconds: when these were, since the stream's first frame.
        end_seconds: see ``start_seconds``.
        is_whole: false where the stream ended before there was a whole window.
        is_off_stride: made at the stream's end, before the next window was due.
        logits: by stream, the one to rank by first; none where nobody is in the window.
        delay_seconds: from the capture of the last frame to the decision.
        is_late: whether the next decision was due before; none where nothing keeps time.
    """

    number: int
    first_frame: int
    last_frame: int
    start_seconds: float
    end_seconds: float
    is_whole: bool
    is_off_stride: bool
    logits: StreamScores | None
    delay_seconds: float
    is_late: bool | None


@dataclass(frozen=True, kw_only=True)
class StreamSummary:
    """How a stream went.

    Attributes:
        frames: that were decoded, in ``seconds``.
        seconds: of watching.
        decisions: windows that were decided on, those with nobody in them among them.
        nobody: of them, those with nobody in them.
        delay_median_seconds: from the capture of a window's last frame to its decision; none without any.
        delay_p90_seconds: likewise, withheld where there are too few decisions to support it.
        delay_longest_seconds: likewise.
        late: decisions that came after the next one was due; none where nothing keeps time.
        given_up: windows that were not decided on, for a newer one was there.
        dropped_frames: frames that no window showed that was decided on, because of that.
        trailing_frames: frames behind the last window that was decided on, dropped ones among them.
        ended_by: why it ended, in words.
    """

    frames: int
    seconds: float
    decisions: int
    nobody: int
    delay_median_seconds: float | None
    delay_p90_seconds: float | None
    delay_longest_seconds: float | None
    late: int | None
    given_up: int
    dropped_frames: int
    trailing_frames: int
    ended_by: str

    @property
    def frames_per_second(self) -> float:
        """Frames decoded in a second; 0 where there was no time."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def deadline_misses(self) -> int | None:
        """Decisions that were not there when the next was due: late ones, and those given up."""
        return None if self.late is None else self.late + self.given_up


@dataclass(eq=False)
class DecisionTally:
    """Counts decisions as they are made; its size does not grow with the hours.

    Attributes:
        decided_frames: frames up to the end of the newest window.
    """

    decisions: int = 0
    nobody: int = 0
    late: int = 0
    decided_frames: int = 0
    longest_seconds: float | None = None
    _delays: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_DELAYS))

    def add(self, decision: Decision) -> None:
        """Count one decision."""
        self.decisions += 1
        self.nobody += decision.logits is None
        self.late += bool(decision.is_late)
        self.decided_frames = decision.last_frame + 1
        self.longest_seconds = max(self.longest_seconds or 0.0, decision.delay_seconds)
        self._delays.append(decision.delay_seconds)

    @property
    def median_seconds(self) -> float | None:
        """Median delay; none without a decision."""
        return median(self._delays) if self._delays else None

    @property
    def p90_seconds(self) -> float | None:
        """90th percentile of the delays, withheld when there are too few."""
        if len(self._delays) < DECISIONS_FOR_P90:
            return None
        return quantiles(self._delays, n=10, method="inclusive")[-1]
