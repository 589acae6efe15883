"""The embedded data set: drawn people who act before a camera, with keypoints, in the real formats."""

from __future__ import annotations

from epam.data.synthetic.dataset import SyntheticDataset, write_dataset

__all__ = ["SyntheticDataset", "write_dataset"]
