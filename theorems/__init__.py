"""The catalogue: one folder an area, one file a theorem."""
