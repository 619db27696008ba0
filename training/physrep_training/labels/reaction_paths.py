"""Labelled reaction paths: reactant, transition state and product joined and labelled by GFN2-xTB.

The geometries come from an npz of arrays `rxn_id` (n,), `dE0_kcal` (n,), `smiles` (n,), `offsets`
(n + 1,) and, of all atoms one after the other, `Z` (N,), `R`, `TS` and `P` (N, 3) in A: RDB7
(K. Spiekermann, L. Pattanaik and W. H. Green, Sci. Data 9 (2022) 417).

A transition state of RDB7 is not one of GFN2-xTB: forces of 1 eV/A are common there, and a
neighbouring image may have a higher energy. The ends are minima of GFN2-xTB once they are relaxed.
"""

import io
import multiprocessing
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.mep import NEB
from ase.mep.neb import idpp_interpolate
from ase.optimize import LBFGS

from physrep.analysis.structure.superposition import superposed
from physrep.covalent import PATH_BOND_FACTOR, bond_reach
from physrep.io import DataError
from physrep.output import append_to_file, make_folder
from physrep.progress import progress, say
from physrep_training.labels.electrons import electrons_of
from physrep_training.labels.gfn2 import label
from physrep_training.labels.with_tblite import METHOD, with_tblite

ARRAYS = ("rxn_id", "dE0_kcal", "smiles", "offsets", "Z", "R", "TS", "P")
RELAXED = 0.05  # eV/A
MAX_STEPS = 500
SCATTERED = 30.0  # eV above the higher of transition state and ends: atoms run into each other


class PathError(RuntimeError):
    """A reaction that cannot be made a labelled path; the message says why."""


class Reaction(NamedTuple):
    """One reaction; positions (n_atoms, 3) in A, in the same order of atoms."""

    id: int
    numbers: np.ndarray  # (n_atoms,)
    reactant: np.ndarray
    ts: np.ndarray
    product: np.ndarray
    smiles: str
    barrier_kcal: float  # kcal/mol, of the file's level of theory


class PathSettings(NamedTuple):
    """How a path is made: images within each half, and whether the ends are relaxed."""

    images: int = 4
    relax_ends: bool = True

    @property
    def n_images(self) -> int:
        """Of the whole path: reactant, half, transition state, half, product."""
        return 2 * self.images + 3


def load_reactions(path: str | Path) -> list[Reaction]:
    """Every reaction of an npz (layout above).

    Raises:
        DataError: an array is missing or does not match the others, or a number is not finite.
        FileNotFoundError: there is no such file.
    """
    with np.load(path, allow_pickle=False) as archive:
        missing = [name for name in ARRAYS if name not in archive]
        if missing:
            raise DataError(f"missing {', '.join(missing)}; it has: {', '.join(archive)}", path)
        arrays = {name: archive[name] for name in ARRAYS}
    _check(arrays, path)
    offsets = arrays["offsets"]
    rows = [slice(first, last) for first, last in pairwise(offsets)]
    return [
        Reaction(
            int(arrays["rxn_id"][k]),
            arrays["Z"][row].astype(int),
            arrays["R"][row].astype(float),
            arrays["TS"][row].astype(float),
            arrays["P"][row].astype(float),
            str(arrays["smiles"][k]),
            float(arrays["dE0_kcal"][k]),
        )
        for k, row in enumerate(rows)
    ]


def _check(arrays: Mapping[str, np.ndarray], path: str | Path) -> None:
    n, offsets = len(arrays["rxn_id"]), arrays["offsets"]
    if len(np.unique(arrays["rxn_id"])) != n:
        raise DataError("has the same rxn_id twice; number its reactions", path)
    if offsets.shape != (n + 1,) or offsets[0] != 0 or (np.diff(offsets) < 1).any():
        raise DataError(f"offsets must rise from 0 in {n + 1} steps; fetch it again", path)
    n_atoms = int(offsets[-1])
    shapes = {"Z": (n_atoms,), "dE0_kcal": (n,), "smiles": (n,)}
    for name in ARRAYS[1:]:
        wanted = shapes.get(name, (n + 1,) if name == "offsets" else (n_atoms, 3))
        if arrays[name].shape != wanted:
            raise DataError(f"{name} has shape {arrays[name].shape}, not {wanted}", path)
        if arrays[name].dtype.kind == "f" and not np.isfinite(arrays[name]).all():
            raise DataError(f"{name} has numbers that are not finite; fetch it again", path)


