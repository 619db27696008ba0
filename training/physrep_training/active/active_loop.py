"""The loop: stages in order, each of which may be killed at any time and is then done again.

A stage reads what those before it have written, writes whole files under names of its own, keeps
what it finds done and gives the same files however often it was interrupted. state.json holds the
stage that is next, and is the only thing that moves on.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from physrep.config import ConfigError
from physrep.output import make_folder, write_file
from physrep.progress import say
from physrep_training.active.active_config import ActiveConfig
from physrep_training.active.active_layout import Layout, Work
from physrep_training.active.active_state import Outcome, Stage, State, read_state, write_state
from physrep_training.active.add_labelled import add
from physrep_training.active.choose_frames import choose
from physrep_training.active.explore import explore
from physrep_training.active.first_data import make_first_data
from physrep_training.active.label_chosen import label_chosen
from physrep_training.active.members import fit_members
from physrep_training.active.round_report import read_report, report
from physrep_training.fit.run_folder import exclusive_run_folder

Does = Callable[[Work], None]
WHAT: Mapping[Stage, Does] = {
    "start": make_first_data,
    "fit": fit_members,
    "explore": explore,
    "choose": choose,
    "label": label_chosen,
    "add": add,
    "report": report,
}
SAID: Mapping[Outcome, str] = {
    "stable": "MD stays below choose.lower at every condition",
    "stalled": "MD does not stay below choose.lower, and no frame could be added: raise "
    "choose.upper, or lower md.every_fs or md.temperatures, and give the command again",
    "rounds": "MD does not stay below choose.lower after all rounds: raise rounds and give the "
    "command again",
}


def learn(config: ActiveConfig, what: Mapping[Stage, Does] = WHAT) -> State:
    """Run the loop from where it stands to its end; files: see `physrep_training.active`.

    Args:
        what: does each stage.

    Returns:
        the last state, with an outcome.

    Raises:
        ConfigError: the folder holds a loop with other settings, or another process works in it.
        UserError: as the stages. FitError: a fit diverges. What was done is kept.
    """
    layout = Layout(config.folder)
    with exclusive_run_folder(config.folder, "an active loop"):
        state = _begun(config, layout)
        while not state.outcome:
            work = Work(_settings_of_round(config, layout, state.round), state.round)
            say("active", f"round {state.round}: {state.stage}" if state.round else state.stage)
            what[state.stage](work)
            state = _after(state, work)
            write_state(layout.state, state)
    return state


def _begun(config: ActiveConfig, layout: Layout) -> State:
    """The state to go on from.

    Raises:
        ConfigError: settings that cannot change have changed.
    """
    state = read_state(layout.state)
    if state is None:
        _write_settings(layout.settings, config)
        state = State()
        write_state(layout.state, state)
        return state
    began = _read_settings(layout.settings)
    if different := config.changed_for_good(began):
        raise ConfigError(
            f"{layout.settings} differs in {', '.join(different)} from the settings given now, "
            "which a loop must keep; give the same, or another output=..."
        )
    if state.outcome and _goes_on(state, config, layout):
        state = State(round=state.round + 1, stage="fit")
        write_state(layout.state, state)
    return state


def _goes_on(state: State, config: ActiveConfig, layout: Layout) -> bool:
    """Whether a loop that has ended is asked for more than its last round had."""
    last = _read_settings(layout.round(state.round) / "settings.yaml")
    if state.round >= config.rounds:
        return False
    now, then = (one.model_dump(exclude={"output", "label"}) for one in (config, last))
    return now != then


def _settings_of_round(config: ActiveConfig, layout: Layout, round_number: int) -> ActiveConfig:
    """Those that the round began with: what is changed in between counts from the next one on."""
    if round_number == 0:
        return config
    path = make_folder(layout.round(round_number)) / "settings.yaml"
    if not path.exists():
        _write_settings(path, config)
    then = _read_settings(path)
    return then.model_copy(update={"output": config.folder, "label": config.label})


def _write_settings(path: Path, config: ActiveConfig) -> None:
    write_file(path, yaml.safe_dump(json.loads(config.model_dump_json()), sort_keys=False))


def _read_settings(path: Path) -> ActiveConfig:
    try:
        return ActiveConfig.parse(yaml.safe_load(path.read_text()))
    except (OSError, ConfigError, yaml.YAMLError) as error:
        raise ConfigError(
            f"{path}: not the settings of an active loop ({error}); bring the file back, or give "
            "another output=..."
        ) from None


def _after(state: State, work: Work) -> State:
    """The next stage; after a report, whether there is one."""
    if state.stage != "report":
        return state.next()
    found = read_report(work, work.round_number)
    outcome: Outcome = ""
    if found["stable"]:
        outcome = "stable"
    elif not found["added"]:
        outcome = "stalled"
    elif state.round >= work.config.rounds:
        outcome = "rounds"
    say("active", f"round {state.round}: {found['summary']}")
    return State(round=state.round, stage="report", outcome=outcome) if outcome else state.next()
