"""Whatever weakens the figures is said: mixed machines and commits, dirty trees, load, gaps."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import AblationTrial, AccuracyRecord, CountRecord, LatencyRecord
from epam_reports.caveats import report_caveats

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]
Accuracy = Callable[..., AccuracyRecord]
Trial = Callable[..., AblationTrial]


def _said(caveats: tuple[str, ...], *words: str) -> bool:
    return any(all(word in caveat for word in words) for caveat in caveats)


def test_mixed_commits_and_machines_are_named(count: Count) -> None:
    records = [count(), count("c3d", environment={"git_commit": "fedcba", "processor": "Other CPU"})]
    caveats = report_caveats(records)
    assert _said(caveats, "2 different commits", "0123456789abcdef", "fedcba")
    assert _said(caveats, "2 different machines", "Test CPU", "Other CPU")


def test_one_clean_environment_gives_no_such_caveat(count: Count) -> None:
    assert not _said(report_caveats([count(), count("c3d")]), "different")
    assert not _said(report_caveats([count()]), "uncommitted")


def test_dirty_and_unknown_trees_are_counted(count: Count) -> None:
    records = [
        count(environment={"git_dirty": True}),
        count("c3d", environment={"git_commit": None, "git_dirty": None}),
    ]
    assert _said(report_caveats(records), "1 of 2", "uncommitted")
    assert _said(report_caveats(records), "1 of 2", "do not know the commit")


def test_busy_machine_is_named_with_its_load(latency: Latency) -> None:
    assert _said(report_caveats([latency(load_average_before=1.7)]), "busy", "epam_net (1.7 on 2 cores)")
    assert not _said(report_caveats([latency(load_average_before=0.2)]), "busy")
    # Our own warm-up raises the load too: the share of others, where it was read, says more.
    assert not _said(report_caveats([latency(load_average_before=1.7, others_cpu_fraction=0.01)]), "busy")


def test_missing_measurements_are_named(count: Count, latency: Latency) -> None:
    caveats = report_caveats([count("c3d"), count("c3d", counter="fvcore"), count("s3d"), latency("r3d_18")])
    assert _said(caveats, "Counted but not timed", "c3d, s3d")
    assert _said(caveats, "Timed but not counted", "r3d_18")
    assert _said(caveats, "Not counted by every counter", "s3d (lacks fvcore)")
    assert _said(caveats, "Not measured at all", "epam_net")


def test_different_settings_are_not_to_be_compared(latency: Latency) -> None:
    assert _said(report_caveats([latency(), latency(threads=1)]), "2 settings", "1 thread,", "2 threads,")


def test_backends_and_precisions_of_one_run_may_be_compared(latency: Latency) -> None:
    forms = [latency(), latency(backend="openvino"), latency(backend="openvino", precision="int8")]
    assert not _said(report_caveats(forms), "settings")
    assert _said(report_caveats([*forms, latency(task="training")]), "2 settings", "training steps")


def test_caveat_of_one_form_names_it(latency: Latency) -> None:
    caveats = report_caveats([latency(), latency(backend="openvino", caveats=("throttled",))])
    assert "epam_net (openvino): throttled" in caveats


def test_caveat_of_several_records_is_said_once_with_its_models(count: Count) -> None:
    records = [count("c3d", caveats=("no clock",)), count("s3d", caveats=("no clock",))]
    assert "c3d, s3d: no clock" in report_caveats(records)


def test_caveats_that_differ_in_their_counts_are_one_with_models_and_counts_in_order(
    latency: Latency,
) -> None:
    records = [
        latency("c3d", caveats=("known to ±9.0%",)),
        latency("s3d", caveats=("known to ±7.0%",)),
        latency("r3d_18", caveats=("known to ±9.0%",)),
    ]
    assert "c3d, r3d_18 / s3d: known to ±9.0% / ±7.0%" in report_caveats(records)


def test_replaced_record_does_not_count(count: Count) -> None:
    assert not _said(report_caveats([count(environment={"git_dirty": True}), count()]), "uncommitted")


def test_models_of_another_run_are_named(latency: Latency) -> None:
    records = [latency("c3d", run="a"), latency("s3d", run="a"), latency("r3d_18", run="b")]
    assert _said(report_caveats(records), "another run", "r3d_18")
    assert not _said(report_caveats(records[:2]), "another run")


def test_environments_of_accuracies_and_trials_count_too(
    count: Count, accuracy: Accuracy, trial: Trial
) -> None:
    records = [count(), accuracy(environment={"git_dirty": True}), trial(environment={"git_commit": "fed"})]
    assert _said(report_caveats(records), "2 different commits", "0123456789abcdef", "fed")
    assert _said(report_caveats(records), "1 of 3", "uncommitted")


def test_accuracy_without_its_cost_is_named_with_the_reason(count: Count, accuracy: Accuracy) -> None:
    other_input = count(inputs={"rgb": (3, 6, 96, 96)})
    assert _said(report_caveats([accuracy()]), "Evaluated but not counted: EPAM-Net on NTU60 X-Sub.")
    assert _said(report_caveats([accuracy(), other_input]), "Evaluated but not counted", "rgb 3×6×96×96")
    known = count(num_classes=2)
    assert not _said(report_caveats([accuracy(), known]), "Evaluated but not counted")


def test_evaluated_model_is_not_called_unmeasured(accuracy: Accuracy) -> None:
    (said,) = [caveat for caveat in report_caveats([accuracy()]) if caveat.startswith("Not measured at all")]
    assert "epam_net" not in said.removesuffix(".").partition(": ")[2].split(", ")


def test_what_weakens_an_accuracy_is_said_with_its_network_and_data(accuracy: Accuracy) -> None:
    skipped = [{"sample": "S1", "reason": "missing video"}]
    caveats = report_caveats([accuracy(skipped=skipped, part="train")])
    assert _said(caveats, "EPAM-Net on NTU60 X-Sub, train part", "1 of 9 samples could not be evaluated")
    assert _said(caveats, "evaluated on the train part, not to be compared")
    assert not _said(report_caveats([accuracy()]), "not to be compared")


def test_ablation_of_one_seed_is_called_so(trial: Trial) -> None:
    assert _said(report_caveats([trial(), trial("pose")]), "one seed")
    assert not _said(report_caveats([trial(), trial(seed=1)]), "one seed")


def test_count_at_a_further_input_leaves_no_gap(count: Count, latency: Latency) -> None:
    records = [count("c3d"), count("c3d", counter="fvcore"), latency("c3d")]
    further = count("c3d", inputs={"rgb": (3, 16, 128, 128)})
    assert report_caveats([*records, further]) == report_caveats(records)


def test_networks_that_are_only_quoted_and_those_with_a_stand_in_are_named(count: Count) -> None:
    said = dict(caveat.rstrip(".").split(": ", 1) for caveat in report_caveats([count()]) if ": " in caveat)
    assert "VPN++" in said["Quoted only, not built here"].split(", ")
    assert "pi-ViT (timesformer)" in said["Not built here, another counted in its place"]
    assert "pi-ViT" not in said["Quoted only, not built here"].split(", ")
