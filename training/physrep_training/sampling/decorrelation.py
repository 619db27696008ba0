"""When a frame of MD is independent of the one before, by the potential energy."""

from collections.abc import Sequence

import numpy as np

from physrep.analysis.stability.drift import statistical_inefficiency

FEWEST = 10  # samples before the first frame
MOST = 4096  # latest samples that the estimate is made of


class Decorrelation:
    """Add the potential energy of every sample; it says which of them to take.

    A sample is taken when as many have passed since the last one as the energies up to now need to
    be independent: their statistical inefficiency (J. D. Chodera et al., J. Chem. Theory Comput. 3
    (2007) 26, Eqs. 18-23). An energy that drifts, as at the beginning, is correlated over the whole
    run, and few samples are taken.

    Attributes:
        energies: eV, the latest MOST; n_since: samples since the last that was taken.
    """

    def __init__(self, energies: Sequence[float] = (), n_since: int = 0) -> None:
        self.energies, self.n_since = list(energies), n_since

    def add(self, energy: float) -> bool:
        """Whether to take the sample of this potential energy (eV)."""
        self.energies = [*self.energies[1 - MOST :], energy]
        self.n_since += 1
        wanted = statistical_inefficiency(np.array(self.energies))
        if len(self.energies) < FEWEST or self.n_since < wanted:
            return False
        self.n_since = 0
        return True
