"""One pair of ions with its scans."""

from dataclasses import dataclass

import numpy as np

from physrep.probes.rigid_ions import IonScan, point_charges


@dataclass(frozen=True, eq=False)
class ScannedIons:
    """Scans of one pair of ions by the potential and by the reference.

    name: "C2H8N+ / NO3-"; product: of the formal charges, e^2; reference: None where there is none.
    """

    name: str
    product: float
    potential: IonScan
    reference: IonScan | None

    @property
    def law(self) -> np.ndarray:
        """(n,) eV: the Coulomb energy of the formal charges at the distances of the scans."""
        return point_charges(self.product, self.potential.distances)
