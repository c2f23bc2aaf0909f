"""Stage 5: experts learn together from signals of which one half must not tell whose they are (paper §3.4)."""
