"""Plans of tables: which fits are compared, by which numbers, beside which published ones."""

from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from pydantic import field_validator, model_validator

from physrep.config import ConfigError, StrictModel
from physrep_training.bounds import Count, Positive
from physrep_training.fit.fit_config import read_yaml


class Column(NamedTuple):
    """A number of a table: its name, its title with the unit, its format."""

    key: str
    title: str
    format: str


class ErrorColumn(NamedTuple):
    """An error on a set of structures: what it is in `physrep.studies.evaluate.Errors`."""

    title: str
    format: str
    field: str
    factor: float = 1.0  # from the unit of the field to that of the title


ERRORS = {
    "force_mae": ErrorColumn("force MAE (eV/Å)", ".4f", "force_mae"),
    "force_rmse": ErrorColumn("force RMSE (eV/Å)", ".4f", "force_rmse"),
    "force_mae_mev": ErrorColumn("force MAE (meV/Å)", ".1f", "force_mae", 1000.0),
    "force_rmse_mev": ErrorColumn("force RMSE (meV/Å)", ".1f", "force_rmse", 1000.0),
    "energy_mae_mev": ErrorColumn("energy MAE (meV)", ".1f", "energy_mae_mev"),
    "energy_rmse_mev": ErrorColumn("energy RMSE (meV)", ".1f", "energy_rmse_mev"),
    "energy_centred_mae_mev": ErrorColumn(
        "energy MAE without mean offset (meV)", ".1f", "energy_centred_mae_mev"
    ),
    "energy_mae_mev_per_atom": ErrorColumn(
        "energy MAE (meV/atom)", ".2f", "energy_mae_mev_per_atom"
    ),
    "energy_rmse_mev_per_atom": ErrorColumn(
        "energy RMSE (meV/atom)", ".2f", "energy_rmse_mev_per_atom"
    ),
}

SUITES: dict[str, tuple[Column, ...]] = {
    "errors": (
        Column("force_mae", "force MAE (eV/Å)", ".4f"),
        Column("force_rmse", "force RMSE (eV/Å)", ".4f"),
    ),
    "reliability": (
        Column("mae_e_mev", "MAE_E (meV)", ".1f"),
        Column("mae_f", "MAE_F (eV/Å)", ".4f"),
        Column("delta_p", "ΔP (Å)", ".4f"),
        Column("delta_e_mev", "ΔE (meV)", ".1f"),
        Column("recovered", "recovered", ".2f"),
        Column("assembly_recovered", "assembled", ".2f"),
    ),
    "paths": (
        Column("barrier_mae_ev", "barrier MAE (eV)", ".3f"),
        Column("within_0_2_ev", "within 0.2 eV", ".2f"),
        Column("energy_mae_ev", "path MAE (eV)", ".3f"),
    ),
    "tests": (),
}

TIME = Column("time_ms", "time (ms)", ".2f")
DRAWN = {"errors": "force_mae", "reliability": "delta_p", "paths": "barrier_mae_ev"}  # in figures
OWN_PART = "the test part of the fit's own data"


class TestSet(StrictModel):
    """Structures that every fit of a table is judged on, and by which errors."""

    file: Path | None = None
    """File of labelled structures; default: the test part of the fit's own data."""
    columns: list[str] = ["force_mae", "force_rmse", "energy_rmse_mev_per_atom"]
    """Errors: force_mae, force_rmse (eV/A), force_mae_mev, force_rmse_mev (meV/A), energy_mae_mev,
    energy_rmse_mev (meV, whole structures), energy_centred_mae_mev (the same, mean offset removed),
    energy_mae_mev_per_atom, energy_rmse_mev_per_atom (mean offset per atom removed)."""

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in ERRORS:
                raise ValueError(f"no error is called {name!r}; there are {', '.join(ERRORS)}")
        if not names:
            raise ValueError("an empty list judges nothing; name an error, or leave out columns")
        return names

    @property
    def errors(self) -> dict[str, ErrorColumn]:
        """The errors wanted, by their keys."""
        return {key: ERRORS[key] for key in self.columns}


