"""Trajectories of every format: same frames, streamed, sliced, and refused with a reason."""

import gzip
import warnings

import ase.io
import numpy as np
import pytest
from ase import Atoms, units

from physrep.io.structures.structure import DataError
from physrep.io.trajectories.frames import TrajectoryWarning, iter_frames, open_trajectory

mdtraj = pytest.importorskip("mdtraj", reason="DCD and XTC are read through mdtraj")

SYMBOLS = "NHHHOCO"
SPECIES = np.array([7, 1, 1, 1, 8, 6, 8])
CELL = np.array([[9.0, 0.0, 0.0], [2.0, 8.0, 0.0], [-1.0, 1.5, 7.0]])
N_FRAMES = 9
RNG = np.random.default_rng(0)
UNWRAPPED = RNG.uniform(-9.0, 15.0, (N_FRAMES, 7, 3)).round(4)
IMAGES = np.floor(UNWRAPPED @ np.linalg.inv(CELL)).astype(int)
WRAPPED = UNWRAPPED - IMAGES @ CELL
VELOCITIES = RNG.normal(size=(N_FRAMES, 7, 3)).round(4)


def boxes(positions=WRAPPED, **info):
    return [Atoms(SYMBOLS, one, cell=CELL, pbc=True, info=dict(info)) for one in positions]


def dump(path, columns, dt_steps=10, header="", box="lammps"):
    """columns: name -> (n_frames, n_atoms, ...) values or one row for all frames."""
    low = np.minimum.reduce([[0, 0, 0], [2, 1.5, 0], [-1, 0, 0], [1, 1.5, 0]])
    high = np.maximum.reduce([[0, 0, 0], [2, 1.5, 0], [-1, 0, 0], [1, 1.5, 0]]) + np.diag(CELL)
    tilts = (2.0, -1.0, 1.5)
    text = header
    for k in range(N_FRAMES):
        text += f"ITEM: TIMESTEP\n{dt_steps * k}\nITEM: NUMBER OF ATOMS\n7\n"
        if box == "lammps":
            text += "ITEM: BOX BOUNDS xy xz yz pp pp pp\n"
            text += "".join(f"{low[a]} {high[a]} {tilts[a]}\n" for a in range(3))
        else:
            text += "ITEM: BOX BOUNDS abc origin pp pp pp\n"
            text += "".join(" ".join(map(str, CELL[a])) + " 0.0\n" for a in range(3))
        text += "ITEM: ATOMS id " + " ".join(columns) + "\n"
        for atom in np.random.default_rng(k).permutation(7):  # LAMMPS does not sort
            row = [values[k][atom] for values in columns.values()]
            text += " ".join(map(str, [atom + 1, *row])) + "\n"
    path.write_text(text)
    return path


def vector(names, values):
    return {name: values[..., k] for k, name in enumerate(names.split())}


ELEMENTS = {"element": [list(SYMBOLS)] * N_FRAMES}
TYPES = {"type": [[2, 1, 1, 1, 4, 3, 4]] * N_FRAMES}
MAP = {1: "H", 2: "N", 3: "C", 4: "O"}


@pytest.fixture(name="topology")
def _topology(tmp_path):
    path = tmp_path / "box.pdb"
    ase.io.write(path, boxes()[0])
    return path


def write(format, tmp_path):
    """Path and arguments for the same frames."""
    path = tmp_path / f"run.{format}"
    if format in ("extxyz", "traj", "extxyz.gz"):
        ase.io.write(path, boxes(), format="extxyz" if "xyz" in format else "traj")
        return path, {}
    if format == "lammpstrj":
        return dump(path, ELEMENTS | vector("x y z", WRAPPED)), {}
    lengths = Atoms(cell=CELL).cell.cellpar()
    with mdtraj.open(str(path), "w") as file:
        if format == "dcd":
            par = np.tile(lengths, (N_FRAMES, 1))
            file.write(WRAPPED.astype(np.float32), cell_lengths=par[:, :3], cell_angles=par[:, 3:])
        else:
            box = np.tile(CELL / 10.0, (N_FRAMES, 1, 1))
            file.write((WRAPPED / 10.0).astype(np.float32), time=0.5 * np.arange(9.0), box=box)
    return path, {"topology": tmp_path / "box.pdb"}


