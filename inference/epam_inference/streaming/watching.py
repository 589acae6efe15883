"""A stream watched: frames are decoded in a thread of their own while this one decides on windows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epam.data.pipelines import Pipeline
from epam.errors import EpamError, VideoError
from epam_baselines.network import Network
from epam_inference.network_kind import needs_person
from epam_inference.results import StreamScores
from epam_inference.streaming.decision import END_OF_STREAM, Decision, DecisionTally, StreamSummary
from epam_inference.streaming.frame_source import FrameSource
from epam_inference.streaming.window_buffer import Window, WindowBuffer
from epam_inference.streaming.window_people import WindowPeople

POLL_SECONDS = 0.1
"""How soon a request to stop is heeded while nothing is due."""

SILENT_SECONDS = 10.0
"""A live stream without a frame for so long is taken to be gone."""

LEAVING_SECONDS = 2.0
"""How long the decoding thread is waited for; one that is stuck in a silent camera is left behind."""

Decider = Callable[[Window], StreamScores | None]
"""A window → its logits by stream; none where nobody is in it."""


class WindowDecider:
    """Prepares a window as a test does a video of just these frames, and asks the network.

    Args:
        network: asked for the scores.
        people: finds the skeletons of a window.
        origin: the stream's name, for messages.
    """

    def __init__(self, network: Network, people: WindowPeople, *, origin: str) -> None:
        self._network = network
        self._people = people
        self._origin = origin
        self._pipeline = Pipeline(network.spec.pipeline_kind, network.spec.clip_size)
        self._needs_person = needs_person(network.spec.pipeline_kind)

    def __call__(self, window: Window) -> StreamScores | None:
        """The logits by stream; none where nobody is in the frames that are looked at.

        Raises:
            EpamError: frames that do not fit the keypoints, or logits that are not finite.
        """
        people = self._people(window, self._pipeline.frames_of_window(len(window.frames)))
        if self._needs_person and not people.has_person:
            return None

        def read(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
            return np.stack([window.frames[position].to_rgb() for position in positions.tolist()])

        inputs = self._pipeline.prepare_window(people, read, origin=self._origin)
        if self._needs_person and not inputs[-1].any():
            return None
        return self._network.score(inputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamOutcome:
    """How a stream went, and what went wrong with it, if anything did."""

    summary: StreamSummary
    problem: EpamError | None


def watch(
    source: FrameSource,
    decide: Decider,
    *,
    window_frames: int,
    stride_frames: int,
    on_decision: Callable[[Decision], object],
    stopped: Callable[[], bool] = lambda: False,
    silent_seconds: float = SILENT_SECONDS,
) -> StreamOutcome:
    """Decide on a window every stride, until the stream ends, goes wrong, or is to stop.

    ::

        source ─ decoding thread ─► ring of frames ─► newest window ─► this thread ─ decide ─► on_decision

    Of a source that keeps time the newest window wins: what cannot be decided on in time is given up.
    One that does not waits for the decisions, and no window is given up.

    Args:
        source: gives the frames.
        decide: a window's logits.
        window_frames: frames of a window.
        stride_frames: frames from one window to the next.
        on_decision: called with every decision, in order.
        stopped: asked now and then whether the user wants to leave.
        silent_seconds: a live source that gives no frame for so long is gone.

    Returns:
        What was decided on until then, also where the stream went wrong.
    """
    buffer = WindowBuffer(window_frames, stride_frames, keeps_every=not source.keeps_time)
    problems: list[EpamError] = []
    thread = threading.Thread(target=_decode, args=(source, buffer, problems), daemon=True, name="decoding")
    tally = DecisionTally()
    start = time.monotonic()
    thread.start()
    ended_by = END_OF_STREAM
    try:
        while not buffer.is_empty:
            window = buffer.take(POLL_SECONDS)
            if stopped():
                ended_by = "the user"
                break
            if window is not None:
                decision = _decide_on(window, decide, tally.decisions, buffer if source.keeps_time else None)
                tally.add(decision)
                on_decision(decision)
            elif source.is_live and time.monotonic() - buffer.newest_at > silent_seconds:
                problems.append(VideoError(f"{source.name}: no frame for {silent_seconds:g} s; is it gone?"))
                break
    except EpamError as error:
        problems.append(error)
    finally:
        seconds = time.monotonic() - start
        frames = buffer.frames
        source.stop()
        buffer.close()
        thread.join(LEAVING_SECONDS)
    summary = StreamSummary(
        frames=frames,
        seconds=seconds,
        decisions=tally.decisions,
        nobody=tally.nobody,
        delay_median_seconds=tally.median_seconds,
        delay_p90_seconds=tally.p90_seconds,
        delay_longest_seconds=tally.longest_seconds,
        late=tally.late if source.keeps_time else None,
        given_up=buffer.given_up,
        dropped_frames=buffer.dropped_frames,
        trailing_frames=frames - tally.decided_frames,
        ended_by="a problem" if problems else ended_by,
    )
    return StreamOutcome(summary=summary, problem=problems[0] if problems else None)


def _decode(source: FrameSource, buffer: WindowBuffer, problems: list[EpamError]) -> None:
    """The decoding thread: whatever ends it is told to the other one."""
    try:
        for frame in source:
            if not buffer.put(frame):
                return
        buffer.end()
    except EpamError as error:
        problems.append(error)
    except Exception as error:  # a defect of ours or of a library: told in the other thread, not lost here
        problems.append(VideoError(f"{source.name}: cannot be decoded ({type(error).__name__}: {error})"))
    finally:
        buffer.finish()


def _decide_on(window: Window, decide: Decider, number: int, deadlines: WindowBuffer | None) -> Decision:
    """Decide, and tell whether it was in time; ``deadlines`` says when the next is due, if at all."""
    logits = decide(window)
    delay = time.monotonic() - window.last.captured
    return Decision(
        number=number,
        first_frame=window.first.number,
        last_frame=window.last.number,
        start_seconds=window.first.seconds,
        end_seconds=window.last.seconds,
        is_whole=window.is_whole,
        is_off_stride=window.is_off_stride,
        logits=logits,
        delay_seconds=delay,
        is_late=None if deadlines is None else deadlines.has_passed(window),
    )