class Row(StrictModel):
    """One fit, or several with different seeds; or a published result."""

    label: str
    """Name of the row."""
    set: list[str] = []
    """Settings of this row, key=value."""
    config: Path | None = None
    """YAML file in place of the table's config and its common settings."""
    published: float | dict[str, float] = {}
    """Published numbers by the name of the column; a single number is that of the first column."""
    fitted: bool = True
    """false for rows that have published numbers only."""
    source: str = ""
    """Where the published numbers are from; needed where fitted is false."""

    @model_validator(mode="after")
    def _quoted_from_somewhere(self) -> Self:
        if not self.fitted and not (self.source and self.published):
            missing = "published" if self.source else "source"
            raise ValueError(
                f"row {self.label!r} is not fitted (fitted: false) and has no {missing}: give its "
                "published numbers and their source, or fit it"
            )
        return self


class Table(StrictModel):
    """Fits that are compared with each other."""

    renamed = {"minutes": "cpu_minutes"}

    name: str
    """Name of the table and of its folder."""
    title: str
    """Heading of the table."""
    config: Path
    """YAML file of the fits."""
    suite: Literal["errors", "reliability", "paths", "tests"] = "errors"
    """What is measured on the test part of the fit's own data; ``tests``: only what tests says."""
    cpu_minutes: Positive | None = None
    """[min] Processor time of each fit; default: the plan's."""
    seeds: Count = 1
    """Fits of each row, with run.seed 0, 1, ..."""
    common: list[str] = []
    """Settings, key=value, of the rows that have no config of their own."""
    every: list[str] = []
    """Settings, key=value, of all rows."""
    tests: dict[str, TestSet] = {}
    """Structures that every fit is judged on as well, by the name that they have in the table."""
    timed: bool = False
    """Whether a column has the processor time of one evaluation of the first structure of the first
    of tests, by the exported file in ASE, one thread."""
    rows: list[Row]
    """Rows in the order of the table."""

    @model_validator(mode="after")
    def _judged_by_something(self) -> Self:
        for setting, given in (("suite: tests", self.suite == "tests"), ("timed", self.timed)):
            if given and not self.tests:
                raise ValueError(
                    f"table {self.name!r}: {setting} without tests; give tests, e.g. "
                    "{600 K: {file: FILE}}"
                )
        return self

    @model_validator(mode="after")
    def _published_in_known_columns(self) -> Self:
        known = [column.key for column in self.columns]
        for row in self.rows:
            for key in self.published(row):
                if key not in known:
                    raise ValueError(
                        f"row {row.label!r} of table {self.name!r} has a published {key!r}, which "
                        f"is no column of it; there are {', '.join(known)}"
                    )
        return self

    @property
    def columns(self) -> tuple[Column, ...]:
        """The numbers of its suite, of its tests, and the time."""
        judged = tuple(
            Column(f"{name} {key}", f"{name}: {error.title}", error.format)
            for name, test in self.tests.items()
            for key, error in test.errors.items()
        )
        return (*SUITES[self.suite], *judged, *([TIME] if self.timed else []))

    @property
    def drawn(self) -> Column:
        """The number in its figure: that of its suite, else its first error of forces."""
        chosen = DRAWN.get(self.suite, "force")
        return next((c for c in self.columns if chosen in c.key), self.columns[0])

    @property
    def has_committees(self) -> bool:
        """Whether the mean of the seeds' forces is judged too."""
        return self.suite == "errors" and self.seeds > 1

    def published(self, row: Row) -> dict[str, float]:
        """The paper's numbers of a row by column."""
        if isinstance(row.published, float):
            return {self.columns[0].key: row.published}
        return row.published


class Plan(StrictModel):
    """All tables and the time of each fit."""

    renamed = {"minutes": "cpu_minutes"}

    cpu_minutes: Positive
    """[min] Processor time of each fit."""
    tables: list[Table]
    """Tables, fitted in this order."""


def load_plan(path: Path, minutes: float | None = None) -> Plan:
    """Read a plan (YAML).

    Args:
        minutes: processor time of every fit, in place of the plan's.

    Raises:
        ConfigError: no such file, or it is not a plan.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; give the plan of the tables with --plan")
    plan = Plan.parse(read_yaml(path))
    if minutes is None:
        return plan
    shorter: dict[str, Any] = {"cpu_minutes": None}
    tables = [table.model_copy(update=shorter) for table in plan.tables]
    return plan.model_copy(update={"cpu_minutes": minutes, "tables": tables})
