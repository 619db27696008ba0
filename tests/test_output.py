"""Outputs: refused before the work if they cannot be written, and written whole or not at all."""

import pytest
import torch
from full_disk import files_of_at_most
from systems import make_checkpoint

from physrep.checkpoint import load_checkpoint, save_checkpoint
from physrep.engines.export import export_potential
from physrep.figures.save import save_figure
from physrep.figures.style import new_figure
from physrep.output import (
    OutputError,
    append_to_file,
    check_output_file,
    check_output_folder,
    make_folder,
    replacing,
    write_file,
)


@pytest.mark.parametrize("name", ["path", "relative", "symlink", "hardlink", "symlinked folder"])
def test_an_input_is_no_output_under_any_name(tmp_path, monkeypatch, name):
    given = tmp_path / "given.ckpt"
    given.write_text("precious")
    other = tmp_path / "other.ckpt"
    if name == "path":
        other = given
    elif name == "relative":
        monkeypatch.chdir(tmp_path)
        other = given.relative_to(tmp_path)
    elif name == "symlink":
        other.symlink_to(given)
    elif name == "hardlink":
        other.hardlink_to(given)
    else:
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        other = tmp_path / "link" / "given.ckpt"
    with pytest.raises(OutputError, match=r"is the input .*given.ckpt; give another"):
        check_output_file(other, [None, given])
    with pytest.raises(OutputError, match="is the input"):
        check_output_folder(tmp_path, [given], [other.name])


def test_places_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").write_text("")
    for path, reason in (
        (tmp_path, "is a folder; give the name of a file"),
        (tmp_path / "absent" / "a", "there is no folder .*absent; make it"),
        (tmp_path / "file" / "a", "is a file; give a name in a folder"),
        ("/dev/null", "is not a regular file"),
        ("/proc/a", "cannot be written to"),
    ):
        with pytest.raises(OutputError, match=reason):
            check_output_file(path)
    for path, reason in (
        (tmp_path / "file", "^-o [^ ]*file is a file; give the name of a folder"),
        (tmp_path / "file" / "deep" / "a", "file is a file; give the name of a folder"),
        ("/proc/a/b", "/proc cannot be written to"),
    ):
        with pytest.raises(OutputError, match=reason):
            check_output_folder(path)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report.html is a folder"):
        check_output_folder(tmp_path, files=["report.html"])
    with pytest.raises(OutputError, match="cannot be written"):
        make_folder("/proc/a")


def test_checks_leave_nothing(tmp_path):
    check_output_file(tmp_path / "a")
    check_output_folder(tmp_path / "b" / "c")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    write_file(path, "first")
    with files_of_at_most(4096), pytest.raises(OutputError, match=r"a.txt: cannot be written"):
        write_file(path, b"x" * 10000)
    assert path.read_text() == "first"
    with pytest.raises(KeyboardInterrupt):
        _interrupted(path)
    assert path.read_text() == "first"
    write_file(path, "second")
    assert path.read_text() == "second"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_appended_whole_or_not_at_all(tmp_path):
    for before in ("", "line\n"):
        path = tmp_path / f"log{len(before)}"
        if before:
            append_to_file(path, before)
        with files_of_at_most(4096), pytest.raises(OutputError, match="cannot be written"):
            append_to_file(path, "x" * 10000)
        assert path.exists() == bool(before)
    assert path.read_text() == "line\n"


def test_a_full_disk_costs_no_checkpoint_no_export_no_figure(tmp_path):
    """PyTorch's own writing to a file ends the process there (SIGABRT)."""
    made, path = make_checkpoint(), tmp_path / "a.ckpt"
    save_checkpoint(made, path)
    whole = path.read_bytes()
    figure, _ = new_figure(3.0, 2.0)
    with files_of_at_most(4096):
        for write in (
            lambda: save_checkpoint(made, path),
            lambda: export_potential(made, tmp_path / "a.pt", ops="portable"),
            lambda: save_figure(figure, tmp_path / "a.png"),
        ):
            with pytest.raises(OutputError, match=r"cannot be written \(File too large\)"):
                write()
    assert [one.name for one in tmp_path.iterdir()] == ["a.ckpt"]
    assert path.read_bytes() == whole
    assert torch.equal(
        load_checkpoint(path).potential.reference_energies, made.potential.reference_energies
    )


def _interrupted(path):
    with replacing(path) as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
