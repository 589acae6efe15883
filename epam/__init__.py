"""EPAM-Net: the network, its data and its evaluation.

Names are imported when first used: what needs no PyTorch (errors, file writing, a command's
``--help``) does not wait for it.
"""

from typing import TYPE_CHECKING

from epam.lazy_names import lazy_names

if TYPE_CHECKING:
    from epam.attention import AttentionName, SpatialTemporalAttention
    from epam.backends import optimize
    from epam.checkpoints import CheckpointInfo, export_published, load_checkpoint, save_checkpoint
    from epam.epam_net import EPAMLogits, EPAMNet
    from epam.errors import EpamError
    from epam.x_shiftnet import XShiftNet, XShiftNetRecognizer, x_shiftnet_pose, x_shiftnet_rgb

_HOMES = {
    "AttentionName": "epam.attention",
    "CheckpointInfo": "epam.checkpoints",
    "EPAMLogits": "epam.epam_net",
    "EPAMNet": "epam.epam_net",
    "EpamError": "epam.errors",
    "SpatialTemporalAttention": "epam.attention",
    "XShiftNet": "epam.x_shiftnet",
    "XShiftNetRecognizer": "epam.x_shiftnet",
    "export_published": "epam.checkpoints",
    "load_checkpoint": "epam.checkpoints",
    "optimize": "epam.backends",
    "save_checkpoint": "epam.checkpoints",
    "x_shiftnet_pose": "epam.x_shiftnet",
    "x_shiftnet_rgb": "epam.x_shiftnet",
}

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
    "optimize",
    "save_checkpoint",
    "x_shiftnet_pose",
    "x_shiftnet_rgb",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
