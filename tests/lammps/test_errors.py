"""Every way to use the style wrongly ends with a message that says what to do."""

import copy
import json
import re
from pathlib import Path

import pytest
import torch
from lammps_run import MEASURE, head, style
from pair_readout import pair_readout_checkpoint

from physrep.engines.export import export_potential
from physrep.engines.metadata import METADATA_FILE

FULL_STYLE = """
units metal
atom_style full
region r block 0 20 0 20 0 20
create_box 4 r bond/types 1 extra/bond/per/atom 2 extra/special/per/atom 4
create_atoms 1 single 5 5 5
create_atoms 1 single 6.5 5 5
mass * 12.0
bond_style zero
bond_coeff 1
"""


def fails(lammps, commands: str, *parts: str, ranks: int = 1) -> None:
    run = lammps(commands, ranks, check=False)
    assert run.returncode != 0, run.output
    text = " ".join(run.output.split())
    assert re.search("ERROR: (pair physrep|fix physrep.guard)", text), run.output
    for part in parts:
        assert part in text, run.output


def forge(source: Path, target: Path, scale: float | None = None, **metadata) -> Path:
    """A copy of an exported file with other metadata or another scale."""
    extra = {METADATA_FILE: ""}
    module = torch.jit.load(str(source), _extra_files=extra)
    values = {**json.loads(extra[METADATA_FILE]), **metadata}
    if scale is not None:
        module.potential.scale.fill_(scale)
    module.save(str(target), _extra_files={METADATA_FILE: json.dumps(values)})
    return target


@pytest.mark.parametrize(
    ("keywords", "parts"),
    [
        ("gpu on", ["unknown keyword 'gpu'", "device cpu|cuda", "guard on|off"]),
        ("device tpu", ["device is 'tpu'", "choose cpu or cuda"]),
        ("device", ["device is ''"]),
        ("memory all", ["memory is 'all'", "choose keep or system"]),
    ],
)
def test_settings(lammps, ean_box, tmp_path, keywords, parts):
    fails(lammps, head(ean_box, tmp_path) + f"pair_style physrep {keywords}\n", *parts)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("ranks", [1, 2])
def test_no_gpu(lammps, ean_box, potentials, tmp_path, ranks):
    commands = head(ean_box, tmp_path) + style(potentials["float32"], "device cuda")
    fails(lammps, commands, "PyTorch finds no usable GPU here", "use 'device cpu'", ranks=ranks)


def test_units(lammps, ean_box, potentials, tmp_path):
    commands = head(ean_box, tmp_path).replace("units metal", "units real")
    fails(lammps, commands + style(potentials["float64"]), "units are real", "units metal")


@pytest.mark.parametrize(
    ("coefficients", "parts"),
    [
        ("* * FILE C H N", ["3 elements in pair_coeff, but there are 4 atom types"]),
        ("* * FILE C H N S", ["element 'S' of atom type 4 is unknown", "fitted for C H N O"]),
        ("* * FILE C H N NULL", ["atom type 4 is NULL", "only pair_style hybrid"]),
        ("* *", ["pair_coeff * * FILE.pt"]),
        ("* * absent.pt C H N O", ["absent.pt: no such file", "physrep export"]),
        ("* * in C H N O", ["in: not an exported potential"]),
    ],
)
def test_coefficients(lammps, ean_box, potentials, tmp_path, coefficients, parts):
    text = coefficients.replace("FILE", str(potentials["float64"]))
    commands = head(ean_box, tmp_path) + f"pair_style physrep\npair_coeff {text}\n"
    fails(lammps, commands, *parts)
    fails(lammps, commands, *parts, ranks=2)


def test_files_of_others(lammps, ean_box, potentials, tmp_path):
    foreign = tmp_path / "foreign.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(foreign))
    start = head(ean_box, tmp_path)
    fails(lammps, start + style(foreign), "without physrep's metadata.json")
    newer = forge(potentials["float64"], tmp_path / "newer.pt", format_version=99)
    fails(
        lammps,
        start + style(newer),
        "format 99 is newer than this plugin reads (6)",
        "upgrade physrep",
    )
    older = forge(potentials["float64"], tmp_path / "older.pt", format_version=1)
    fails(lammps, start + style(older), "format 1 is of an older physrep", "export the checkpoint")
    damaged = forge(potentials["float64"], tmp_path / "damaged.pt", cutoff=None)
    fails(lammps, start + style(damaged), "damaged metadata", "export the file again")


