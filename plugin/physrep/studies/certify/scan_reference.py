"""What bond scans and ion pairs are compared with."""

from ase.calculators.calculator import Calculator

from physrep.studies.evaluate.label_errors import load_calculator

GFN2, NONE = "gfn2", "none"


def scan_reference(name: str) -> Calculator | str:
    """The calculator, or the sentence why there is none.

    GFN2-xTB (C. Bannwarth, S. Ehlert, S. Grimme, J. Chem. Theory Comput. 15 (2019) 1652) takes the
    charge of a molecule from its atoms' initial charges.

    Args:
        name: "gfn2" (by tblite, where it is installed), "none", or a model as certify takes it.

    Raises:
        CheckpointError, ExportError, ConfigError: such a model cannot be loaded.
    """
    if name == NONE:
        return "skipped as requested: --scan-reference none"
    if name != GFN2:
        return load_calculator(name)
    try:
        from tblite.ase import TBLite
    except ImportError:
        return "GFN2-xTB is not installed: pip install tblite, or name a --scan-reference"
    return TBLite(method="GFN2-xTB", verbosity=0)
