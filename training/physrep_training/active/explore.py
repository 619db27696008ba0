"""Stage explore: MD with the committee at every condition, with an eye on its deviation.

The runs are ASE's Langevin dynamics with the checkpoint of the committee. The forces that move the
atoms come with those of every member, so that looking costs nothing; no topology or compilation
per system is needed; and a run that was interrupted goes on with the same numbers, because its
state is positions, momenta and the generator alone.
"""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import Calculator
from ase.neighborlist import neighbor_list

from physrep import ops
from physrep.committee import Committee
from physrep.engines.ase import PhysRepCalculator
from physrep.errors import UserError
from physrep.output import make_folder
from physrep.potential import Potential
from physrep.probes.dynamics import nvt, prepared
from physrep.progress import progress, say
from physrep_training.active.active_config import ActiveConfig, MDConfig
from physrep_training.active.active_layout import Work
from physrep_training.active.explored_run import WHOLE, Condition, ExploredRun, Look
from physrep_training.active.run_starts import start_of
from physrep_training.sampling.md_settings import TOO_CLOSE

SECONDS_BETWEEN_SAVES = 20.0


class Driven(NamedTuple):
    """driver: moves the atoms; judge: knows the deviation; the same object where the committee
    drives.
    """

    driver: Calculator
    judge: Calculator


def explore(work: Work) -> None:
    """Run every condition of the round; those that have ended are not run again.

    Raises:
        ConfigError: no frame to start from. OutputError: a run cannot be written.
    """
    torch.set_num_threads(work.config.fit_of(0, work.first_files, []).run.n_threads)
    make_folder(work.folder / "md")
    driven: Driven | None = None
    for condition in conditions_of(work.config):
        path = run_file(work, condition)
        run = ExploredRun.load(path) if path.exists() else None
        if run is not None and run.ended:
            continue
        driven = driven or calculators(work)
        run = run or begun(work, condition, driven)
        run.atoms.calc = driven.driver
        run = finished(run, driven.judge, work.config, path)
        say("active", f"MD at {condition.label}: {in_words(run)}")


def conditions_of(config: ActiveConfig) -> list[Condition]:
    """Of one round, in order."""
    md = config.md
    return [
        Condition(temperature=temperature, density=density, number=number)
        for temperature in md.temperatures
        for density in md.densities or (None,)
        for number in range(md.runs)
    ]


def run_file(work: Work, condition: Condition) -> Path:
    """Where a run is kept."""
    return work.folder / "md" / condition.file_name


def runs_of(work: Work) -> list[ExploredRun]:
    """Those of the round, in order."""
    return [ExploredRun.load(run_file(work, one)) for one in conditions_of(work.config)]


def calculators(work: Work) -> Driven:
    """Of the committee of this round, with compiled operators where they are installed."""
    judge = PhysRepCalculator(work.committee, check_contacts=False)
    driver = judge
    if work.config.md.driver == "member":
        first = work.committee.parent / "seed_0" / "best.ckpt"
        driver = PhysRepCalculator(first, check_contacts=False)
    for one in (driver, judge):
        model = one.potential.energies
        if isinstance(model, Committee | Potential) and ops.available():
            model.use_ops("fused")
    return Driven(driver, judge)


def begun(work: Work, condition: Condition, driven: Driven) -> ExploredRun:
    """A run before its first step; frame and velocities depend on seed, round and condition."""
    place = conditions_of(work.config).index(condition)
    rng = np.random.default_rng((work.config.seed, work.round_number, place))
    start = start_of(work, condition, rng)
    atoms = prepared(driven.driver, start, condition.temperature, rng)
    return ExploredRun(condition, atoms, dict(rng.bit_generator.state), [], [], "")


def finished(run: ExploredRun, judge: Calculator, config: ActiveConfig, path: Path) -> ExploredRun:
    """The run at its end, saved on the way and there."""
    rng = np.random.default_rng()
    rng.bit_generator.state = run.generator
    last = round(1000.0 * config.md.ps / config.md.every_fs)
    saved = time.monotonic()
    for _ in progress(range(last + 1 - len(run.looks)), "active", "look"):
        run = _further(run, judge, config, rng)
        if not run.ended and len(run.looks) > last:
            run = run._replace(ended=WHOLE)
        if run.ended or time.monotonic() - saved >= SECONDS_BETWEEN_SAVES:
            run = run._replace(generator=dict(rng.bit_generator.state))
            run.save(path)
            saved = time.monotonic()
        if run.ended:
            break
    return run


def _further(
    run: ExploredRun, judge: Calculator, config: ActiveConfig, rng: np.random.Generator
) -> ExploredRun:
    """The run one look later."""
    before = run.atoms.get_positions()
    time_now = 1e-3 * config.md.every_fs * len(run.looks)
    try:
        if run.looks:
            _move(run, config.md, rng)
        wrong = _contact(run.atoms)
        judge.get_property("forces", run.atoms)
    except UserError as error:  # as of positions that are no numbers
        return _failed(run, before, str(error), Look(time_now, np.inf, np.inf, np.inf))
    spread = np.nan_to_num(judge.results["forces_deviation"], nan=np.inf)
    look = Look(time_now, float(spread.max()), float(spread.mean()), run.atoms.get_temperature())
    if not wrong and not look.largest <= config.choose.upper:
        wrong = f"the deviation is {look.largest:.3g} eV/A"
    if wrong:
        return _failed(run, before, wrong, look)
    run = run._replace(looks=[*run.looks, look])
    if look.largest >= config.choose.lower:
        run = _with_candidate(run, run.atoms.get_positions())
    return run


def _move(run: ExploredRun, md: MDConfig, rng: np.random.Generator) -> None:
    """The atoms from one look to the next."""
    steps = round(md.every_fs / md.timestep)
    for _ in nvt(run.atoms, run.condition.temperature, md.timestep, steps, steps, rng):
        pass


def _failed(run: ExploredRun, before: np.ndarray, wrong: str, look: Look) -> ExploredRun:
    """A run that ends here; its last frame that was sound is worth a label."""
    if run.looks:
        run = _with_candidate(run, before)
    return run._replace(looks=[*run.looks, look], ended=wrong)


def _with_candidate(run: ExploredRun, positions: np.ndarray) -> ExploredRun:
    """The frame of the last look, unless it is one already."""
    last = len(run.looks) - 1
    if run.candidates and run.candidates[-1][0] == last:
        return run
    return run._replace(candidates=[*run.candidates, (last, positions)])


def _contact(atoms: Atoms) -> str:
    """What is wrong with the distances, or nothing."""
    lengths = neighbor_list("d", atoms, TOO_CLOSE)
    return f"{lengths.min():.2f} A between two atoms" if len(lengths) else ""


def in_words(run: ExploredRun) -> str:
    """How it ended, for people."""
    if run.whole:
        return f"{run.survived:g} ps, deviation at most {run.largest:.3g} eV/A"
    return f"ended after {run.survived:g} ps: {run.ended}"
