"""The tests of reliability: recovery, assembly, reaction paths, IS2RE; for any ASE calculator.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023).
"""

from physrep.studies.evaluate.molecule_suites import N_ASSEMBLY, Reliability, reliability
from physrep.studies.evaluate.path_suite import PathReliability, reaction_paths
from physrep.studies.evaluate.surface_suite import Is2reReliability, relaxations

__all__ = [
    "N_ASSEMBLY",
    "Is2reReliability",
    "PathReliability",
    "Reliability",
    "reaction_paths",
    "relaxations",
    "reliability",
]
