"""Fits: settings, optimizers, schedules, the Lightning module, checkpoints."""
