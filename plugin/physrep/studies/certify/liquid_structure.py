"""Is the liquid the one of the data? Neighbours, radial distributions, bonds, angles, density."""

from collections.abc import Iterator, Sequence

from physrep.studies.analyze.structure_chapters import structure_chapters
from physrep.studies.certify.check import Check, attempt, skipped
from physrep.studies.certify.comparison import comparison_checks
from physrep.studies.certify.density import density_check
from physrep.studies.certify.liquid import Liquid
from physrep.studies.certify.part import Part
from physrep.studies.certify.task import Task

TEXT = (
    "The longest sound run of every temperature, without its equilibration, measured as physrep "
    "analyze does. A deviation is the difference from the data minus twice the combined error bar "
    "of both. Runs of a few picoseconds from one start resolve vibrations and first shells, but "
    "not how ions arrange themselves in the long run."
)


def structure_part(task: Task, found: Sequence[Liquid]) -> Part:
    """Radial distributions, hydrogen bonds, bonds, angles; compared with data of the same kind."""
    checks = [check for liquid in found for check in structure_checks(liquid, task)]
    checks.append(_density(task))
    shown = {one.name: one.measured for one in found if one.measured is not None}
    shown |= {f"data, {one.name}": one.data for one in found if one.data is not None}
    chapters = structure_chapters(shown) if shown else []
    if not task.atoms.pbc.all():  # the other chapters would repeat one sentence
        chapters = [chapter for chapter in chapters if chapter.name == "bonds"]
    return Part("structure", "Structure", TEXT, checks, [], chapters)


def structure_checks(liquid: Liquid, task: Task) -> Iterator[Check]:
    """Of one temperature; skipped with the reason where there is nothing to compare."""
    name = f"structure: {liquid.name}"
    if liquid.measured is None:
        yield skipped(name, liquid.gap)
    elif not task.atoms.pbc.all():
        yield skipped(name, "not periodic in three directions: no liquid, no radial distribution")
    elif liquid.data is None:
        yield skipped(name, f"measured below, not compared: {liquid.data_gap}")
    else:
        yield from comparison_checks(name, liquid.measured, liquid.data)


def _density(task: Task) -> Check:
    name, level = "structure: density", task.level
    if not level.npt:
        return skipped(name, "NPT runs at level full only; here the cell is fixed")
    if not task.atoms.pbc.all():
        return skipped(name, "not periodic in three directions: no density")
    task.progress(f"structure: NPT at {level.temperatures[0]:g} K")
    return attempt(
        name,
        lambda: density_check(
            name, task.calculator, task.atoms, level.temperatures[0], level.npt, task.seed
        ),
    )
