"""Stage fit: the members of the committee, from the second round on by continuing each."""

from physrep_training.active.active_layout import Work
from physrep_training.fit.repeats import fit_all


def fit_members(work: Work) -> None:
    """Fit the committee on all data so far; what is done is not done again.

    Raises:
        ConfigError, DataError: data or settings that cannot be fitted. FitError: a fit diverges.
    """
    folder = work.committee.parent
    configs = []
    for k in range(work.config.members):
        more = {"output": folder / f"seed_{k}"}
        if work.round_number > 1:
            before = Work(work.config, work.round_number - 1).committee.parent
            more["start_from"] = before / f"seed_{k}" / "best.ckpt"
        configs.append(work.config.fit_of(k, work.first_files, work.added_files, **more))
    fit_all(configs, folder)
