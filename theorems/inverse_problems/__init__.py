"""Inverse problems: iterations that solve them, and their rates."""
