"""Records and published numbers become tables, figures and verdicts."""
