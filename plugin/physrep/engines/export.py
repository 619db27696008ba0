"""Export: checkpoint -> one TorchScript file for every engine, verified by reading it back.

A file holds one form of the operators (:mod:`physrep.ops`). One file with both would have to choose
when it is loaded, but TorchScript resolves every operator in the file at that time, so that a file
which names compiled ones does not load without them, and OpenMM's TorchForce and LAMMPS call
``torch.jit.load`` themselves and leave no room for a choice.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from physrep.checkpoint import Checkpoint, Model, fingerprint, members_of, valid_certificate
from physrep.committee import Committee
from physrep.config import ConfigError
from physrep.engines.bound_topology import refuse_periodic, set_periodicity, topology_info, types_of
from physrep.engines.exported import ExportedCharges, ExportedPotential
from physrep.engines.exported_committee import ExportedCommittee, ExportedCommitteeCharges
from physrep.engines.file_energies import energies_of
from physrep.engines.frame_checks import FrameError, by_elements, check_apart, check_contacts
from physrep.engines.metadata import (
    CHARGES_OF_COMMITTEES,
    CHARGES_OF_ONE,
    FORMAT_VERSION,
    WITHOUT_CHARGES,
    ExportError,
    Metadata,
    read_exported,
    script_bytes,
)
from physrep.geometry import single_geometry
from physrep.io.structures.total_charge import stated_by
from physrep.io.structures.total_charge import total_charge as total_charge_of
from physrep.models import BASELINES
from physrep.neighbors import Neighbors, neighbor_list
from physrep.ops import OperatorsMissing, fastest_form
from physrep.output import make_folder, replacing
from physrep.pair.electrostatics_config import electrostatics_of
from physrep.prediction import predict
from physrep.torchscript import compile_script
from physrep.units import EV_IN_KJ_PER_MOL, NM_IN_ANGSTROM

DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Largest differences between the file and the eager potential, eV/atom, eV/A and eV: a reordering
# of sums changes that much and not more.
TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-9}
FORMS: dict[tuple[bool, bool], type[ExportedPotential]] = {  # whether a committee, whether charged
    (False, False): ExportedPotential,
    (False, True): ExportedCharges,
    (True, False): ExportedCommittee,
    (True, True): ExportedCommitteeCharges,
}


def export_potential(
    checkpoint: Checkpoint,
    output: str | Path,
    topology: Atoms | None = None,
    dtype: str = "float32",
    ops: str = "auto",
    total_charge: float | None = None,
) -> Metadata:
    """Write the file, read it back, compare it with the eager potential.

    Args:
        topology: the system that ``forward`` serves (OpenMM); None for LAMMPS and ASE alone.
        dtype: precision of the network's arithmetic; energies are summed in float64 in either.
        ops: ``fused`` is several times as fast on CPUs and needs physrep's compiled operators
            wherever the file is loaded; ``portable`` needs PyTorch alone; ``auto`` is ``fused``
            where the compiled operators are installed.
        total_charge: in e, of the topology; None takes what it states, 0 where it states nothing.

    Raises:
        ExportError: a baseline, a charge for a potential without charges, unknown element or dtype,
            or the file does not reproduce the potential (it is then removed).
        OutputError: the file cannot be written.
    """
    output = Path(output)
    for member in members_of(checkpoint):
        _refuse_baseline(member)
    if dtype not in DTYPES:
        raise ExportError(f"dtype = {dtype!r}: choose float32 or float64")
    if topology is not None:
        topology = set_periodicity(topology, "topology")
        if checkpoint.model.molecular:
            refuse_periodic(topology, "topology")
    charge = charge_of(checkpoint.model, topology, total_charge)
    ops = fastest_form() if ops == "auto" else ops
    potential = prepare(checkpoint.model, DTYPES[dtype])
    metadata = describe(checkpoint, potential, topology)
    metadata = metadata.model_copy(update={"ops": ops, "total_charge": charge})
    module = script(with_ops(potential, ops), topology, charge)
    potential.use_ops("portable")  # what the file is compared with
    kept = certificate_of(checkpoint, module)
    metadata = metadata.model_copy(update={"certificate": kept})
    make_folder(output.parent)
    with replacing(output) as partial:
        partial.write_bytes(script_bytes(module, metadata))
        verify(partial, potential, topology)
    return metadata


def _refuse_baseline(checkpoint: Checkpoint) -> None:
    if checkpoint.model_name in BASELINES:
        raise ExportError(
            f"model = {checkpoint.model_name!r}: baselines are for comparison, run in ASE from "
            "their checkpoint alone and cannot be exported; export a fit of another model"
        )


def prepare(potential: Model, dtype: torch.dtype) -> Model:
    """A frozen copy for simulation: evaluation mode, no gradients of parameters, CPU."""
    potential = copy.deepcopy(potential).cpu().eval()
    potential.set_dtype(dtype)
    potential.requires_grad_(False)
    potential.bake()
    return potential


def with_ops(potential: Model, ops: str) -> Model:
    """The potential, set to those operators.

    Raises:
        ExportError: unknown ones, or fused ones where they are not installed.
    """
    try:
        return potential.use_ops(ops)
    except (ConfigError, OperatorsMissing) as error:
        raise ExportError(str(error)) from None


def charge_of(potential: Model, topology: Atoms | None, given: float | None) -> float:
    """Total charge in e: what is given, else what the topology states, else 0.

    Raises:
        ExportError: given for a potential without charges; statements that contradict each other.
    """
    if given is not None and not potential.charged:
        raise ExportError(
            f"total charge {given:+g}: this potential has no charges; leave it out, or fit one "
            "with electrostatics"
        )
    if given is not None or topology is None:
        return given or 0.0
    try:
        return total_charge_of(stated_by(topology)) or 0.0
    except ValueError as error:
        raise ExportError(f"topology: {error}") from None


def script(
    potential: Model, topology: Atoms | None, total_charge: float = 0.0
) -> torch.jit.ScriptModule:
    """The potential as TorchScript, bound to ``topology`` where there is one."""
    types = None
    if topology is not None:
        symbols = topology.get_chemical_symbols()
        types = torch.from_numpy(types_of(symbols, potential.symbols, "topology"))
    periodic = topology is not None and bool(topology.pbc.all())
    form = FORMS[isinstance(potential, Committee), potential.charged]
    return compile_script(form(potential, types, periodic, total_charge).eval())


def describe(checkpoint: Checkpoint, potential: Model, topology: Atoms | None) -> Metadata:
    """What the file will say about itself."""
    info = None if topology is None else topology_info(topology)
    symbols, charges = potential.symbols, potential.electrostatics_settings
    return Metadata(
        format_version=_format_of(potential),
        n_members=potential.n_members if isinstance(potential, Committee) else 1,
        calibration=checkpoint.calibration,
        electrostatics=charges,
        model=checkpoint.model_name,
        settings=checkpoint.model_settings,
        species=symbols,
        cutoff=potential.cutoff,
        n_layers=potential.n_layers,
        width=potential.width,
        readout_reads_neighbors=potential.readout_reads_neighbors,
        published=potential.published,
        molecular=potential.molecular,
        dtype=str(potential.dtype).removeprefix("torch."),
        reference_energies=dict(zip(symbols, potential.reference_energies.tolist(), strict=True)),
        shortest_distances=by_elements(symbols, potential.shortest_distances),
        topology=info,
        topology_fingerprint=None if info is None else info.fingerprint,
        topology_cell=topology.cell.tolist()
        if topology is not None and topology.pbc.all()
        else None,
        training=checkpoint.training,
    )


def _format_of(potential: Model) -> int:
    """The oldest that can hold it."""
    if not potential.charged:
        return WITHOUT_CHARGES
    settings = electrostatics_of(potential.electrostatics_settings)
    if settings is not None and settings.polarization is not None:
        return FORMAT_VERSION
    return CHARGES_OF_COMMITTEES if isinstance(potential, Committee) else CHARGES_OF_ONE


def certificate_of(checkpoint: Checkpoint, module: torch.jit.ScriptModule) -> dict[str, Any] | None:
    """The checkpoint's, if it holds for its parameters; from here on for those of the file, which
    are the same numbers and what follows from them.
    """
    kept = valid_certificate(checkpoint.certificate, checkpoint.model)
    return None if kept is None else {**kept, "parameters": fingerprint(module)}


def verify(path: Path, potential: Model, topology: Atoms | None) -> None:
    """Compare energy, forces and virial of the file with the eager potential.

    Raises:
        ExportError: naming what differs and by how much.
    """
    module, metadata = read_exported(path)
    atoms = _random_cluster(potential) if topology is None else topology
    tolerance = TOLERANCES[potential.dtype]
    types = torch.from_numpy(types_of(atoms.get_chemical_symbols(), potential.symbols, path))
    positions = torch.from_numpy(atoms.positions)
    cell, pbc = torch.from_numpy(atoms.cell.array.copy()), torch.from_numpy(atoms.pbc.copy())
    neighbors = neighbor_list(positions, cell, pbc, potential.cutoff)
    if topology is not None:
        _check_topology(atoms, neighbors, metadata)
    edges = types, neighbors.edge_index, neighbors.vectors
    geometry = single_geometry(positions, cell, pbc, metadata.total_charge)
    eager = predict(potential, *edges, geometry=geometry)
    saved = predict(energies_of(module, metadata), *edges, geometry=geometry)
    # On the random cluster forces are large, and of them their share counts: float32 has seven
    # digits, and other operators round otherwise.
    large = float(eager.forces.abs().max().clamp(min=1.0)) if topology is None else 1.0
    differences = {
        "energy per atom": (eager.energy - saved.energy).abs().max() / len(atoms),
        "force": (eager.forces - saved.forces).abs().max() / large,
        "virial per atom": (eager.virial - saved.virial).abs().max() / len(atoms) / large,
    }
    if eager.charges is not None and saved.charges is not None:
        differences["charge"] = (eager.charges - saved.charges).abs().max()
    if topology is not None:
        energy, forces = _as_openmm(module, positions, cell if atoms.pbc.all() else None)
        differences["OpenMM energy per atom"] = (energy - eager.energy[0]).abs() / len(atoms)
        differences["OpenMM force"] = (forces - eager.forces).abs().max()
    wrong = {name: float(d) for name, d in differences.items() if not float(d) <= tolerance}
    if wrong:
        raise ExportError(
            f"the exported file differs from the potential by {wrong} (allowed {tolerance}, eV and "
            f"A; forces and virials in units of {large:.3g} eV/A); nothing was written. "
            "Please report this with the checkpoint."
        )


def _check_topology(atoms: Atoms, neighbors: Neighbors, metadata: Metadata) -> None:
    """Refuse a structure in other units or with other elements, where the file is not to blame."""
    symbols = atoms.get_chemical_symbols()
    try:
        check_apart(symbols, neighbors.edge_index, neighbors.distances)
        check_contacts(
            symbols, neighbors.edge_index, neighbors.distances, metadata.shortest_distances
        )
    except FrameError as error:
        raise ExportError(f"topology: {error}") from None


def _as_openmm(
    module: torch.jit.ScriptModule, positions: Tensor, box: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Energy (eV) and forces (eV/A) the way OpenMM asks for them; positions and box in A."""
    positions_nm = (positions / NM_IN_ANGSTROM).requires_grad_(True)
    try:
        energy = module(positions_nm, None if box is None else box / NM_IN_ANGSTROM)
    except torch.jit.Error as error:
        own_words = str(error).rpartition("physrep: ")[2].strip()
        raise ExportError(f"topology: {own_words}") from None
    (slope,) = torch.autograd.grad(energy, positions_nm)
    return energy.detach() / EV_IN_KJ_PER_MOL, -slope / (EV_IN_KJ_PER_MOL * NM_IN_ANGSTROM)


def _random_cluster(potential: Model) -> Atoms:
    """Atoms of every species about 2 A apart, to compare with where no topology is given."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3) * 2.0
    numbers = [potential.species[k % len(potential.species)] for k in range(len(grid))]
    return Atoms(numbers=numbers, positions=grid + rng.uniform(-0.1, 0.1, grid.shape))
