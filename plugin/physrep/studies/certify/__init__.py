"""Is this potential fit for molecular dynamics? Measured checks, each with its threshold."""
