"""Generalisation: margins, robustness, capacity, stability."""
