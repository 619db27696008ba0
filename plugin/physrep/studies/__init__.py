"""Measure, judge, report: one package for each study."""