def choose_reactions(reactions: list[Reaction], n: int, seed: int) -> list[Reaction]:
    """n reactions at random; fewer of the same seed are the first of more."""
    if not 1 <= n <= len(reactions):
        raise DataError(f"--reactions {n}: the file has {len(reactions)}; ask for 1 to that many")
    order = np.random.default_rng(seed).permutation(len(reactions))
    return [reactions[k] for k in order[:n]]


def reactant_of(smiles: str) -> str:
    """The reactant's side of a reaction's SMILES."""
    return smiles.split(">>", maxsplit=1)[0]


def labelled_path(reaction: Reaction, settings: PathSettings) -> list[Atoms]:
    """Reactant, images, transition state, images, product; `n_images` frames with labels.

    Both ends are rotated onto the transition state. The images are interpolated with the image
    dependent pair potential (S. Smidstrup, A. Pedersen, K. Stokbro and H. Jonsson, J. Chem. Phys.
    140 (2014) 214106), as straight lines let hydrogens run through each other.

    Raises:
        PathError: an end changes its bonds or is not relaxed in MAX_STEPS steps, two atoms run
            into each other, or GFN2-xTB does not converge.
    """
    ts = Atoms(reaction.numbers, reaction.ts)
    ends = []
    try:
        for name, positions in (("reactant", reaction.reactant), ("product", reaction.product)):
            end = Atoms(reaction.numbers, positions)
            end = _relaxed(end, name) if settings.relax_ends else end
            ends.append(Atoms(end.numbers, superposed(end.positions, ts.positions)))
        first, last = (
            interpolate(a, b, settings.images) for a, b in ((ends[0], ts), (ts, ends[1]))
        )
        path = [label(atoms) for atoms in first + last[1:]]
    except PathError:
        raise
    except RuntimeError as error:  # of tblite, under several names
        raise PathError(f"GFN2-xTB failed: {str(error).strip().splitlines()[0]}") from error
    _refuse_collisions(path)
    _describe(path, reaction, settings)
    return path


def attempt(reaction: Reaction, settings: PathSettings) -> list[Atoms] | str:
    """`labelled_path`, or the reason why it failed."""
    try:
        return labelled_path(reaction, settings)
    except PathError as error:
        return str(error)


def _relaxed(atoms: Atoms, name: str) -> Atoms:
    """The nearest minimum of GFN2-xTB, if it is still the same molecule."""
    electrons = electrons_of(atoms)
    moving = with_tblite(atoms, electrons.charge, electrons.multiplicity)
    # ASE's annotation does not say that None means no log.
    optimizer = LBFGS(moving, logfile=None)  # type: ignore[arg-type]  # see above
    if not optimizer.run(fmax=RELAXED, steps=MAX_STEPS):
        raise PathError(f"the {name} is not relaxed after {MAX_STEPS} steps")
    if (bonds(atoms) != bonds(moving)).any():
        raise PathError(f"the {name} changes its bonds when it is relaxed")
    moving.calc = None
    return moving


def bonds(atoms: Atoms) -> np.ndarray:
    """(n_atoms, n_atoms) bool: which atoms are close enough to be bonded."""
    reach = bond_reach(atoms.numbers[:, None], atoms.numbers, PATH_BOND_FACTOR)
    near = atoms.get_all_distances() < reach
    np.fill_diagonal(near, False)
    return near


def interpolate(first: Atoms, last: Atoms, images: int) -> list[Atoms]:
    """first, `images` between and last."""
    weights = np.linspace(0, 1, images + 2)
    lines = [(1 - w) * first.positions + w * last.positions for w in weights]
    path = [Atoms(first.numbers, positions) for positions in lines]
    if images:
        idpp_interpolate(NEB(path, method="improvedtangent"), traj=None, log=None, steps=100)
    for atoms in path:
        atoms.calc = None
    return path


