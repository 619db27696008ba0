"""QM9's tables become structures with their labels and parts; what is not the whole is refused."""

import hashlib
import sys

import numpy as np
import pytest

from physrep.cli.main import main
from physrep.config import ConfigError
from physrep.io import DataError, read_structures
from physrep_training.data import qm9
from physrep_training.data.data_config import SplitConfig
from physrep_training.data.splits import PARTS, split_structures

HEAD = (
    "XYZ_file,Index,SMILES,InChi,N_atoms,Stoichiometry,Elements,XYZ_Ang,Mulliken_pop,"
    "Dipole_debye,ZPVE_au,InternalEnergy_0K_au,InternalEnergy_298K_au"
)
# The first molecules of QM9 (CC0), without the columns that are not read.
METHANE = (
    """"dsgdb9nsd_000001.xyz",1,"C","InChI=1S/CH4/h1H4",5,"[4,1,0,0,0]","['C','H','H','H','H']","""
    '"[[-0.0126981359,1.0858041578,0.0080009958],[0.002150416,-0.0060313176,0.0019761204],'
    "[1.0117308433,1.4637511618,0.0002765748],[-0.540815069,1.4475266138,-0.8766437152],"
    '[-0.5238136345,1.4379326443,0.9063972942]]",'
    '"[-0.535689,0.133921,0.133922,0.133923,0.133923]",0.,0.044749,-40.47893,-40.476062'
)
AMMONIA = (
    """"dsgdb9nsd_000002.xyz",2,"N","InChI=1S/H3N/h1H3",4,"[3,0,1,0,0]","['N','H','H','H']","""
    '"[[-0.0404260543,1.0241077531,0.0625637998],[0.0172574639,0.0125452063,-0.0273771593],'
    '[0.9157893661,1.3587451948,-0.0287577581],[-0.5202777357,1.3435321258,-0.7755426124]]",'
    '"[-0.707143,0.235712,0.235712,0.23572]",1.6256,0.034358,-56.525887,-56.523026'
)
WATER = (
    """"dsgdb9nsd_000003.xyz",3,"O","InChI=1S/H2O/h1H2",3,"[2,0,0,1,0]","['O','H','H']","""
    '"[[-0.0343604951,0.9775395708,0.0076015923],[0.0647664923,0.0205721989,0.0015346341],'
    '[0.8717903737,1.3007924048,0.0006931336]]","[-0.589706,0.294853,0.294853]",'
    "1.8511,0.021375,-76.404702,-76.401867"
)
ACETYLENE = (  # numbers that JSON does not know
    """"dsgdb9nsd_000004.xyz",4,"C#C","InChI=1S/C2H2/c1-2/h1-2H",4,"[2,2,0,0,0]","""
    """"['C','C','H','H']","[[0.5995394918,0.,1.],[-0.5995394918,0.,1.],[-1.6616385861,0.,1.],"""
    '[1.6616385861,0.,1.]]","[-0.207019,-0.207019,0.207019,0.207019]",0.,0.026841,'
    "-77.308427,-77.305527"
)


@pytest.fixture(name="table")
def _table(tmp_path):
    """A function that writes a table of such rows."""

    def write(*rows, head=HEAD):
        path = tmp_path / "qm9_part1.csv"
        path.write_text("\n".join([head, *rows]) + "\n")
        return path

    return write


