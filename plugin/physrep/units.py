"""Physical constants and conversions (CODATA 2018; Tiesinga et al., Rev. Mod. Phys. 93, 025010).

physrep computes in eV, Angstrom, atomic mass units and kelvin. Every conversion at a boundary
(OpenMM's nm and kJ/mol, a data set's Hartree or kcal/mol) uses a number from here.
"""

ELEMENTARY_CHARGE = 1.602176634e-19  # C, exact
AVOGADRO = 6.02214076e23  # 1/mol, exact
BOLTZMANN_IN_EV = 8.617333262145179e-5  # eV/K, exact (k_B / e)
HARTREE_IN_EV = 27.211386245988  # eV
BOHR_IN_ANGSTROM = 0.529177210903  # A
KJ_PER_KCAL = 4.184  # thermochemical calorie, exact

EV_IN_KJ_PER_MOL = ELEMENTARY_CHARGE * AVOGADRO / 1000.0  # 96.485 kJ/mol
KCAL_PER_MOL_IN_EV = KJ_PER_KCAL / EV_IN_KJ_PER_MOL
NM_IN_ANGSTROM = 10.0

DEBYE_IN_E_ANGSTROM = 1e-21 / 299792458 / ELEMENTARY_CHARGE * 1e10  # e A, 0.2082

# e^2 / (4 pi eps0) in eV A: the Coulomb energy of two unit charges 1 A apart.
COULOMB_CONSTANT = HARTREE_IN_EV * BOHR_IN_ANGSTROM
