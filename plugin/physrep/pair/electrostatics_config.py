"""Settings of a potential with charges."""

from typing import Annotated, Any, Literal

from pydantic import Field

from physrep.config import StrictModel


class ElectrostaticsConfig(StrictModel):
    """Charges predicted from the features of the atoms, their Coulomb energy at any distance and,
    optionally, dispersion.
    """

    smearing: Annotated[float, Field(ge=0.5, le=5.0)] = 1.5
    """[A] Width sigma of the smeared interaction erf(r / (sqrt(2) sigma)) / r. About a third of the
    model's cutoff: what the smearing takes off at short range is left to the network."""
    accuracy: Annotated[float, Field(ge=1e-10, le=1e-2)] = 1e-4
    """[eV/A] Root mean square error of the force on a charge of 1 e among such charges (0.1 of them
    in 1 A^3), from the sum over periodic images."""
    shift: Literal["equal", "learned"] = "equal"
    """How the atoms share what their raw charges lack to the total charge: ``equal``, or by
    weights ``learned`` for each element."""
    polarization: bool = False
    """Dipoles at the atoms, induced by the charges: the polarizability of each is read from its
    features, as its charge is."""
    dispersion: Literal["none", "d3"] = "none"
    """Dispersion at any distance too, damped by the same smearing: ``d3``, with the C6 of DFT-D3
    (S. Grimme et al., J. Chem. Phys. 132 (2010) 154104), averaged by element over the training
    data."""


def electrostatics_of(settings: dict[str, Any] | None) -> ElectrostaticsConfig | None:
    """Settings as a file holds them; None for a potential without charges.

    Raises:
        ConfigError: an unknown or impossible setting.
    """
    return None if settings is None else ElectrostaticsConfig.parse(settings)
