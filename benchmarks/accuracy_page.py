"""Put the tables of accuracy.yaml into docs/accuracy.md.

    python benchmarks/accuracy_page.py [FOLDER]

FOLDER is the output of `physrep tables --plan benchmarks/accuracy.yaml`. A table that it does not
hold, or every table without FOLDER, is written with its quoted rows alone. A table stands in the
page between <!-- table: NAME --> and <!-- table: end -->.
"""

import re
import sys
from pathlib import Path

from physrep.output import write_file
from physrep_training.tables.plan import Plan, load_plan
from physrep_training.tables.tables import table_text

ROOT = Path(__file__).resolve().parents[1]
PLAN = ROOT / "benchmarks" / "accuracy.yaml"
PAGE = ROOT / "docs" / "accuracy.md"
BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- table: end -->)", re.DOTALL)
MISSING = "Ours are not fitted yet."


def tables_of(plan: Plan, folder: Path | None) -> dict[str, str]:
    """Markdown by the name of the table."""
    made = {table.name: folder / f"{table.name}.md" for table in plan.tables if folder}
    return {
        table.name: made[table.name].read_text()
        if table.name in made and made[table.name].is_file()
        else f"{table_text(table, {})}\n{MISSING}\n"
        for table in plan.tables
    }


def with_tables(page: str, tables: dict[str, str]) -> str:
    """The page with these tables in their places."""
    return BLOCK.sub(lambda found: f"{found[1]}{tables[found[2]]}\n{found[3]}", page)


def main() -> None:
    """Write the page."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else None
    if folder is not None and not folder.is_dir():
        sys.exit(f"{folder}: no such folder; give the output of physrep tables")
    write_file(PAGE, with_tables(PAGE.read_text(), tables_of(load_plan(PLAN), folder)))
    print(f"accuracy_page: wrote {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