def test_a_model_of_whole_molecules(lammps, ean_box, potentials, tmp_path):
    file = forge(potentials["float64"], tmp_path / "molecular.pt", molecular=True)
    commands = head(ean_box, tmp_path) + style(file)
    fails(lammps, commands, "sees all atoms of an isolated molecule", "model.cls false")


def test_newton(lammps, ean_box, potentials, tmp_path):
    commands = head(ean_box, tmp_path, "newton off") + style(potentials["float64"]) + "run 0\n"
    fails(lammps, commands, "newton pair is off", "newton on")


def test_special_bonds(lammps, potentials):
    commands = FULL_STYLE + style(potentials["float64"])
    fails(lammps, commands + "run 0\n", "lj 0 0 0, coul 0 0 0", "special_bonds lj/coul 1 1 1")
    lammps(commands + "special_bonds lj/coul 1 1 1\nrun 0\n")


@pytest.mark.parametrize("ranks", [1, 2])
def test_contact(lammps, ean_box, potentials, tmp_path, ranks):
    atoms = copy.deepcopy(ean_box)
    atoms.positions[17] = atoms.positions[3] + [0.05, 0.0, 0.0]
    a, b = (f"{i + 1} ({atoms.symbols[i]})" for i in (3, 17))
    run = lammps(head(atoms, tmp_path) + style(potentials["float64"]) + MEASURE, ranks, check=False)
    assert run.returncode != 0
    assert "0.0500 A apart at step 0, far nearer" in run.output
    assert a in run.output and b in run.output


def test_contact_limit_of_the_training_data(lammps, ean_box, checkpoint, tmp_path):
    made = copy.deepcopy(checkpoint)
    made.potential.shortest_distances[1, 1] = 3.4  # H-H: half of it is allowed
    export_potential(made, tmp_path / "wide.pt")
    fails(
        lammps,
        head(ean_box, tmp_path) + style(tmp_path / "wide.pt") + "run 0\n",
        "(H) and",
        "A apart",
    )


@pytest.mark.parametrize("ranks", [1, 2])
def test_not_finite(lammps, ean_box, potentials, tmp_path, ranks):
    file = forge(potentials["float64"], tmp_path / "nan.pt", scale=float("nan"))
    commands = head(ean_box, tmp_path) + style(file) + "run 0\n"
    fails(lammps, commands, "the energy of atom", "is nan at step 0", ranks=ranks)


def test_failure_on_one_rank_only(lammps, ean_box, tmp_path):
    # 105 and 120 atoms on the two ranks: the other one must not wait for ever.
    export_potential(pair_readout_checkpoint(width=8, largest=110), tmp_path / "fragile.pt")
    commands = head(ean_box, tmp_path) + style(tmp_path / "fragile.pt") + "run 0\n"
    fails(lammps, commands, "the potential failed", "more than 110 centres", ranks=2)


def test_announcement_and_certificate(lammps, ean_box, potentials, tmp_path):
    file = forge(
        potentials["float32"],
        tmp_path / "ok.pt",
        certificate={"verdict": "stable for 10 ps at 300 K"},
    )
    run = lammps(head(ean_box, tmp_path) + style(file) + "run 0\nrun 0\n", 2)
    announced = f"physrep potential {file}: jat, 2 layers of 16 features, float32, cutoff 4 A"
    assert run.output.count(announced) == 1
    assert run.output.count("stable for 10 ps at 300 K") == 1


def test_a_pass_is_no_warning_and_none_is_told(lammps, ean_box, potentials, tmp_path):
    passed = {"verdict": "pass", "line": "pass (quick; 9 pass); 2026-01-31"}
    file = forge(potentials["float32"], tmp_path / "passed.pt", certificate=passed)
    run = lammps(head(ean_box, tmp_path) + style(file) + "run 0\n")
    assert "\nphysrep certificate: pass (quick; 9 pass); 2026-01-31\n" in run.output
    run = lammps(head(ean_box, tmp_path) + style(potentials["float32"]) + "run 0\n")
    assert "physrep certificate: none ('physrep certify --stamp'" in run.output
