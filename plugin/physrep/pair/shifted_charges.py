"""Charges that add up to the total charge of their structure."""

from torch import Tensor


def shifted_charges(raw: Tensor, sums: Tensor, total_charges: Tensor, structure: Tensor) -> Tensor:
    """q_i = r_i + w_i (Q - sum_j r_j) / sum_j w_j, (n_atoms,) e.

    Args:
        raw: (n_atoms, 2 or 3) r and w of the atoms here first, see
            :class:`physrep.models.charge_readout.ChargeReadout`.
        sums: (n_structures, 2 or 3) sums of ``raw`` over all atoms of each structure.
        total_charges: (n_structures,) e; structure: (n_atoms,) which one an atom belongs to.
    """
    shift = (total_charges - sums[:, 0]) / sums[:, 1]
    return raw[:, 0] + raw[:, 1] * shift.index_select(0, structure)
