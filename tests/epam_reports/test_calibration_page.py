from __future__ import annotations

from pathlib import Path

from epam_bench.calibration import Calibration
from epam_reports.calibration_page import write_calibration


def test_the_write_up_names_machine_promises_and_every_length_of_trial(
    drawn_calibration: Calibration, tmp_path: Path
) -> None:
    page, picture = write_calibration(drawn_calibration, tmp_path)
    text = page.read_text()
    assert "Drawn CPU" in text
    assert "144 generations of fresh processes in 12 minutes" in text
    assert "What is promised" in text
    assert "Trials by their length" in text
    assert picture.name in text
    before = page.read_bytes(), picture.read_bytes()
    write_calibration(drawn_calibration, tmp_path)
    assert (page.read_bytes(), picture.read_bytes()) == before
