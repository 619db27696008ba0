"""Fitting of physrep potentials: settings, data, losses, schedules, the Lightning module."""
