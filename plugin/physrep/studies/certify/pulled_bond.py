"""One bond with all its scans."""

from dataclasses import dataclass

from physrep.probes.bond_scan import BondScan


@dataclass(frozen=True, eq=False)
class PulledBond:
    """Scans of one bond by the potential and by the reference.

    name: "N-O of NO3-"; length: A, where the scan started; known: shortest and longest in the
    data, A; scans: of the potential, by "rigid", "relaxed" and "in the box"; reference: the same
    of the reference, as far as they could be made.
    """

    name: str
    length: float
    known: tuple[float, float]
    scans: dict[str, BondScan]
    reference: dict[str, BondScan]
