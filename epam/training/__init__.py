"""Training: what a run is told, what it keeps and what it shows."""
