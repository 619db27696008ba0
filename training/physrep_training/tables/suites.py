"""What a finished fit is worth, by one of several measures, on its own test part or others."""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from ase import Atoms

from physrep.checkpoint import load_checkpoint
from physrep.config import ConfigError
from physrep.engines.ase import PhysRepCalculator
from physrep.engines.export import export_potential
from physrep.io import Structure, iter_structures
from physrep.output import make_folder, write_file
from physrep.studies.evaluate import reaction_paths, reliability
from physrep.studies.evaluate.label_errors import evaluate
from physrep_training.data.splits import load_part
from physrep_training.fit.fit_config import FitConfig
from physrep_training.fit.fitting import finish_fit
from physrep_training.tables.plan import OWN_PART, TestSet

Numbers = dict[str, Any]
WARM_UP, TIMED = 20, 100  # evaluations


def measure(suite: str, config: FitConfig) -> Numbers:
    """Numbers of the suite for the fit with these settings, which is made first if need be.

    Kept in the fit's folder, so that no number is computed twice.

    Raises:
        ConfigError: the folder holds a fit with other settings.
    """
    errors = finish_fit(config)
    if suite == "errors":
        return errors
    if suite == "tests":
        return {}
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


def structures_of(config: FitConfig, test: TestSet) -> Iterable[Structure]:
    """What a finished fit is judged on.

    Raises:
        ConfigError: its own test part, which is empty.
    """
    if test.file is not None:
        return iter_structures(test.file, unread="refuse", **config.data.keys)
    part = load_part(config.folder / "split.json", "test", **config.data.keys)
    if not part:
        raise ConfigError(
            f"{config.folder} has no test part (data.split.test = {config.data.split.test:g}): "
            "give the test a file, or data.split.test a share"
        )
    return part


def measure_tests(config: FitConfig, tests: Mapping[str, TestSet]) -> Numbers:
    """Errors of a finished fit on these structures, kept in its folder as tests/NAME.json, by the
    keys of the table's columns.
    """
    found: Numbers = {}
    for name, test in tests.items():
        kept = make_folder(config.folder / "tests") / f"{name}.json"
        source = OWN_PART if test.file is None else str(test.file.resolve())
        fields = {column.field for column in test.errors.values()}
        numbers = json.loads(kept.read_text()) if kept.is_file() else {}
        if numbers.get("file") != source or not fields <= numbers.keys():
            calculator = PhysRepCalculator(
                config.folder / "best.ckpt", device="cpu", check_contacts=False
            )
            numbers = {"file": source, **asdict(evaluate(calculator, structures_of(config, test)))}
            write_file(kept, json.dumps(numbers, indent=1) + "\n")
        for key, column in test.errors.items():
            value = numbers[column.field]
            found[f"{name} {key}"] = None if value is None else column.factor * value
    return found


def measure_time(config: FitConfig, test: TestSet) -> float:
    """Processor time of energy and forces of the first structure of a test, ms, kept in
    tests/time.json.

    The median of 100 evaluations by the exported file in ASE, neighbour list included, in one
    thread; every atom is moved by about 0.001 A before each.
    """
    kept = make_folder(config.folder / "tests") / "time.json"
    if not kept.is_file():
        exported = config.folder / "timed.pt"
        export_potential(load_checkpoint(config.folder / "best.ckpt"), exported)
        atoms = next(iter(structures_of(config, test))).to_ase()
        atoms.calc = PhysRepCalculator(exported, device="cpu", check_contacts=False)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        seconds = [_time_of_a_step(atoms, seed) for seed in range(WARM_UP + TIMED)]
        torch.set_num_threads(threads)
        ms = 1000.0 * statistics.median(seconds[WARM_UP:])
        write_file(kept, json.dumps({"ms": ms, "n_atoms": len(atoms)}, indent=1) + "\n")
    return json.loads(kept.read_text())["ms"]


def _time_of_a_step(atoms: Atoms, seed: int) -> float:
    atoms.rattle(0.001, seed=seed)
    start = time.process_time()
    atoms.get_forces()
    return time.process_time() - start
