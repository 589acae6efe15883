"""EPAM-Net's inference in C, compiled on the machine that runs it."""