def _refuse_collisions(path: list[Atoms]) -> None:
    energies = np.array([atoms.info["REF_energy"] for atoms in path])
    forces = [atoms.arrays["REF_forces"] for atoms in path]
    if not np.isfinite(energies).all() or not all(np.isfinite(f).all() for f in forces):
        raise PathError("GFN2-xTB gives numbers that are not finite")
    height = energies.max() - max(energies[0], energies[len(path) // 2], energies[-1])
    if height > SCATTERED:
        raise PathError(f"an image lies {height:.0f} eV above the transition state")


def _describe(path: list[Atoms], reaction: Reaction, settings: PathSettings) -> None:
    roles = {0: "reactant", len(path) // 2: "ts", len(path) - 1: "product"}
    for image, atoms in enumerate(path):
        atoms.info.update(
            reaction=reaction.id,
            image=image,
            n_images=settings.n_images,
            role=roles.get(image, "path"),
            ends_relaxed=settings.relax_ends,
            barrier_kcal=reaction.barrier_kcal,
            reactant=reactant_of(reaction.smiles),
            smiles=reaction.smiles,
        )


def append_path(output: Path, path: list[Atoms]) -> None:
    """Write a whole reaction at once; `finished_reactions` removes what a kill leaves of it."""
    text = io.StringIO()
    frames = [atoms.copy() for atoms in path]
    for atoms in frames:  # ASE writes backslashes as they are and takes them for escapes later
        for key in ("smiles", "reactant"):
            atoms.info[key] = atoms.info[key].replace("\\", "\\\\")
    ase.io.write(text, frames, format="extxyz")
    append_to_file(output, text.getvalue())


def finished_reactions(output: Path, settings: PathSettings) -> set[int]:
    """Ids of the reactions that the output holds completely; half of one at its end is removed.

    Raises:
        DataError: the file was made with other settings, or by something else.
    """
    if not output.exists():
        return set()
    done, whole, images = set(), 0, 0
    with open(output, "rb") as file:
        while (comment := _next_comment(file, output)) is not None:
            said = _said(comment, output, settings)
            images = images + 1 if said["image"] else 1
            if said["image"] != images - 1:
                raise DataError(
                    f"image {said['image']} of {said['reaction']} is out of turn", output
                )
            if images == settings.n_images:
                done.add(said["reaction"])
                whole = file.tell()
    with open(output, "r+b") as file:
        file.truncate(whole)
    return done


def _next_comment(file: io.BufferedReader, output: Path) -> str | None:
    """The comment line of the next frame, which is passed; None at the end or in half a frame."""
    header, comment = file.readline(), file.readline()
    if header and not header.strip().isdigit():
        raise DataError(f"is not extxyz: {header[:40]!r}; give another -o", output)
    if not comment.endswith(b"\n"):
        return None
    lines = [file.readline() for _ in range(int(header))]
    return comment.decode() if all(line.endswith(b"\n") for line in lines) else None


def _said(comment: str, output: Path, settings: PathSettings) -> dict[str, int]:
    matches = {
        name: re.search(rf"\b{name}=(\S+)", comment)
        for name in ("reaction", "image", "n_images", "ends_relaxed", "method")
    }
    texts = {name: match.group(1) for name, match in matches.items() if match}
    if len(texts) < len(matches):
        raise DataError("holds frames that are not from labelled paths; give another -o", output)
    wanted = (str(settings.n_images), "FT"[settings.relax_ends], METHOD)
    if (texts["n_images"], texts["ends_relaxed"], texts["method"]) != wanted:
        raise DataError(
            f"was made with n_images={texts['n_images']} ends_relaxed={texts['ends_relaxed']} "
            f"method={texts['method']}, now they are {', '.join(wanted)}; give another -o or the "
            f"old options",
            output,
        )
    return {name: int(texts[name]) for name in ("reaction", "image")}


def make_paths(
    geometries: Path, output: Path, settings: PathSettings, n: int, seed: int, threads: int = 1
) -> str:
    """Compute the reactions of `n` that the output lacks and append them one by one.

    Returns:
        a line that sums up.

    Raises:
        DataError: the geometries are missing or damaged, or the output is of other settings.
    """
    if not geometries.is_file():
        raise DataError("no such file; give the npz of the geometries", geometries)
    chosen = choose_reactions(load_reactions(geometries), n, seed)
    done = finished_reactions(output, settings)
    missing = [reaction for reaction in chosen if reaction.id not in done]
    if done:
        say("paths", f"{n - len(missing)} of {n} reactions are in {output} already")
    make_folder(output.parent)
    skipped = 0
    results = progress(_attempts(missing, settings, threads), "paths", "reaction", len(missing))
    for reaction, result in zip(missing, results, strict=True):
        if isinstance(result, str):
            skipped += 1
            say("paths", f"reaction {reaction.id} skipped: {result}")
        else:
            append_path(output, result)
    return f"paths: {n - skipped} reactions, {skipped} skipped, {output}"


def _attempts(
    reactions: list[Reaction], settings: PathSettings, threads: int
) -> Iterator[list[Atoms] | str]:
    """Paths in the order of the reactions, `threads` of them computed at a time."""
    work = partial(attempt, settings=settings)
    if threads == 1:
        yield from map(work, reactions)
        return
    # These molecules are too small for more than one core each. Forking is safe, as this process
    # never computes, and spares every worker the imports.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(threads, mp_context=context) as pool:
        yield from pool.map(work, reactions)
