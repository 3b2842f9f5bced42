"""Measurements side by side: `python -m benchmarks` (or `make bench`) writes RESULTS.md."""