@pytest.fixture(name="package")
def _package(tmp_path, monkeypatch):
    """A package of that name with three molecules, found before the one that may be installed."""
    folder = tmp_path / "site" / "qm9pack"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError('is not to be imported')\n")
    for name, row in zip(qm9.FILES, (METHANE, AMMONIA, WATER), strict=True):
        (folder / "data" / name).write_text(f"{HEAD}\n{row}\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    return folder


def of_first(monkeypatch, last, absent):
    """As if QM9 had ``last`` molecules and ``absent`` of them were inconsistent."""
    digest = hashlib.sha256(" ".join(map(str, absent)).encode()).hexdigest()
    monkeypatch.setattr(qm9, "LAST_INDEX", last)
    monkeypatch.setattr(qm9, "N_LEFT_OUT", len(absent))
    monkeypatch.setattr(qm9, "LEFT_OUT", digest)


def test_molecules_and_units(table):
    rows = (METHANE, AMMONIA, WATER, ACETYLENE)
    methane, ammonia, water, acetylene = qm9.read_qm9([table(*rows)])
    assert methane.species.tolist() == [6, 1, 1, 1, 1]
    assert ammonia.species.tolist() == [7, 1, 1, 1]
    # 1 Hartree = 27.2114 eV; U0, not the energy at 298 K or the zero-point energy
    assert water.energy == pytest.approx(-76.404702 * 27.2114, abs=2e-3)
    # r(OH) = 0.962 A and 104 degrees in B3LYP
    bonds = water.positions[1:] - water.positions[0]
    lengths = np.linalg.norm(bonds, axis=1)
    np.testing.assert_allclose(lengths, 0.962, atol=1e-3)
    angle = np.degrees(np.arccos(bonds[0] @ bonds[1] / lengths.prod()))
    assert angle == pytest.approx(103.7, abs=0.5)
    np.testing.assert_allclose(
        acetylene.positions[:2], [[0.59954, 0, 1], [-0.59954, 0, 1]], atol=1e-5
    )
    np.testing.assert_array_equal(water.charges, [-0.589706, 0.294853, 0.294853])
    assert water.info == {"index": 3, "smiles": "O", "part": "test"}
    assert not water.pbc.any() and water.forces is None
    assert (water.source[-len("qm9_part1.csv") :], water.frame) == ("qm9_part1.csv", 2)


def test_parts_follow_from_the_index_alone():
    parts = [qm9.part_of(index) for index in range(1, 20 * 100 + 1)]
    assert [parts.count(part) for part in PARTS] == [1600, 100, 300]
    assert [k for k in range(1, 21) if parts[k - 1] == "test"] == [3, 9, 16]
    assert [k for k in range(1, 21) if parts[k - 1] == "validation"] == [20]


def test_what_is_left_out_is_what_the_authors_list(table, monkeypatch):
    molecules = list(qm9.read_qm9([table(METHANE, WATER)]))
    of_first(monkeypatch, 3, [2])
    assert list(qm9.checked(molecules)) == molecules
    for absent in ([1], [1, 2], []):
        of_first(monkeypatch, 3, absent)
        with pytest.raises(DataError, match=r"1 of 3 molecules are missing; the \d that the auth"):
            list(qm9.checked(molecules))
    of_first(monkeypatch, 3, [2])
    with pytest.raises(DataError, match=r"frame 0 .*: index 1 follows 3; indices must rise"):
        list(qm9.checked(molecules[::-1]))
    with pytest.raises(DataError, match="index 1 follows 1"):
        list(qm9.checked([molecules[0], *molecules]))
    of_first(monkeypatch, 2, [2])
    with pytest.raises(DataError, match="index 3 follows 1; indices must rise, up to 2"):
        list(qm9.checked(molecules))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (',3,"[2,0,0,1,0]"', ',4,"[2,0,0,1,0]"', "3 elements of 4 atoms"),
        ("'O'", "'Q'", "KeyError: 'Q'"),
        ("-76.404702,", ",", "could not convert string to float"),
        (",-76.404702,-76.401867", "", "list index out of range"),
        ("0.0006931336]]", "0.0006931336,1.]]", "cannot reshape array of size 10"),
        ("[[-0.0343604951,", "[[", "ValueError"),
        ("0.294853]", "0.294853,0.1]", r"charges has shape \(4,\); it needs shape \(3,\)"),
    ],
)
def test_rows_that_are_not_as_they_should_be(table, old, new, words):
    assert old in WATER
    with pytest.raises(DataError, match=rf"qm9_part1.csv, frame 1 \(counted from 0\).*{words}"):
        list(qm9.read_qm9([table(METHANE, WATER.replace(old, new))]))


def test_tables_without_a_column(table):
    head = HEAD.replace("Mulliken_pop", "Charges")
    with pytest.raises(DataError, match="has no column Mulliken_pop; install qm9pack==1"):
        list(qm9.read_qm9([table(METHANE, head=head)]))


def test_the_package_is_found_and_not_imported(package, monkeypatch):
    assert [path.parent.parent for path in qm9.qm9_files()] == [package] * 3
    (package / "data" / qm9.FILES[2]).unlink()
    with pytest.raises(ConfigError, match=r"no .*qm9_part3.csv; physrep reads version 1.0.3: pip"):
        qm9.qm9_files()
    monkeypatch.setattr(qm9, "PACKAGE", "qm9pack_that_is_not_there")
    with pytest.raises(ConfigError, match=r'not installed; pip install "physrep\[qm9\]"'):
        qm9.qm9_files()


def test_verb_writes_a_store_with_parts(package, tmp_path, monkeypatch, capsys):
    of_first(monkeypatch, 3, [])
    store = tmp_path / "qm9.npz"
    assert main(["data", "qm9", "-o", str(store)]) == 0
    assert f"data: 3 molecules (2 train, 0 validation, 1 test), {store}" in capsys.readouterr().out
    read = read_structures(store)
    assert [s.info["index"] for s in read] == [1, 2, 3]
    assert read[2].charges is not None and read[2].energy == pytest.approx(-2079.08, abs=0.01)
    split = split_structures(read, SplitConfig(method="stated", validation=0.0), seed=0)
    assert sorted(split["train"]) == [0, 1]
    assert split["validation"] == [] and split["test"] == [2]


def test_mistakes_are_one_line(package, tmp_path, capsys):
    assert main(["data", "qm9", "-o", str(tmp_path / "qm9.xyz")]) == 2
    assert "the name must end in .npz" in capsys.readouterr().err
    assert main(["data", "qm9", "-o", str(tmp_path / "qm9.npz")]) == 2
    assert "molecules are missing; the 3054 that the authors list" in capsys.readouterr().err
    assert not (tmp_path / "qm9.npz").exists()
