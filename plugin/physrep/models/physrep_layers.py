"""The layers of PhysRep: embedding of atoms, attention, the head that guesses masked elements.

Source: "Towards Physically Reliable Molecular Representation Learning" (UAI 2023). Where the paper
is silent the attention is that of TorchMD-Net's Transformer (Thoelke and De Fabritiis, ICLR 2022):
LayerNorm before the projections, SiLU instead of a softmax, no feed-forward part, a residual.
"""

import math
from typing import Final

import torch
from ase.data import chemical_symbols
from torch import Tensor, nn

from physrep.config import ConfigError
from physrep.nn.activations import swish
from physrep.nn.edges import Edges, own_rows
from physrep.nn.electronegativity import electronegativity
from physrep.nn.scatter import sum_edges
from physrep.ops.messages import MessageInputs, PortableMessages
from physrep.ops.products import PortableProducts

N_ELEMENTS = 64  # classes of the element head: atomic numbers 1 to 64


class AtomEmbedding(nn.Module):
    """x_i = W [s_i; sum_j U (s_j * V psi_ij)], s = [embedding, electronegativity] (eqs. 1, 4)."""

    electronegativity: Tensor

    def __init__(self, species: list[int], features: int, n_basis: int, masking: bool) -> None:
        """masking: one more type, [MASK], whose electronegativity is the mean of the others."""
        super().__init__()
        values = torch.tensor([electronegativity(chemical_symbols[z]) for z in species])
        if masking:
            values = torch.cat([values, values.mean().unsqueeze(0)])
        self.embedding = nn.Embedding(len(values), features)
        self.register_buffer("electronegativity", values.unsqueeze(1))
        self.n_basis = n_basis
        self.filter = nn.Linear(n_basis, features + 1, bias=False)
        self.neighbor = nn.Linear(features + 1, features, bias=False)
        self.join = nn.Linear(2 * features + 1, features)

    def forward(self, types: Tensor, edges: Edges) -> Tensor:
        """types (n_atoms,) -> (n_centers, features)."""
        table = torch.cat([self.embedding.weight, self.electronegativity], dim=1)
        sent = table.index_select(0, types.index_select(0, edges.neighbors))
        basis = edges.features[:, : self.n_basis]
        sums = sum_edges(sent * self.filter(basis), edges.centers, edges.n_centers)
        entries = table.index_select(0, types[: edges.n_centers])
        return self.join(torch.cat([entries, self.neighbor(sums)], dim=1))


class AttentionBlock(nn.Module):
    """x_i <- x_i + O sum_j a_ij v_j * D^V_ij,  a_ij = SiLU(q_i . (k_j * D^K_ij)) envelope, by head.

    D^K and D^V are SiLU of linear maps of the radial basis. ``adjacency`` multiplies a_ij by
    SiLU(linear(A_ij)) with A_ij in the last column of the edge features. ``token``: rows of x are
    [x_i, c], c the [CLS] token of the atom's molecule, which takes part as one more neighbour of
    every atom, with D = 1 and no envelope, and has all atoms for neighbours itself.
    """

    token: Final[bool]
    adjacency: Final[bool]

    def __init__(
        self, features: int, heads: int, n_basis: int, token: bool, adjacency: bool
    ) -> None:
        super().__init__()
        self.token = token
        self.adjacency = adjacency
        self.features = features
        self.n_basis = n_basis
        self.heads = heads
        self.head_width = features // heads
        self.norm = nn.LayerNorm(features)
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.distance_key = nn.Linear(n_basis, features)
        self.distance_value = nn.Linear(n_basis, features)
        self.output = nn.Linear(features, features)
        self.scale = 1.0 / math.sqrt(self.head_width)
        self.products = PortableProducts(heads, self.scale)
        self.messages = PortableMessages(heads)
        if adjacency:
            self.mask = nn.Linear(1, heads)
            nn.init.ones_(self.mask.weight)  # SiLU(1 + A): bonded pairs count more from the start
            nn.init.ones_(self.mask.bias)

    def forward(self, h: Tensor, edges: Edges) -> Tensor:
        """(n_atoms, width) -> (n_centers, width), width = features, twice that with a token."""
        x = h[:, : self.features] if self.token else h
        normed = self.norm(x)
        query = self.query(own_rows(normed, edges))
        key, value = self.key(normed), self.value(normed)
        message = self.from_atoms(query, key, value, edges)
        if not self.token:
            return own_rows(x, edges) + self.output(message)
        token = h[:, self.features :]
        normed_token = self.norm(token)
        token_query, token_key = self.query(normed_token), self.key(normed_token)
        message = message + self.attend(query, token_key, self.value(normed_token))
        sums = sum_edges(self.attend(token_query, key, value), edges.molecules, edges.n_centers)
        to_token = sums.index_select(0, edges.molecules)
        return torch.cat([x + self.output(message), token + self.output(to_token)], dim=1)

    def from_atoms(self, query: Tensor, key: Tensor, value: Tensor, edges: Edges) -> Tensor:
        """What the neighbours send, (n_centers, features)."""
        by_key, by_value = self.distance_key, self.distance_value
        logits = self.products(query, key, by_key.weight.t(), by_key.bias, edges)
        weights = swish(logits) * edges.envelope.unsqueeze(-1)
        if self.adjacency:
            weights = weights * swish(self.mask(edges.features[:, self.n_basis :]))
        inputs = MessageInputs(weights, None, by_value.weight.t(), by_value.bias)
        return self.messages(value, inputs, edges)

    def attend(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Attention of row i to row i alone, all (n_atoms, features)."""
        return value * self.spread(swish(self.by_head(query * key)))

    def by_head(self, product: Tensor) -> Tensor:
        """(n, features) -> scaled sums over each head, (n, heads)."""
        return product.view(-1, self.heads, self.head_width).sum(dim=2) * self.scale

    def spread(self, weights: Tensor) -> Tensor:
        """(n, heads) -> (n, features)."""
        return weights.repeat_interleave(self.head_width, dim=1)


class ElementHead(nn.Module):
    """Logits of the elements 1 to 64 for every atom: two layers on its features (eq. 7)."""

    def __init__(self, species: list[int], features: int) -> None:
        super().__init__()
        if max(species) > N_ELEMENTS:
            raise ConfigError(
                f"masking guesses among the elements 1 to {N_ELEMENTS}, the data holds "
                f"{chemical_symbols[max(species)]} ({max(species)}); set model.masking to false"
            )
        self.hidden = nn.Linear(features, features)
        self.logits = nn.Linear(features, N_ELEMENTS)

    def forward(self, x: Tensor) -> Tensor:
        """(n_atoms, features) -> (n_atoms, 64); column k is the element k + 1."""
        return self.logits(swish(self.hidden(x)))
