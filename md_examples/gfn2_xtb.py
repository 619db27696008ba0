"""GFN2-xTB for MD and for certificates: tblite's ASE calculator, converged further.

    PYTHONPATH=md_examples physrep certify ase:gfn2_xtb:GFN2 STRUCTURE -o DIR

tblite starts every self-consistent cycle from the wave function of the last step. At its default
accuracy the forces depend on earlier steps, and the energy of an NVE run drifts
(docs/certificates).
"""

from typing import Any

from tblite.ase import TBLite

ACCURACY = 0.01  # of tblite's thresholds; 1 is its default


class GFN2(TBLite):
    """C. Bannwarth, S. Ehlert and S. Grimme, J. Chem. Theory Comput. 15 (2019) 1652."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"method": "GFN2-xTB", "accuracy": ACCURACY, "verbosity": 0, **settings})
