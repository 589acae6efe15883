"""The ablation: each stream alone, both, both without attention, both without shift, over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from epam.errors import InputError, UnknownNameError
from epam_bench.training_jobs import TrainingJob

Stream = Literal["pose", "rgb"]
WITHOUT_SHIFT = ("model.options.temporal_shift=false",)

CHECKPOINT = "last.safetensors"
"""What is evaluated and started from: the end of the schedule, not the epoch that did best on the
test split."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the table, or a network that only others start from.

    Attributes:
        name: as the table's row says it.
        recipe: the recipe's name, without the size in front.
        changes: of the recipe.
        starts: which variant each stream starts from.
        reported: whether it is a row.
    """

    name: str
    recipe: str
    changes: tuple[str, ...] = ()
    starts: Mapping[Stream, str] = field(default_factory=dict)
    reported: bool = True


VARIANTS = (
    Variant(name="pose", recipe="pose"),
    Variant(name="RGB", recipe="rgb"),
    Variant(name="fused", recipe="multimodal", starts={"pose": "pose", "rgb": "RGB"}),
    Variant(
        name="fused without attention",
        recipe="multimodal",
        changes=("model.options.attention=none",),
        starts={"pose": "pose", "rgb": "RGB"},
    ),
    Variant(name="pose without shift", recipe="pose", changes=WITHOUT_SHIFT, reported=False),
    Variant(name="RGB without shift", recipe="rgb", changes=WITHOUT_SHIFT, reported=False),
    Variant(
        name="fused without shift",
        recipe="multimodal",
        changes=WITHOUT_SHIFT,
        starts={"pose": "pose without shift", "rgb": "RGB without shift"},
    ),
)
SHORT_VARIANTS = ("pose", "RGB", "fused")
"""What the short form trains: whether two streams beat one."""


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """One training of the ablation.

    Attributes:
        run: its folder.
        recipe: the recipe's full name.
        job: the process that trains it.
    """

    variant: Variant
    seed: int
    run: Path
    recipe: str
    job: TrainingJob

    @property
    def checkpoint(self) -> Path:
        """The weights that are evaluated."""
        return self.run / CHECKPOINT


def choose_variants(names: Sequence[str] | None) -> tuple[Variant, ...]:
    """The variants of these names and those that they start from, in the table's order; all for none.

    Raises:
        UnknownNameError: no such variant.
    """
    by_name = {variant.name.lower(): variant for variant in VARIANTS}
    wanted: set[str] = set()
    for name in names or [variant.name for variant in VARIANTS]:
        variant = by_name.get(name.lower())
        if variant is None:
            raise UnknownNameError("variant", name, [variant.name for variant in VARIANTS])
        wanted |= {variant.name, *variant.starts.values()}
    return tuple(variant for variant in VARIANTS if variant.name in wanted)


def plan_trials(
    variants: Iterable[Variant],
    seeds: Iterable[int],
    *,
    root: Path,
    output: Path,
    protocol: str = "xsub",
    size: str = "tiny",
    changes: Sequence[str] = (),
    device: str = "cpu",
) -> list[TrialPlan]:
    """Every training of the ablation, seed by seed, those that others start from first.

    Args:
        variants: of :func:`choose_variants`.
        seeds: one network of each variant is trained from each.
        root: the embedded data set.
        output: folder of the runs.
        protocol: of the data set.
        size: ``tiny``, or ``full`` for the paper's own recipes.
        changes: of every recipe, as ``epam-train --set`` has them.
        device: where it is trained.

    Raises:
        InputError: no seed, or a size that there is not.
    """
    if size not in ("tiny", "full"):
        raise InputError(f"size {size!r}: write tiny, or full for the paper's own recipes")
    chosen, numbers = list(variants), list(dict.fromkeys(seeds))
    if not numbers:
        raise InputError("no seeds; give at least one")
    common = ["--dataset", "embedded", "--protocol", protocol, "--root", str(root), "--device", device]
    return list(_plan(chosen, numbers, output, size, changes, common))


def _plan(
    variants: Sequence[Variant],
    seeds: Sequence[int],
    output: Path,
    size: str,
    changes: Sequence[str],
    common: Sequence[str],
) -> Iterator[TrialPlan]:
    for seed in seeds:
        for variant in variants:
            recipe = variant.recipe if size == "full" else f"tiny_{variant.recipe}"
            run = _folder(output, variant.name, seed)
            arguments = [recipe, *common, "--output", str(run)]
            for change in (f"training.seed={seed}", *variant.changes, *changes):
                arguments += ["--set", change]
            for stream, start in variant.starts.items():
                arguments += [f"--{stream}-from", str(_folder(output, start, seed) / CHECKPOINT)]
            if run.exists():
                arguments.append("--resume")
            job = TrainingJob(
                name=_job_name(variant.name, seed),
                arguments=tuple(arguments),
                log=output / f"{run.name}.log",
                after=tuple(_job_name(start, seed) for start in variant.starts.values()),
            )
            yield TrialPlan(variant=variant, seed=seed, run=run, recipe=recipe, job=job)


def _job_name(variant: str, seed: int) -> str:
    return f"{variant}, seed {seed}"


def _folder(output: Path, variant: str, seed: int) -> Path:
    return output / f"{variant.lower().replace(' ', '_')}-seed{seed}"
