from __future__ import annotations

from pathlib import Path

from epam_bench.calibration import Recording, evaluate_calibration
from epam_reports.calibration_page import write_calibration


def test_the_write_up_names_machine_promises_and_every_length_of_trial(
    drawn_recording: Recording, tmp_path: Path
) -> None:
    calibration = evaluate_calibration(drawn_recording)
    page, picture = write_calibration(calibration, tmp_path)
    text = page.read_text()
    assert "Drawn CPU" in text
    assert "64 generations of fresh processes in 5 minutes" in text
    assert "What is promised" in text
    assert "Trials by their length" in text
    assert picture.name in text
    before = page.read_bytes(), picture.read_bytes()
    write_calibration(calibration, tmp_path)
    assert (page.read_bytes(), picture.read_bytes()) == before
