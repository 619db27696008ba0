"""openmm-ml: ``MLPotential("physrep", model="ean.pt")``; what its entry point names.

openmm-ml imports this module whenever it is imported itself: it imports nothing heavy, and not
openmm-ml, which is half imported then.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from physrep.engines.mlpotential_forces import PhysRepPotential


class PhysRepFactory:
    """Makes a :class:`physrep.engines.mlpotential_forces.PhysRepPotential`."""

    def createImpl(self, name: str, **args: Any) -> "PhysRepPotential":  # noqa: N802 (of openmm-ml)
        """args: ``model``, the exported file.

        Raises:
            ValueError: no ``model``, or another argument.
        """
        from physrep.engines.mlpotential_forces import PhysRepPotential

        if set(args) != {"model"}:
            received = ", ".join(f"{key}={value!r}" for key, value in args.items()) or "nothing"
            raise ValueError(
                f"MLPotential({name!r}) received {received}: give the exported file and nothing "
                f"else, MLPotential({name!r}, model='ean.pt')"
            )
        return PhysRepPotential(args["model"])
