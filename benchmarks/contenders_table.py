"""What is measured: name, engine, environment, module, and the largest system for each."""

from typing import NamedTuple


class Contender(NamedTuple):
    """module: of contenders/, with its variant; environment: of requirements/, or physrep."""

    label: str
    engine: str
    environment: str
    module: str
    largest: int = 14400


REFERENCE = "thesis JAT (JAX, jitted)"


def ours(model: str, label: str, *runs: str) -> list[Contender]:
    """A model of ours in several ENGINE/OPS, see contenders/physrep_engines.py."""
    found = []
    for run in runs:
        engine, ops = run.split("/")
        through = {"ase": "Python", "torchforce": "OpenMM", "lammps": "LAMMPS"}[engine]
        module = f"physrep_engines:{model}/{run}"
        found.append(Contender(f"{label}, {ops}, {through}", through, "physrep", module, 48600))
    return found


OPENMM = ("torchforce/portable", "torchforce/fused")
CONTENDERS = [
    Contender(REFERENCE, "Python", "jax", "thesis_jat_jax", 1800),  # all pairs: N^2 memory
    *ours(
        "jat-published",
        "JAT as published",
        *("ase/eager", *OPENMM, "lammps/portable", "lammps/fused"),
    ),
    *ours("ean-jat-short", "ean-jat-short", *OPENMM, "lammps/fused"),
    Contender("JAT as published, torch.compile", "Python", "physrep", "inductor:jat-published"),
    *ours("neuralil-published", "NeuralIL as published", *OPENMM, "lammps/fused"),
    Contender("SchNet (torch_geometric)", "Python", "physrep", "physrep_engines:schnet/ase/eager"),
    Contender("NequIP 4 layers, l 1, 32", "Python", "nequip", "nequip"),
    # At 14,400 atoms these need more than 20 GB, eight times their memory at 1,800.
    Contender("MACE 64x0e, 2 layers", "Python", "mace", "mace", 1800),
    Contender("TorchMD-Net ET", "Python", "torchmd", "torchmd_et", 1800),
    Contender("DeePMD-kit se_e2_a", "Python", "deepmd", "deepmd", 1800),
    Contender("DeePMD-kit se_e2_a, LAMMPS", "LAMMPS", "deepmd", "deepmd:lammps", 1800),
]
