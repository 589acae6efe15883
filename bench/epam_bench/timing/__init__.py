"""Timing: every model in a process of its own, the processes taking turns, until the intervals are narrow."""
