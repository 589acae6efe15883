from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from epam.data.synthetic.dataset import write_dataset
from epam.errors import CheckpointError
from epam_bench import ablation, training_jobs
from epam_bench.commands.ablation import AblationSettings, ablate
from epam_bench.commands.app import app
from epam_bench.records import AblationTrial, read_records
from epam_bench.training_jobs import JobsOutcome, TrainingJob

QUICK = ("--set", "schedule.epochs=1", "--set", "schedule.warmup_steps=0")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("ablation") / "data", samples_per_class=2, workers=2).root


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["ablation", *arguments])


def trials(records: Path) -> list[AblationTrial]:
    return [record for record in read_records(records)[0] if isinstance(record, AblationTrial)]


def test_help_teaches_and_says_how_long_it_takes() -> None:
    output = invoke("--help").output
    assert "Example: epam-bench ablation --seeds 1 --variant fused" in output
    assert "took an hour on two busy cores" in " ".join(output.split())


def test_a_network_is_trained_evaluated_and_put_on_record(root: Path, tmp_path: Path) -> None:
    arguments = ("--variant", "pose", "--seeds", "1", "--root", str(root), "-o", str(tmp_path), *QUICK)
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    (trial,) = trials(tmp_path / "records.jsonl")
    assert (trial.variant, trial.seed, trial.recipe, trial.epochs) == ("pose", 0, "tiny_pose", 1)
    assert trial.samples + trial.training_samples == 24
    assert [(group.name, group.samples) for group in trial.groups] == [
        (name, trial.samples // 3) for name in ("movement", "object", "order")
    ]
    assert "pose" in result.stdout
    assert "movement" in result.stdout
    assert (tmp_path / "ablation" / "pose-seed0" / "last.safetensors").exists()


@pytest.mark.slow
def test_what_is_on_record_is_kept_and_another_recipes_run_refused(root: Path, tmp_path: Path) -> None:
    arguments = ("--variant", "pose", "--seeds", "1", "--root", str(root), "-o", str(tmp_path), *QUICK)
    assert invoke(*arguments).exit_code == 0
    (trial,) = trials(tmp_path / "records.jsonl")

    again = invoke(*arguments)
    assert again.exit_code == 0, again.output
    assert trials(tmp_path / "records.jsonl") == [trial]

    other = invoke(*arguments, "--set", "optimizer.learning_rate=0.5")
    assert other.exit_code == 2
    assert "pose, seed 0: exit status 2" in other.stderr
    assert trials(tmp_path / "records.jsonl") == [trial]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--variant", "posed"), "unknown variant 'posed'; did you mean 'pose'"),
        (("--size", "huge"), "write tiny, short, or full"),
        (("--set", "optimizer.rate=1"), "no such field"),
        (("--protocol", "xset"), "unknown embedded protocol 'xset'"),
        (("--device", "tpu"), "unknown device 'tpu'"),
    ],
)
def test_nonsense_is_told_before_anything_is_drawn_or_trained(
    tmp_path: Path, options: Sequence[str], message: str
) -> None:
    result = invoke(*options, "-o", str(tmp_path))
    assert message in str(result.exception)
    assert not (tmp_path / "embedded").exists()
    assert not (tmp_path / "ablation").exists()


def settings(root: Path, output: Path) -> AblationSettings:
    return AblationSettings(root=root, output=output, seeds=(0,), variants=("pose", "RGB"))


RunJobs = Callable[..., JobsOutcome]


def test_what_failed_is_told_and_the_others_are_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(jobs: Sequence[TrainingJob], *, on_done: Callable[..., None], **_: object) -> JobsOutcome:
        for job in jobs:
            on_done(job, 1.0)
        return JobsOutcome(seconds={job.name: 1.0 for job in jobs})

    def measure(plan: ablation.TrialPlan, *_: object, **__: object) -> AblationTrial:
        raise CheckpointError(f"no weights of {plan.variant.name}")

    monkeypatch.setattr(training_jobs, "run_jobs", run)
    monkeypatch.setattr(ablation, "measure_trial", measure)
    outcome = ablate(settings(root, tmp_path))
    assert outcome.trials == []
    assert outcome.failures == {
        "pose, seed 0": "no weights of pose",
        "RGB, seed 0": "no weights of RGB",
    }


def test_ctrl_c_ends_it_and_is_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> JobsOutcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_jobs, "run_jobs", interrupted)
    assert ablate(settings(root, tmp_path)).interrupted
    assert invoke("--variant", "pose", "--root", str(root), "-o", str(tmp_path)).exit_code == 130
