"""Reports opened in headless Chromium: nothing fetched, no error, figures to be seen."""

import numpy as np
import pytest
from ase import Atoms
from browser import CHROMIUM, opened
from repository import REPOSITORY

from physrep.analysis.stability.soundness import Stability
from physrep.probes.dynamics import Sample
from physrep.studies.certify.certificate import Certificate, write_certificate
from physrep.studies.certify.certificate_figures import survival_figure
from physrep.studies.certify.check import Check, skipped
from physrep.studies.certify.levels import Level
from physrep.studies.certify.liquid import INTERVAL, liquids
from physrep.studies.certify.liquid_motion import dynamics_part
from physrep.studies.certify.liquid_structure import structure_part
from physrep.studies.certify.part import Part
from physrep.studies.certify.survival import Run
from physrep.studies.certify.task import Task

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: install one")
PUBLISHED = sorted((REPOSITORY / "docs" / "certificates").glob("*/report.html"))
PHONE = 390  # pixels


def trembling_water() -> tuple[Task, list[Run]]:
    """Molecules of water on a lattice, each atom trembling at random."""
    rng, corners = np.random.default_rng(0), np.stack(np.meshgrid(*[[0, 4, 8]] * 3), -1)
    one = np.array([[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    positions = np.concatenate([one + corner for corner in corners.reshape(-1, 3)])
    atoms = Atoms("OHH" * 27, positions, cell=[12.0] * 3, pbc=True)
    samples = [
        Sample(INTERVAL * k, positions + rng.normal(0, 0.05, (81, 3)), rng.normal(0, 1.0, (81, 3)),
               0.0, 0.0, 300.0)
        for k in range(1, 121)
    ]  # fmt: skip
    stability = Stability(None, 0.48, 120, 0.1, 1.0, 300.0, None, None, None, None)
    task = Task(None, atoms, Level((300.0,), 1, 0.5, 0.1, 0.05, 1), [])
    return task, [Run(300.0, 0, 0.5, stability, samples)]


@pytest.fixture(scope="module", name="report")
def _report(tmp_path_factory):
    """Of every kind of block: tables with long notes, figures, chapters."""
    task, runs = trembling_water()
    found = liquids(task, runs)
    figure = survival_figure(runs), "Share of the runs that were still sound."
    note = "a sentence that goes on for longer than any telephone is wide, " * 3
    checks = [
        Check("survival: 300 K", 1.0, "of the run", 1.0, "pass", note),
        Check(
            "survival: a-name-that-cannot-be-broken-anywhere-in-it-at-all", 1e-9, "eV", 1, "fail"
        ),
        skipped("survival: nothing", note),
    ]
    parts = [Part("survival", "Survival", note, checks, [figure])]
    parts += [structure_part(task, found), dynamics_part(found)]
    folder = tmp_path_factory.mktemp("report")
    command = ["physrep", "certify", "a/very/long/path/without/any/blank" * 5]
    write_certificate(Certificate("m.ckpt", "s.pdb", "quick", "fail", parts), folder, command)
    return folder / "report.html"


def test_a_report_is_shown_without_network_and_errors(report, tmp_path):
    seen = opened(report, tmp_path)
    assert seen.console == [] and seen.requests == []
    assert len(seen.figures) > 6
    for width, height, marks in seen.figures:
        assert width > 300 and height > 100 and marks > 2


def test_a_page_that_fetches_and_errs_is_found(report, tmp_path):
    """Were it not, the test above would tell nothing."""
    bad = tmp_path / "bad.html"
    added = '<img src="http://127.0.0.1:9/x.png"><script>nothing.at.all()</script></body>'
    bad.write_text(report.read_text().replace("</body>", added))
    seen = opened(bad, tmp_path)
    assert any("ReferenceError" in line for line in seen.console)
    assert seen.requests == ["http://127.0.0.1:9/x.png"]


def test_a_phone_scrolls_tables_not_the_page(report, tmp_path):
    seen = opened(report, tmp_path, PHONE)
    assert seen.scrolls <= seen.width


def test_dark_pages_for_those_who_want_them(report, tmp_path):
    light, dark = (opened(report, tmp_path, dark=wanted) for wanted in (False, True))
    assert light.background == "rgb(255, 255, 255)"
    assert dark.background == "rgb(22, 24, 26)"


@pytest.mark.parametrize("page", PUBLISHED, ids=lambda page: page.parent.name)
def test_published_certificates_are_shown(page, tmp_path):
    seen = opened(page, tmp_path)
    assert seen.console == [] and seen.requests == []
    assert seen.scrolls <= seen.width
    assert all(width > 300 and marks > 2 for width, _, marks in seen.figures)
    assert page.stat().st_size < 3e6