FORMATS = ["extxyz", "extxyz.gz", "traj", "lammpstrj", "dcd", "xtc"]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_frames_are_the_same_in_every_format(format, tmp_path, topology):
    path, options = write(format, tmp_path)
    trajectory = open_trajectory(path, **options)
    np.testing.assert_array_equal(trajectory.species, SPECIES)
    assert trajectory.n_frames == (N_FRAMES if format in ("dcd", "traj") else None)
    first, second = list(trajectory), list(trajectory)  # as often as wanted
    assert len(first) == len(second) == N_FRAMES
    exact = {"xtc": 6e-3, "dcd": 2e-6}.get(format, 1e-8)  # XTC keeps 0.01 A
    for k, frame in enumerate(first):
        np.testing.assert_allclose(frame.positions, WRAPPED[k], atol=exact)
        np.testing.assert_allclose(frame.cell, CELL, atol=1e-5)
        assert frame.pbc.all() and frame.wrapped and frame.index == k
        assert frame.time == (0.5 * k if format == "xtc" else None)
        np.testing.assert_array_equal(frame.positions, second[k].positions)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("chosen", [(0, None, 1), (2, None, 3), (1, 7, 2), (0, 1, 5), (8, 99, 1)])
def test_a_stride_gives_what_all_at_once_gives(format, chosen, tmp_path, topology):
    path, options = write(format, tmp_path)
    every = list(iter_frames(path, dt=0.1, **options))
    start, stop, stride = chosen
    options |= {"start": start, "stop": stop, "stride": stride, "dt": 0.1}
    trajectory = open_trajectory(path, **options)
    some = list(trajectory)
    expected = every[start:stop:stride]
    assert [f.index for f in some] == [f.index for f in expected]
    for one, other in zip(some, expected, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        assert one.time == other.time == pytest.approx(0.1 * one.index)
    assert trajectory.n_frames in (None, len(expected))


@pytest.mark.parametrize("box", ["lammps", "general"])
@pytest.mark.parametrize(
    ("columns", "wrapped"),
    [
        (vector("xu yu zu", UNWRAPPED), False),
        (vector("xsu ysu zsu", UNWRAPPED @ np.linalg.inv(CELL)), False),
        (vector("x y z", WRAPPED) | vector("ix iy iz", IMAGES), False),
        (vector("xs ys zs", WRAPPED @ np.linalg.inv(CELL)), True),
        (
            vector("xs ys zs", WRAPPED @ np.linalg.inv(CELL)) | vector("ix iy iz", IMAGES),
            False,
        ),
    ],
    ids=["xu", "xsu", "x-ix", "xs", "xs-ix"],
)
def test_columns_of_a_dump(columns, wrapped, box, tmp_path):
    path = dump(tmp_path / "run.dump", TYPES | columns, box=box)
    trajectory = open_trajectory(path, elements=MAP)
    np.testing.assert_array_equal(trajectory.species, SPECIES)
    for k, frame in enumerate(trajectory):
        assert frame.wrapped == wrapped
        expected = WRAPPED[k] if wrapped else UNWRAPPED[k]
        np.testing.assert_allclose(frame.positions, expected, atol=1e-9)
        np.testing.assert_allclose(frame.cell, CELL, atol=1e-12)


@pytest.mark.parametrize(("named", "factor"), [("metal", 1.0), ("real", 1000.0)])
def test_velocities_of_a_dump_need_its_units(named, factor, tmp_path):
    columns = ELEMENTS | vector("x y z", WRAPPED) | vector("vx vy vz", VELOCITIES)
    path = dump(tmp_path / "a.dump", columns)
    frame = next(iter_frames(path, units=named))
    np.testing.assert_allclose(frame.velocities, factor * VELOCITIES[0])
    said = dump(tmp_path / "b.dump", columns, header=f"ITEM: UNITS\n{named}\nITEM: TIME\n2.0\n")
    frame = next(iter_frames(said))
    np.testing.assert_allclose(frame.velocities, factor * VELOCITIES[0])
    assert frame.time == pytest.approx(2.0 / factor)
    with pytest.raises(DataError, match="it does not name; give --units metal or real"):
        open_trajectory(path)
    other = "real" if named == "metal" else "metal"
    with pytest.raises(DataError, match=f"ITEM: UNITS is {named}, units '{other}'"):
        open_trajectory(said, units=other)


@pytest.mark.parametrize("format", ["extxyz", "traj"])
def test_velocities_and_time_of_ase(format, tmp_path):
    atoms = boxes(time=1.5)[0]
    atoms.set_velocities(VELOCITIES[0] / (1000.0 * units.fs))
    ase.io.write(tmp_path / f"one.{format}", atoms)
    (frame,) = iter_frames(tmp_path / f"one.{format}")
    np.testing.assert_allclose(frame.velocities, VELOCITIES[0], atol=1e-6)
    assert frame.time == 1.5


def test_without_a_cell(tmp_path):
    path = tmp_path / "gas.xyz"
    ase.io.write(path, Atoms("OH", [[0, 0, 0], [0, 0, 0.97]]), plain=True)
    frame = next(iter_frames(path))
    assert not frame.cell.any() and not frame.pbc.any()
    with pytest.raises(DataError, match=r"frame 0.*no periodic cell.*write the trajectory with"):
        open_trajectory(path, require_cell=True)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("share", [0.55, 0.83])
def test_a_truncated_file_gives_what_it_holds_and_warns(format, share, tmp_path, topology):
    path, options = write(format, tmp_path)
    whole = list(iter_frames(path, **options))
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.compress(gzip.decompress(content), mtime=0)
    path.write_bytes(content[: int(share * len(content))])
    trajectory = open_trajectory(path, **options)
    with pytest.warns(TrajectoryWarning, match=r"frame \d.*frames before it were read"):
        kept = list(trajectory)
    assert 0 < len(kept) < N_FRAMES
    for one, other in zip(kept, whole, strict=False):
        np.testing.assert_array_equal(one.positions, other.positions)


def test_files_are_read_as_frames_are_asked_for(tmp_path):
    path = tmp_path / "run.extxyz"
    ase.io.write(path, boxes())
    path.write_text(path.read_text() + "not a number\n")
    assert len(list(iter_frames(path, stop=N_FRAMES))) == N_FRAMES
    with pytest.raises(DataError, match=r"frame 9.*'not a number'"):
        list(iter_frames(path))


def edited(tmp_path, edit):
    frames = boxes()
    edit(frames)
    path = tmp_path / "bad.extxyz"
    ase.io.write(path, frames)
    return path


def lose_an_atom(frames):
    del frames[4][6]


def swap_atoms(frames):
    frames[3].numbers[[0, 1]] = frames[3].numbers[[1, 0]]


def not_a_number(frames):
    frames[5].positions[2, 1] = np.nan


def flatten(frames):
    frames[1].cell[2] = 0.0


def forget_element(frames):
    frames[0].numbers[4] = 0


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lose_an_atom, r"frame 4.*has 6 atoms, the first frame or the topology 7"),
        (swap_atoms, r"frame 3.*atom 0 is H, in the first frame or the topology N"),
        (not_a_number, r"frame 5.*positions\[2\] = \[.*nan.*--stop 5"),
        (flatten, r"frame 1.*no volume"),
        (forget_element, r"frame 0.*atom 4 is 'X', which is not an element"),
    ],
)
def test_a_damaged_frame_is_named(edit, message, tmp_path):
    with pytest.raises(DataError, match=message):
        list(iter_frames(edited(tmp_path, edit)))


