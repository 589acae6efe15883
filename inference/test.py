"""Predict or evaluate with one X-ShiftNet, on RGB or on pose."""

from __future__ import annotations

import sys

try:
    from epam_inference.command import unimodal
except ImportError as error:
    sys.stderr.write(f"error: {error}; run `make setup`, then `.venv/bin/python {' '.join(sys.argv)}`\n")
    raise SystemExit(2) from None

if __name__ == "__main__":
    unimodal()
