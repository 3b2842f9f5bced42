"""Sparse coding: pursuits, their stability and their success."""
