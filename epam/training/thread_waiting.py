"""How long PyTorch's threads spin while they wait for each other."""

from __future__ import annotations

import os
import sys

SPIN_VARIABLE = "GOMP_SPINCOUNT"
USERS_CHOICES = (SPIN_VARIABLE, "OMP_WAIT_POLICY")
"""What libgomp, the OpenMP library of PyTorch's Linux wheels, reads once, when it is loaded."""

SPINS = 10_000
"""Turns of an empty loop, some tens of microseconds; libgomp's own choice is 300,000.

A step of a small network enters a thousand parallel regions. Where another process has one of the cores,
a thread that spins uses up its share of it, and each region then waits until the system gives it the next
one. On two cores beside one busy process, tiny_pose came 8 and 7 steps far in 22 seconds, and 59 and 59 with
these few turns; on idle cores 388 and 435, and 407 and 320 with them."""


def spin_briefly() -> bool:
    """Let threads of this process, and of those that it starts, fall asleep sooner than they would.

    Returns:
        Whether it was done: not where the user has chosen, nor once PyTorch is there, which is too late.
    """
    if "torch" in sys.modules or any(name in os.environ for name in USERS_CHOICES):
        return False
    os.environ[SPIN_VARIABLE] = str(SPINS)
    return True
