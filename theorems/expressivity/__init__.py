"""What networks can express: numbers of regions, depth against width."""
