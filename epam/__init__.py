"""EPAM-Net: the network, its data, its training and evaluation."""

from epam.attention import AttentionName, SpatialTemporalAttention
from epam.checkpoints import CheckpointInfo, export_published, load_checkpoint, save_checkpoint
from epam.epam_net import EPAMLogits, EPAMNet
from epam.errors import EpamError
from epam.x_shiftnet import XShiftNet, XShiftNetRecognizer, x_shiftnet_pose, x_shiftnet_rgb

__all__ = [
    "AttentionName",
    "CheckpointInfo",
    "EPAMLogits",
    "EPAMNet",
    "EpamError",
    "SpatialTemporalAttention",
    "XShiftNet",
    "XShiftNetRecognizer",
    "export_published",
    "load_checkpoint",
    "save_checkpoint",
    "x_shiftnet_pose",
    "x_shiftnet_rgb",
]
