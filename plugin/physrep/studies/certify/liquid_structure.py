"""Is the liquid the one of the data? Neighbours, radial distributions, bonds, angles, density."""

from collections.abc import Iterator

from physrep.studies.analyze.structure_chapters import structure_chapters
from physrep.studies.certify.check import Check, attempt, skipped
from physrep.studies.certify.comparison import comparison_checks
from physrep.studies.certify.context import Context, Part
from physrep.studies.certify.density import density_check
from physrep.studies.certify.liquid import Liquid, liquids

TEXT = (
    "The longest sound run of every temperature, without its equilibration, measured as physrep "
    "analyze does. A deviation is what is left of a difference to the data after twice the error "
    "bars of both. Runs of a few picoseconds from one start tell vibrations and first shells; "
    "they do not tell how ions arrange themselves in the long run."
)


def structure_part(context: Context) -> Part:
    """Radial distributions, hydrogen bonds, bonds, angles; against the data where it is alike."""
    checks: list[Check] = []
    found = liquids(context)
    for liquid in found:
        checks += structure_checks(liquid, context)
    checks.append(_density(context))
    shown = {one.name: one.measured for one in found if one.measured is not None}
    shown |= {f"data, {one.name}": one.data for one in found if one.data is not None}
    chapters = structure_chapters(shown) if shown else []
    if not context.atoms.pbc.all():  # the others would be one sentence each, the same one
        chapters = [chapter for chapter in chapters if chapter.name == "bonds"]
    return Part("structure", "Structure", TEXT, checks, [], chapters)


def structure_checks(liquid: Liquid, context: Context) -> Iterator[Check]:
    """Of one temperature; skipped with the reason where there is nothing to compare."""
    name = f"structure: {liquid.name}"
    if liquid.measured is None:
        yield skipped(name, liquid.gap)
    elif not context.atoms.pbc.all():
        yield skipped(name, "not periodic in three directions: no liquid, no radial distribution")
    elif liquid.data is None:
        yield skipped(name, f"measured below, compared with nothing: {liquid.data_gap}")
    else:
        yield from comparison_checks(name, liquid.measured, liquid.data)


def _density(context: Context) -> Check:
    name, level = "structure: density", context.level
    if not level.npt:
        return skipped(name, "NPT runs at level full only; here the cell is fixed")
    if not context.atoms.pbc.all():
        return skipped(name, "not periodic in three directions: no density")
    context.progress(f"structure: NPT at {level.temperatures[0]:g} K")
    return attempt(
        name,
        lambda: density_check(
            name, context.calculator, context.atoms, level.temperatures[0], level.npt, context.seed
        ),
    )
