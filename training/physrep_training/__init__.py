"""Fitting of physrep potentials: settings, data, losses, schedules, the Lightning module."""

from physrep_training.baselines import register

register()
