"""Which counts it takes to judge claims: at the inputs that they name, and at those near by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from epam_reports.claims.verdict import ClaimVerdict, Verdict
from epam_reports.published import PublishedNumber, parse_input, select

Inputs = dict[str, tuple[int, ...]]

TEST_SIDES = {224: 256, 160: 182, 312: 356, 112: 128, 56: 64}
"""Side that networks are trained on → side that they are tested on: short sides of 256, 182, 356, 128
(PySlowFast's and MMAction2's test configurations) and PoseC3D's heatmaps."""

OTHER_SIDES = {**TEST_SIDES, **{test: train for train, test in TEST_SIDES.items()}}

FAR_SIDES = (112, 192, 288, 320)
"""Further sides of frames in use, for numbers that nothing nearer explains."""

_RANK = 4
"""Of clips and of skeletons; of other inputs it is not known which size is which."""

SKELETON_FRAMES = (64, 100, 300)
"""CTR-GCN's, PYSKL's and ST-GCN's own."""


@dataclass(frozen=True)
class CountRequest:
    """One model on one input, to be counted.

    Attributes:
        name: the catalogue's.
        inputs: shape by stream; none for the input that the catalogue gives it.
        build_options: of the model, where it is not built as the catalogue has it.
        likely: a claim names this input; otherwise it is near by, and the network may refuse it.
    """

    name: str
    inputs: Inputs | None
    build_options: dict[str, str] = field(default_factory=dict)
    likely: bool = True

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for requests that one count answers."""
        shapes = None if self.inputs is None else tuple(sorted(self.inputs.items()))
        return (self.name, shapes, tuple(sorted(self.build_options.items())))


def stated_requests(
    claims: Iterable[PublishedNumber], published: Sequence[PublishedNumber]
) -> tuple[CountRequest, ...]:
    """What the claims name themselves: each once, in their order."""
    return _once(request for claim in claims for request in _of_claim(claim, published))


def near_by_requests(
    claims: Iterable[PublishedNumber],
    verdicts: Iterable[ClaimVerdict],
    published: Sequence[PublishedNumber],
) -> tuple[CountRequest, ...]:
    """Inputs near those of costs that do not simply hold: test crops, frame counts, published inputs."""
    return _once(
        request
        for claim, verdict in zip(claims, verdicts, strict=True)
        if claim.metric == "macs" and verdict.verdict not in (Verdict.HOLDS, Verdict.NEEDS_DATA)
        for request in _near(claim, published)
    )


def far_requests(
    claims: Iterable[PublishedNumber], verdicts: Iterable[ClaimVerdict]
) -> tuple[CountRequest, ...]:
    """Inputs with other sides, of costs that even what is near by does not explain."""
    return _once(
        CountRequest(claim.counted_name, inputs, claim.build_options, likely=False)
        for claim, verdict in zip(claims, verdicts, strict=True)
        if claim.metric == "macs" and verdict.verdict in (Verdict.DOES_NOT_HOLD, Verdict.UNDER_SPECIFIED)
        if claim.counted_name is not None
        for inputs in far_inputs(parse_input(claim.stated_input or claim.input))
    )


def _of_claim(claim: PublishedNumber, published: Sequence[PublishedNumber]) -> Iterable[CountRequest]:
    if claim.metric in ("top1", "mean_class_accuracy"):
        return
    if claim.counted_name and not claim.metric.endswith("_ratio"):
        texts = dict.fromkeys((claim.stated_input, claim.input))
        for text in [text for text in texts if text] or [""]:
            yield CountRequest(claim.counted_name, parse_input(text) or None, claim.build_options)
    if claim.metric.endswith("_ratio"):
        name, model = claim.catalogue_name, None if claim.catalogue_name else claim.model
        own = select(published, catalogue_name=name, model=model, metrics=("macs",))
        others = select(published, model=claim.against, metrics=("macs",)) if claim.against else ()
        for costs in (own, others):
            yield from (request for cost in costs[:1] for request in _of_claim(cost, published))


def _near(claim: PublishedNumber, published: Sequence[PublishedNumber]) -> Iterable[CountRequest]:
    name = claim.counted_name
    if name is None:
        return
    others = [number for number in published if number.counted_name == name and number.input]
    for number in others:
        yield CountRequest(name, parse_input(number.input), number.build_options, likely=False)
    for text in dict.fromkeys((claim.stated_input, claim.input)):
        for inputs in near_by_inputs(parse_input(text)):
            yield CountRequest(name, inputs, claim.build_options, likely=False)


def near_by_inputs(inputs: Inputs) -> list[Inputs]:
    """The same input with the side of tests (or of training), with half and with twice the frames."""
    if not inputs or any(len(shape) != _RANK for shape in inputs.values()):
        return []
    found = [_at_other_side(inputs), _with_frames(inputs, 1, 2), _with_frames(inputs, 2, 1)]
    if list(inputs) == ["skeleton"]:
        persons, frames, *rest = inputs["skeleton"]
        found = [{"skeleton": (persons, other, *rest)} for other in SKELETON_FRAMES if other != frames]
        found.append({"skeleton": (3 - persons if persons in (1, 2) else 1, frames, *rest)})
    return [other for other in found if other is not None]


def far_inputs(inputs: Inputs) -> list[Inputs]:
    """The same input with frames of other sides, and heatmaps that keep to them."""
    if "rgb" not in inputs or any(len(shape) != _RANK for shape in inputs.values()) or "skeleton" in inputs:
        return []
    own = inputs["rgb"][-1]
    others = [side for side in FAR_SIDES if side != own]
    return [
        {name: (*shape[:2], *(size * side // own for size in shape[2:])) for name, shape in inputs.items()}
        for side in others
        if not any(size * side % own for shape in inputs.values() for size in shape[2:])
    ]


def is_test_crop(inputs: Inputs, other: Inputs) -> bool:
    """Whether two inputs differ only by the side of training and the side of tests."""
    return _at_other_side(inputs) == other


def _at_other_side(inputs: Inputs) -> Inputs | None:
    if "skeleton" in inputs or any(shape[-1] not in OTHER_SIDES for shape in inputs.values()):
        return None
    return {
        name: (*shape[:2], OTHER_SIDES[shape[-1]], OTHER_SIDES[shape[-1]]) for name, shape in inputs.items()
    }


def _with_frames(inputs: Inputs, times: int, over: int) -> Inputs | None:
    if any(shape[1] * times % over for shape in inputs.values()):
        return None
    return {name: (shape[0], shape[1] * times // over, *shape[2:]) for name, shape in inputs.items()}


def _once(requests: Iterable[CountRequest]) -> tuple[CountRequest, ...]:
    kept: dict[tuple[object, ...], CountRequest] = {}
    for request in requests:
        kept.setdefault(request.key, request)
    return tuple(kept.values())
