"""Check, describe, divide, join or thin out files of labelled frames, in any format that
physrep reads; what is written is extended XYZ with REF_energy (eV), REF_forces (eV/A), ...
check: frames that cannot be used, repeated geometries, labels that contradict each other,
mixed levels of theory, outliers, shortest distances; exit code 1 if it is not sound.
stats: energies, forces, densities, compositions, as a page of histograms.
split: training, validation and test files that no trajectory and no geometry straddles.
merge: one file of one level of theory, each geometry once.
select: the N frames that cover the others best (farthest points).

Examples:
  physrep dataset check data/ean_gfn2.extxyz.gz data/ean_gfn2_extra.extxyz.gz
  physrep dataset stats data/ean_gfn2.extxyz.gz -o out/ean
  physrep dataset split labelled.extxyz -o parts --by trajectories --test 0.2
  physrep dataset merge first.extxyz second.extxyz -o all.extxyz --method GFN2-xTB
  physrep dataset select md.extxyz -n 50 --have data/ean_gfn2.extxyz.gz -o new.extxyz
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from physrep.cli.verb import add_label_options, add_number, check_inputs, check_number, label_names
from physrep.errors import UserError
from physrep.output import check_output_file, check_output_folder, make_folder, write_file

TOLERANCE = 0.005  # A
# Options that only some actions have; of all others the output.
OPTIONS: dict[str, tuple[str, ...]] = {
    "check": ("tolerance", "json"),
    "stats": ("output", "json"),
    "split": ("output", "tolerance", "by", "group_key", "validation", "test", "gap", "seed"),
    "merge": ("output", "tolerance", "method"),
    "select": ("output", "number", "have"),
}
NAMES = {"output": "-o", "number": "-n"}
BY = {
    "trajectories": "groups",
    "time_blocks": "time_blocks",
    "groups": "groups",
    "random": "random",
}


def add_options(verb: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    verb.add_argument("action", choices=list(OPTIONS), help="what to do, see above")
    verb.add_argument("files", nargs="+", help="labelled frames: extxyz, npz, h5, ...")
    verb.add_argument(
        "-o", "--output", type=Path, help="merge, select: file to write; stats, split: folder"
    )
    verb.add_argument(
        "--tolerance",
        type=float,
        metavar="A",
        help="check, split, merge: two geometries are one if no atom is off by more, in A "
        f"(default {TOLERANCE:g})",
    )
    verb.add_argument("--json", action="store_true", default=None, help="check, stats: print JSON")
    verb.add_argument("--method", help="merge: of frames that state none, e.g. GFN2-xTB")
    add_number(verb, "-n", "select: how many frames", dest="number")
    verb.add_argument(
        "--have",
        nargs="+",
        metavar="FILE",
        help="select: frames that are there already; what lies near them is not chosen",
    )
    verb.add_argument(
        "--by",
        choices=list(BY),
        help="split: whole trajectories at random (default; without the key 'trajectory' a file is "
        "one), the end of every trajectory, frames with one --group-key, or single frames",
    )
    verb.add_argument("--group-key", metavar="KEY", help="split: key that names the group")
    for name, default in (("validation", 0.1), ("test", 0.15)):
        about = f"split: share of the frames or groups for {name} (default {default})"
        verb.add_argument(f"--{name}", type=float, metavar="SHARE", help=about)
    about = "split: frames left out between time blocks (default 2)"
    add_number(verb, "--gap", about, least=0)
    add_number(verb, "--seed", "split: of random choices (default 0)", least=0)
    add_label_options(verb)


def run(parsed: argparse.Namespace) -> int:
    """Do one of the actions."""
    _check_options(parsed)
    check_inputs(*parsed.files, *(parsed.have or ()))
    actions = {
        "check": _check,
        "stats": _stats,
        "split": _split,
        "merge": _merge,
        "select": _select,
    }
    return actions[parsed.action](parsed)


def _check_options(parsed: argparse.Namespace) -> None:
    for name in {name for names in OPTIONS.values() for name in names}:
        if getattr(parsed, name) is not None and name not in OPTIONS[parsed.action]:
            option = NAMES.get(name, f"--{name.replace('_', '-')}")
            having = " and ".join(action for action, names in OPTIONS.items() if name in names)
            raise UserError(
                f"{option} means nothing to 'dataset {parsed.action}': remove it ({having} has it)"
            )
    needed = {"split": ("output",), "merge": ("output",), "select": ("output", "number")}
    for name in needed.get(parsed.action, ()):
        if getattr(parsed, name) is None:
            raise UserError(f"'dataset {parsed.action}' needs {NAMES[name]}")
    check_number("--tolerance", parsed.tolerance, "A")
    if parsed.tolerance is None:
        parsed.tolerance = TOLERANCE


def _check(parsed: argparse.Namespace) -> int:
    from physrep_training.dataset.check_files import check, finding_lines, findings_dict

    found = check(parsed.files, parsed.tolerance, label_names(parsed))
    if parsed.json:
        print(json.dumps(findings_dict(found), indent=1))
    else:
        print("\n".join(finding_lines(found, parsed.tolerance)))
    return 0 if found.is_sound else 1


def _stats(parsed: argparse.Namespace) -> int:
    folder = parsed.output or Path("out/dataset")
    check_output_folder(folder, parsed.files, ("report.html", "stats.json"))
    from physrep_training.dataset.stats_report import as_dict, page, statistics

    found = statistics(parsed.files, label_names(parsed))
    text = json.dumps(as_dict(found), indent=1)
    print(text if parsed.json else "\n".join(found.lines), flush=True)
    make_folder(folder)
    write_file(folder / "stats.json", text)
    write_file(folder / "report.html", page(found, parsed.files, ["physrep", *sys.argv[1:]]))
    print(f"dataset: {folder / 'report.html'}", file=sys.stderr)
    return 0


def _split(parsed: argparse.Namespace) -> int:
    check_output_folder(parsed.output, parsed.files, _split_files())
    shares = {"validation": parsed.validation, "test": parsed.test}
    for name, share in shares.items():
        if share is not None and not 0.0 <= share < 1.0:
            raise UserError(f"--{name} {share:g}: must be 0 or more and below 1")
    from physrep_training.data.data_config import SplitConfig
    from physrep_training.dataset.split_files import split

    by = parsed.by or ("groups" if parsed.group_key else "trajectories")
    if (by == "groups") != (parsed.group_key is not None):
        raise UserError("--by groups and --group-key KEY go together; give both or neither")
    values: dict[str, Any] = {**shares, "gap": parsed.gap}
    values = {name: value for name, value in values.items() if value is not None}
    group_key = parsed.group_key or "trajectory"
    config = SplitConfig.parse({"method": BY[by], "group_key": group_key, **values})
    chosen = (config, parsed.seed or 0, parsed.tolerance, label_names(parsed))
    print(split(parsed.files, parsed.output, *chosen))
    return 0


def _split_files() -> tuple[str, ...]:
    return ("train.extxyz", "validation.extxyz", "test.extxyz", "split.json")


def _merge(parsed: argparse.Namespace) -> int:
    _check_extxyz(parsed)
    from physrep_training.dataset.merge_files import merge

    options = label_names(parsed)
    print(merge(parsed.files, parsed.output, parsed.tolerance, parsed.method, options))
    return 0


def _select(parsed: argparse.Namespace) -> int:
    _check_extxyz(parsed)
    from physrep_training.dataset.select_frames import select

    have = parsed.have or ()
    print(select(parsed.files, parsed.output, parsed.number, have, label_names(parsed)))
    return 0


def _check_extxyz(parsed: argparse.Namespace) -> None:
    check_output_file(parsed.output, (*parsed.files, *(parsed.have or ())))
    if not parsed.output.name.lower().removesuffix(".gz").endswith((".extxyz", ".xyz")):
        raise UserError(f"-o {parsed.output}: extended XYZ is written; give a name in .extxyz")