def test_dcd_and_dump_need_elements(tmp_path, topology):
    path, _ = write("dcd", tmp_path)
    with pytest.raises(DataError, match="holds no elements; give --topology FILE"):
        open_trajectory(path)
    gas = tmp_path / "gas.xyz"
    ase.io.write(gas, Atoms("OH", [[0, 0, 0], [0, 0, 0.97]]))
    with pytest.raises(DataError, match="has 7 atoms, the first frame or the topology 2"):
        open_trajectory(path, topology=gas)
    columns = TYPES | vector("x y z", WRAPPED)
    path = dump(tmp_path / "run.dump", columns)
    with pytest.raises(DataError, match=r"types \(1, 2, 3, 4\) and no elements; give the element"):
        open_trajectory(path)
    with pytest.raises(DataError, match="no element is given for type 4"):
        open_trajectory(path, elements={1: "H", 2: "N", 3: "C"})
    assert open_trajectory(path, topology).species.tolist() == SPECIES.tolist()


def test_a_topology_in_gro_is_read(tmp_path, topology):
    path, _ = write("xtc", tmp_path)
    gro = tmp_path / "box.gro"
    mdtraj.load(str(topology)).save(str(gro))
    assert open_trajectory(path, gro).species.tolist() == SPECIES.tolist()


