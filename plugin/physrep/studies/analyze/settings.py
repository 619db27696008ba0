"""What a user may choose."""

from dataclasses import dataclass, field

from physrep.analysis.chemistry.events import TAU
from physrep.analysis.motion.infrared import CORRECTIONS, HARMONIC
from physrep.config import ConfigError


@dataclass(frozen=True)
class Settings:
    """How a trajectory is analysed.

    r_max: of the radial distributions, A; None: 0.48 of the smallest height of the first cell, at
    most 10 A (half is the most that is possible, and the cell may change). every: structure is
    taken from every ``every``-th frame; motion and reactions always from all. tau: ps, bond changes
    undone within it are rattling. temperature: K, for conductivities; None: from velocities in the
    trajectory. wrapped: whether positions may have been put back into the cell; None: what the
    frame says. intramolecular: radial distributions also of pairs of one molecule. charges: e, in
    place of guesses, by formula or name, {"PF6": -1}. molecules: (n_atoms,) name of the molecule of
    each atom; None: bonded atoms of the first frame. quantum_correction: factor of the infrared
    spectrum, a name of :data:`physrep.analysis.motion.infrared.CORRECTIONS`.
    """

    r_max: float | None = None
    every: int = 1
    tau: float = TAU
    temperature: float | None = None
    wrapped: bool | None = None
    intramolecular: bool = False
    charges: dict[str, float] = field(default_factory=dict)
    molecules: tuple[str, ...] | None = None
    quantum_correction: str = HARMONIC

    def __post_init__(self) -> None:
        """Raises: ConfigError: a number that makes no sense."""
        checks = {
            "r_max": (self.r_max is None or 0.0 < self.r_max < float("inf"), "positive, in A"),
            "every": (self.every >= 1, "at least 1"),
            "tau": (0.0 <= self.tau < float("inf"), "0 or more, in ps"),
            "temperature": (
                self.temperature is None or 0.0 < self.temperature < float("inf"),
                "positive, in K",
            ),
            "quantum_correction": (
                self.quantum_correction in CORRECTIONS,
                f"one of {', '.join(CORRECTIONS)}",
            ),
        }
        for name, (good, wanted) in checks.items():
            if not good:
                raise ConfigError(f"{name} = {getattr(self, name)}: must be {wanted}")
