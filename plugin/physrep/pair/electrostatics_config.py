"""Settings of a potential with charges."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from physrep.config import StrictModel


class PolarizationConfig(StrictModel):
    """Dipoles at the atoms in the field of all charges: the polarizability of each is read from its
    features, as its charge is.
    """

    smearing: Annotated[float, Field(ge=0.5, le=5.0)] = 3.0
    """[A] Width of the smearing of the field, at least that of the charges: fields within a
    molecule and of the nearest ones are left to the network."""


class ElectrostaticsConfig(StrictModel):
    """Charges predicted from the features of the atoms, their Coulomb energy at any distance and,
    optionally, polarization and dispersion.
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
    polarization: PolarizationConfig | None = None
    """Dipoles at the atoms, induced by the charges; null for none."""
    dispersion: Literal["none", "d3"] = "none"
    """Dispersion at any distance too, damped by the same smearing: ``d3``, with the C6 of DFT-D3
    (S. Grimme et al., J. Chem. Phys. 132 (2010) 154104), averaged by element over the training
    data."""

    @model_validator(mode="after")
    def _fields_are_smooth(self) -> Self:
        polar = self.polarization
        if polar is not None and polar.smearing < self.smearing:
            raise ValueError(
                f"polarization.smearing = {polar.smearing}: give at least the smearing of the "
                f"charges, {self.smearing}"
            )
        return self


def electrostatics_of(settings: dict[str, Any] | None) -> ElectrostaticsConfig | None:
    """Settings as a file holds them; None for a potential without charges.

    Raises:
        ConfigError: an unknown or impossible setting.
    """
    return None if settings is None else ElectrostaticsConfig.parse(settings)
