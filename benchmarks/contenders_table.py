"""Who is measured: name, engine, environment, worker module, largest system it is asked for."""

from typing import NamedTuple


class Contender(NamedTuple):
    """module: of contenders/, with its variant; environment: of requirements/, or physrep."""

    label: str
    engine: str
    environment: str
    module: str
    largest: int = 14400


REFERENCE = "thesis JAT (JAX, jitted)"


def ours(model: str, label: str, engine: str, ops: str, largest: int = 48600) -> Contender:
    names = {"ase": "Python", "torchforce": "OpenMM", "lammps": "LAMMPS"}
    module = f"physrep_engines:{model}/{engine}/{ops}"
    return Contender(f"{label}, {ops}, {names[engine]}", names[engine], "physrep", module, largest)


CONTENDERS = [
    Contender(REFERENCE, "Python", "jax", "thesis_jat_jax", 1800),  # all pairs: N^2 memory
    *(
        ours("jat-published", "JAT as published", engine, ops)
        for engine, ops in (
            ("ase", "eager"),
            ("torchforce", "portable"),
            ("torchforce", "fused"),
            ("lammps", "portable"),
            ("lammps", "fused"),
        )
    ),
    *(
        ours("ean-jat", "ean-jat", engine, ops)
        for engine, ops in (
            ("torchforce", "portable"),
            ("torchforce", "fused"),
            ("lammps", "fused"),
        )
    ),
    Contender("JAT as published, torch.compile", "Python", "physrep", "inductor:jat-published"),
    *(
        ours("neuralil-published", "NeuralIL as published", engine, ops)
        for engine, ops in (
            ("torchforce", "portable"),
            ("torchforce", "fused"),
            ("lammps", "fused"),
        )
    ),
    Contender("SchNet (torch_geometric)", "Python", "physrep", "physrep_engines:schnet/ase/eager"),
    Contender("NequIP 4 layers, l 1, 32", "Python", "nequip", "nequip"),
    # At 14,400 atoms these want more than 20 GB: eight times what they take of 1,800.
    Contender("MACE 64x0e, 2 layers", "Python", "mace", "mace", 1800),
    Contender("TorchMD-Net ET", "Python", "torchmd", "torchmd_et", 1800),
    Contender("DeePMD-kit se_e2_a", "Python", "deepmd", "deepmd", 1800),
    Contender("DeePMD-kit se_e2_a, LAMMPS", "LAMMPS", "deepmd", "deepmd:lammps", 1800),
]
