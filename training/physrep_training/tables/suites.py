"""What a finished fit is worth, by one of several measures, on its own test part."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from physrep.engines.ase import PhysRepCalculator
from physrep.io import iter_structures
from physrep.output import make_folder, write_file
from physrep.studies.evaluate import reaction_paths, reliability
from physrep.studies.evaluate.label_errors import evaluate
from physrep_training.data.splits import load_part
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.fitting import finish_fit

Numbers = dict[str, Any]


class Column(NamedTuple):
    """A number of a suite: its name, its title with the unit, its format."""

    key: str
    title: str
    format: str


SUITES: dict[str, tuple[Column, ...]] = {
    "errors": (
        Column("force_mae", "force MAE (eV/Å)", ".4f"),
        Column("force_rmse", "force RMSE (eV/Å)", ".4f"),
    ),
    "reliability": (
        Column("mae_e_mev", "MAE_E (meV)", ".1f"),
        Column("mae_f", "MAE_F (eV/Å)", ".4f"),
        Column("delta_p", "ΔP (Å)", ".4f"),
        Column("delta_e_mev", "ΔE (meV)", ".1f"),
        Column("recovered", "recovered", ".2f"),
        Column("assembly_recovered", "assembled", ".2f"),
    ),
    "paths": (
        Column("barrier_mae_ev", "barrier MAE (eV)", ".3f"),
        Column("within_0_2_ev", "within 0.2 eV", ".2f"),
        Column("energy_mae_ev", "path MAE (eV)", ".3f"),
    ),
}

JUDGED = (  # of every further file of tests
    Column("force_mae", "force MAE (eV/Å)", ".4f"),
    Column("force_rmse", "force RMSE (eV/Å)", ".4f"),
    Column("energy_rmse_mev_per_atom", "energy RMSE (meV/atom)", ".2f"),
)

DRAWN = {"errors": "force_mae", "reliability": "delta_p", "paths": "barrier_mae_ev"}  # in figures


def measure(suite: str, config: FitConfig) -> Numbers:
    """Numbers of the suite for the fit with these settings, which is made first if need be.

    Kept in the fit's folder, so that no number is computed twice.

    Raises:
        ConfigError: the folder holds a fit with other settings.
    """
    errors = finish_fit(config)
    if suite == "errors":
        return errors
    kept = config.folder / f"{suite}.json"
    if not kept.is_file():
        structures = load_part(config.folder / "split.json", "test", **config.data.keys)
        calculator = PhysRepCalculator(
            config.folder / "best.ckpt", device="cpu", check_contacts=False
        )
        judges: dict[str, Callable[..., Any]]
        judges = {"reliability": reliability, "paths": reaction_paths}
        numbers = judges[suite](calculator, structures).numbers()
        write_file(kept, json.dumps(numbers, indent=1) + "\n")
    return json.loads(kept.read_text())


def columns_of_tests(tests: Iterable[str]) -> tuple[Column, ...]:
    """Columns of the further files, by their names in the table."""
    return tuple(
        Column(f"{name} {one.key}", f"{name}: {one.title}", one.format)
        for name in tests
        for one in JUDGED
    )


def measure_tests(config: FitConfig, tests: Mapping[str, Path]) -> Numbers:
    """Errors of a finished fit on further files, kept in its folder as tests/NAME.json; keys as
    those of ``columns_of_tests``.
    """
    found: Numbers = {}
    for name, file in tests.items():
        kept = make_folder(config.folder / "tests") / f"{name}.json"
        source = str(file.resolve())
        if not kept.is_file() or json.loads(kept.read_text())["file"] != source:
            calculator = PhysRepCalculator(
                config.folder / "best.ckpt", device="cpu", check_contacts=False
            )
            read = iter_structures(file, unread="refuse", **config.data.keys)
            errors = {"file": source, **asdict(evaluate(calculator, read))}
            write_file(kept, json.dumps(errors, indent=1) + "\n")
        numbers = json.loads(kept.read_text())
        found |= {f"{name} {one.key}": numbers[one.key] for one in JUDGED}
    return found
