"""Active learning: fit, run MD, label what the committee does not know, fit again."""
