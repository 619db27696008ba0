"""The page of the accuracy plan: every table has its place, and gets what was fitted."""

import pytest
from repository import REPOSITORY

from physrep_training.tables.plan import load_plan


@pytest.fixture(name="writer")
def _writer(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    import accuracy_page

    return accuracy_page


def test_every_table_of_the_plan_stands_in_the_page(writer):
    named = [name for _, name, _ in writer.BLOCK.findall(writer.PAGE.read_text())]
    assert named == [table.name for table in load_plan(writer.PLAN).tables]


def test_tables_that_are_fitted_replace_those_that_are_not(writer, tmp_path):
    (tmp_path / "acac.md").write_text("## Fitted\n")
    tables = writer.tables_of(load_plan(writer.PLAN), tmp_path)
    assert tables["acac"] == "## Fitted\n"
    assert "| MACE | 0.4 | 2.1 |" in tables["rmd17_ethanol"]
    assert writer.MISSING in tables["rmd17_ethanol"]
    page = writer.with_tables(writer.PAGE.read_text(), tables)
    assert "<!-- table: acac -->\n## Fitted\n\n<!-- table: end -->" in page
    assert writer.with_tables(page, tables) == page
