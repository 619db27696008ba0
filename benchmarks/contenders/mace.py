"""MACE with its smallest published settings (64x0e, 2 layers, correlation 3, 5 A; random weights).

Settings: the "small" of the MACE-OFF and MACE-MP papers, with 64 channels and no equivariant
messages. Float32, through the package's ASE calculator, which builds the graph itself.
"""

import mace  # noqa: F401  before e3nn, whose constants torch then agrees to load
import numpy as np
from mace.calculators import MACECalculator
from mace.modules import ScaleShiftMACE, gate_dict, interaction_classes

from e3nn import o3  # isort: skip

from contenders.common import calculated_by, use_threads


def prepare(atoms, variant=""):
    use_threads()
    numbers = sorted(set(atoms.numbers.tolist()))
    model = ScaleShiftMACE(
        r_max=5.0,
        num_bessel=8,
        num_polynomial_cutoff=5,
        max_ell=3,
        interaction_cls=interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=interaction_classes["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=len(numbers),
        hidden_irreps=o3.Irreps("64x0e"),
        MLP_irreps=o3.Irreps("16x0e"),
        atomic_energies=np.zeros(len(numbers)),
        avg_num_neighbors=50.0,
        atomic_numbers=numbers,
        correlation=3,
        gate=gate_dict["silu"],
        atomic_inter_scale=1.0,
        atomic_inter_shift=0.0,
    ).float()
    calculator = MACECalculator(models=[model], device="cpu", default_dtype="float32")
    return calculated_by(calculator, atoms)
