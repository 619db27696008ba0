"""JAT as the thesis ran it: JAX, jitted, a list of edges of fixed length inside the compiled step.

Written from the equations of the published model (S. Hoedl, TU Wien 2022); parameters: the
published ones of ethylammonium nitrate, float32. ``check`` compares with the authors' numbers.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ase import Atoms

from contenders.common import Step

PUBLISHED = Path(__file__).resolve().parents[2] / "data" / "published"
N_LAYERS, CUTOFF, NEIGHBORS, EPSILON = 7, 5.0, 69, 1e-6


def swish(x: jax.Array) -> jax.Array:
    return x * jax.nn.sigmoid(x)


def layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + EPSILON) * scale + bias


def parameters() -> dict[str, jax.Array]:
    with np.load(PUBLISHED / "jat_ean_params.npz") as file:
        return {key.removeprefix("params/"): jnp.asarray(file[key]) for key in file}


def edges(
    positions: jax.Array, cell: jax.Array, n_edges: int
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Senders, receivers and squared distances of the pairs within the cutoff, self included.

    Padding has the index n_atoms.
    """
    n_atoms = len(positions)
    delta = positions[None] - positions[:, None]
    delta -= jnp.round(delta @ jnp.linalg.inv(cell)) @ cell
    squares = (delta**2).sum(-1)
    near = squares < CUTOFF**2
    senders, receivers = jnp.nonzero(near, size=n_edges, fill_value=n_atoms)
    return senders, receivers, squares[senders, receivers]


def energy(
    p: dict[str, jax.Array],
    positions: jax.Array,
    cell: jax.Array,
    types: jax.Array,
    n_edges: int,
) -> jax.Array:
    """eV, with the arbitrary origin of the published model."""
    n_atoms = len(positions)
    senders, receivers, squares = edges(positions, cell, n_edges)
    h = p["embed/embedding"][types]
    for t in range(N_LAYERS):
        name = f"core_model/jat_layers_{t}"
        sent = h @ p[f"{name}/DenseGeneral_0/kernel"][0, :, 0]
        received = h @ p[f"{name}/DenseGeneral_1/kernel"][0, :, 0]
        a = p[f"{name}/DenseGeneral_2/kernel"][0, :, 0, 0]
        logits = swish(sent[senders] + received[receivers]) @ a[:-1] + a[-1] * squares
        logits = jnp.where(senders < n_atoms, logits, -jnp.inf)
        top = jax.ops.segment_max(logits, receivers, n_atoms)
        weights = jnp.exp(logits - jax.lax.stop_gradient(top)[receivers])
        weights = jnp.where(senders < n_atoms, weights, 0.0)
        total = jax.ops.segment_sum(weights, receivers, n_atoms)
        message = jax.ops.segment_sum(weights[:, None] * sent[senders], receivers, n_atoms)
        h = swish(message / total[:, None]) + h
        if t < N_LAYERS - 1:
            h = layer_norm(h, p[f"{name}/LayerNorm_0/scale"], p[f"{name}/LayerNorm_0/bias"])
    for k in range(4):
        norm = f"core_model/LayerNorm_{k}"
        h = h @ p[f"core_model/Dense_{k}/kernel"]
        h = swish(layer_norm(h, p[f"{norm}/scale"], p[f"{norm}/bias"]))
    atomic = swish(h @ p["core_model/Dense_4/kernel"])
    return (atomic * p["denormalizer/kernel"][0, 0] + p["denormalizer/bias"][0]).sum()


def prepare(atoms: Atoms, variant: str = "") -> Step:
    elements = json.loads((PUBLISHED / "jat_ean_hparams.json").read_text())["sorted_elements"]
    types = jnp.asarray([elements.index(symbol) for symbol in atoms.symbols])
    cell = jnp.asarray(atoms.cell.array, dtype=jnp.float32)
    p, n_edges = parameters(), NEIGHBORS * len(atoms)
    both = jax.jit(jax.value_and_grad(lambda x: energy(p, x, cell, types, n_edges)))

    def step(positions: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = both(jnp.asarray(positions, dtype=jnp.float32))
        return float(value), -np.asarray(gradient)

    return step


def check() -> None:
    """Against the authors' forces, eV/A."""
    with np.load(PUBLISHED / "jat_ean_reference.npz") as file:
        atoms = Atoms(file["atomic_numbers"], file["positions"][0], cell=file["cells"][0], pbc=True)
        error = np.abs(prepare(atoms)(atoms.positions)[1] - file["F_jat_f32"][0]).max()
    print(f"thesis_jat_jax: largest difference from the published forces {error:.1e} eV/A")
    if error > 2e-4:
        raise SystemExit("thesis_jat_jax does not reproduce the published model")


if __name__ == "__main__":
    check()
