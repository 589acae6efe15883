"""Predict or evaluate with EPAM-Net, RGB and pose together."""

from __future__ import annotations

import sys

try:
    from epam_inference.command import multimodal
except ImportError as error:
    sys.stderr.write(f"error: {error}; run `make setup`, then `.venv/bin/python {' '.join(sys.argv)}`\n")
    raise SystemExit(2) from None

if __name__ == "__main__":
    multimodal()