def test_steps_of_a_dump_must_be_even_for_dt(tmp_path):
    path = dump(tmp_path / "run.dump", ELEMENTS | vector("x y z", WRAPPED))
    path.write_text(path.read_text().replace("TIMESTEP\n50\n", "TIMESTEP\n53\n"))
    with pytest.raises(DataError, match=r"frame 5.*is step 53; with dt=0.1 ps.*step 50 belongs"):
        list(iter_frames(path, dt=0.1))
    assert len(list(iter_frames(path))) == N_FRAMES


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -1}, "start=-1"),
        ({"stride": 0}, "stride=0"),
        ({"start": 3, "stop": 3}, "stop=3"),
        ({"dt": 0.0}, "dt=0.0: must be above 0"),
        ({"units": "lj"}, "units='lj': not known; choose metal or real"),
    ],
)
def test_arguments_are_checked(options, message, tmp_path):
    path, _ = write("extxyz", tmp_path)
    with pytest.raises(ValueError, match=message):
        open_trajectory(path, **options)


def test_files_without_frames_are_refused(tmp_path, topology):
    path, _ = write("extxyz", tmp_path)
    with pytest.raises(DataError, match="holds 9 frames, none of them from 20 on and before 30"):
        open_trajectory(path, start=20, stop=30)
    with pytest.raises(FileNotFoundError, match=r"nowhere.xtc: no such file"):
        open_trajectory(tmp_path / "nowhere.xtc")
    for name in ("empty.extxyz", "empty.dump", "empty.dcd", "empty.xtc", "empty.traj"):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DataError, match=name):
            open_trajectory(tmp_path / name, topology)


def test_nothing_is_warned_about_a_whole_file(tmp_path, topology):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrajectoryWarning)
        for format in FORMATS:
            path, options = write(format, tmp_path)
            assert len(list(iter_frames(path, **options))) == N_FRAMES


@pytest.mark.case
def test_a_dump_without_types_says_what_it_needs(tmp_path, topology):
    path = dump(tmp_path / "run.dump", vector("x y z", WRAPPED))
    wanted = r"neither a column element nor a column type.*dump one of them, or give --topology"
    for elements in (None, MAP):
        with pytest.raises(DataError, match=wanted):
            open_trajectory(path, elements=elements)
    assert open_trajectory(path, topology).species.tolist() == SPECIES.tolist()


@pytest.mark.case
def test_a_dump_xyz_with_types_takes_their_elements(tmp_path, topology):
    path, types = tmp_path / "run.xyz", TYPES["type"][0]
    with open(path, "w") as file:
        for k, positions in enumerate(WRAPPED):
            file.write(f"{len(types)}\nAtoms. Timestep: {50 * k}\n")
            file.writelines(
                f"{t} {x:.9f} {y:.9f} {z:.9f}\n"
                for t, (x, y, z) in zip(types, positions, strict=True)
            )
    with pytest.raises(DataError, match=r"holds types \(1, 2, 3, 4\) and no elements; give"):
        open_trajectory(path)
    with pytest.raises(DataError, match="no element is given for type 4"):
        open_trajectory(path, elements={1: "H", 2: "N", 3: "C"})
    for trajectory in (open_trajectory(path, elements=MAP), open_trajectory(path, topology)):
        assert trajectory.species.tolist() == SPECIES.tolist()
        np.testing.assert_allclose([f.positions for f in trajectory], WRAPPED, atol=1e-8)
    path.write_text(path.read_text().replace("Timestep: 150", "Timestep: 170"))
    with pytest.raises(DataError, match=r"is step 170; with dt=0\.1 ps between frames, step 150"):
        list(iter_frames(path, elements=MAP, dt=0.1))
