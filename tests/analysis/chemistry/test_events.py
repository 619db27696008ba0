"""Reactions that were made, found at their times; persistence; lifetimes with censoring."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from physrep.analysis.chemistry.events import (
    PROTON_TRANSFER,
    RECOMBINATION,
    Change,
    EventTracker,
    find_events,
    settle,
)
from physrep.analysis.statistics.lifetimes import censored_lifetime
from physrep.figures.event_plots import (
    dissociation_figure,
    events_figure,
    populations_figure,
    survival_figure,
)

CELL = np.array([[14.0, 0.0, 0.0], [4.0, 13.0, 0.0], [-3.0, 2.0, 12.0]])
ALL = np.ones(3, bool)
# Ammonium at the origin, its proton 1 on the x axis; nitrate beyond it, O 5 on the same axis.
SPECIES = np.array([7, 1, 1, 1, 1, 8, 7, 8, 8])
BRIDGE = 2.7
PROTON, OXYGEN = 1, 5


def ion_pair() -> np.ndarray:
    third = 2.0 * np.pi * np.arange(3) / 3.0
    cone = np.stack([np.full(3, -0.34), 0.97 * np.cos(third), 0.97 * np.sin(third)], axis=1)
    nitrogen = np.array([BRIDGE + 0.63, 1.08, 0.0])
    others = nitrogen + np.array([[-0.62, 1.08, 0.0], [1.25, 0.0, 0.0]])
    first = np.array([[0.0, 0.0, 0.0], [1.03, 0.0, 0.0]])
    return np.concatenate([first, cone, [[BRIDGE, 0.0, 0.0]], nitrogen[None], others])


def frames_of(coordinate, dt=0.01, move="proton"):
    """The proton at x = coordinate, or one nitrate O carried to that distance from N."""
    base = ion_pair()
    for k, value in enumerate(coordinate):
        positions = base.copy()
        if move == "proton":
            positions[PROTON, 0] = value
        else:
            positions[8] = base[6] + [value, 0.0, 0.0]
        yield SimpleNamespace(time=k * dt, positions=positions, cell=CELL, pbc=ALL)


N_SIDE, O_SIDE, FREE = 1.03, BRIDGE - 1.0, 1.55


def test_a_proton_carried_from_n_to_o_and_back():
    path = [N_SIDE] * 20 + [FREE] * 2 + [O_SIDE] * 30 + [FREE] * 2 + [N_SIDE] * 30
    found = find_events(frames_of(path), SPECIES)
    there, back = found.events
    assert there.kind == back.kind == PROTON_TRANSFER
    assert there.atoms == (0, PROTON, OXYGEN) and back.atoms == (OXYGEN, PROTON, 0)
    assert there.time == pytest.approx(0.22) and back.time == pytest.approx(0.54)
    assert there.reaction == "H4N+ + NO3- -> H3N + HNO3"
    assert back.reaction == "H3N + HNO3 -> H4N+ + NO3-"
    assert found.names["HNO3"].name == "nitric acid"
    np.testing.assert_allclose(found.times, [0.0, 0.22, 0.54, 0.83])
    assert found.populations["NO3-"].tolist() == [1, 0, 1, 1]
    assert found.populations["HNO3"].tolist() == [0, 1, 0, 0]
    assert found.dissociated("H4N+").tolist() == [0.0, 1.0, 0.0, 0.0]
    assert found.at([0.21, 0.22, 0.53])["HNO3"].tolist() == [0, 1, 1]
    assert found.lifetimes["HNO3"].mean == pytest.approx(0.32)
    assert found.lifetimes["NO3-"].exposure == pytest.approx(0.22 + 0.29)
    assert found.note == ""


@pytest.mark.parametrize(("n_away", "n_events"), [(3, 0), (5, 0), (6, 2), (20, 2)])
def test_what_is_undone_within_tau_is_rattling(n_away, n_events):
    path = [N_SIDE] * 10 + [O_SIDE] * n_away + [N_SIDE] * 10
    found = find_events(frames_of(path), SPECIES)
    assert len(found.events) == n_events
    assert found.n_undone == (4 if n_events == 0 else 0)
    assert len(find_events(frames_of(path), SPECIES, tau=0.0).events) == 2


def test_a_nitrate_loses_an_oxygen_and_gets_it_back():
    path = [1.25] * 10 + [1.9] * 10 + [3.2] * 10 + [1.7] * 10 + [1.3] * 10
    found = find_events(frames_of(path, move="oxygen"), SPECIES)
    lost, gained = found.events
    assert (lost.kind, lost.atoms, lost.time) == ("N-O break", (6, 8), pytest.approx(0.2))
    assert lost.reaction == "NO3- -> NO2 + O"
    assert found.names["NO2"].charge is None
    assert (gained.kind, gained.time) == (RECOMBINATION, pytest.approx(0.4))
    assert gained.reaction == "NO2 + O -> NO3-"


def test_what_happens_within_tau_of_the_end_is_not_confirmed():
    found = find_events(frames_of([N_SIDE] * 10 + [O_SIDE] * 4), SPECIES)
    assert [event.confirmed for event in found.events] == [False]
    found = find_events(frames_of([N_SIDE] * 10 + [O_SIDE] * 6), SPECIES)
    assert [event.confirmed for event in found.events] == [True]


def test_a_proton_left_free_is_a_break_and_then_a_recombination():
    path = [N_SIDE] * 10 + [FREE] * 10 + [N_SIDE] * 10
    kinds = [event.kind for event in find_events(frames_of(path), SPECIES).events]
    assert kinds == ["H-N break", RECOMBINATION]


def shown(found):
    return (
        [(e.time, e.kind, e.atoms, e.reaction) for e in found.events],
        {label: counts.tolist() for label, counts in found.populations.items()},
    )


def test_images_and_wrapping_do_not_matter():
    path = [N_SIDE] * 10 + [O_SIDE] * 20 + [N_SIDE] * 20
    expected = shown(find_events(frames_of(path), SPECIES))
    rng = np.random.default_rng(0)
    frames = list(frames_of(path))
    for frame in frames:
        frame.positions = frame.positions + [13.5, 12.9, 0.1]  # across the faces
        frame.positions += rng.integers(-1, 2, frame.positions.shape) @ CELL
    assert shown(find_events(frames, SPECIES)) == expected


def test_order_of_atoms_does_not_matter():
    path = [N_SIDE] * 10 + [O_SIDE] * 20 + [N_SIDE] * 20
    expected = find_events(frames_of(path), SPECIES)
    order = np.random.default_rng(1).permutation(len(SPECIES))
    frames = list(frames_of(path))
    for frame in frames:
        frame.positions = frame.positions[order]
    found = find_events(frames, SPECIES[order])
    assert [e.reaction for e in found.events] == [e.reaction for e in expected.events]
    atoms = [tuple(order[list(e.atoms)].tolist()) for e in found.events]
    assert atoms == [e.atoms for e in expected.events]


def test_transfers_of_two_pairs_at_one_time_stay_apart():
    path = [N_SIDE] * 10 + [O_SIDE] * 20
    frames = list(frames_of(path))
    for frame in frames:
        frame.positions = np.concatenate([frame.positions, frame.positions + [0.0, 0.0, 6.0]])
    found = find_events(frames, np.tile(SPECIES, 2))
    assert [e.atoms for e in found.events] == [(0, 1, 5), (9, 10, 14)]
    assert {e.reaction for e in found.events} == {"H4N+ + NO3- -> H3N + HNO3"}
    assert found.populations["NO3-"].tolist() == [2, 0, 0]


def test_settle_joins_a_relay_of_one_proton():
    species = np.array([7, 1, 8, 7])
    relay = [(0.10, 0, 1, False), (0.10, 1, 2, True), (0.13, 1, 2, False), (0.13, 1, 3, True)]
    kept = settle([Change(*one) for one in relay], species, tau=0.05)
    assert kept == [Change(0.13, 0, 1, False), Change(0.13, 1, 3, True)]
    assert len(settle([Change(*one) for one in relay], species, tau=0.01)) == 4


@pytest.mark.parametrize("seed", range(5))
def test_lifetimes_of_an_exponential_process(seed):
    rng = np.random.default_rng(seed)
    true, births = rng.exponential(2.0, 2000), rng.uniform(0.0, 3.0, 2000)
    ages = np.minimum(true, 3.0 - births)
    found = censored_lifetime(ages, true == ages)
    assert found.ended < 1500  # many censored: the plain mean of those that ended is too small
    assert abs(found.mean - 2.0) < 4.0 * found.error
    assert ages[true == ages].mean() < 0.6 * found.mean
    middle = np.searchsorted(found.ages, 1.0) - 1
    expected = np.exp(-found.ages[middle] / 2.0)
    assert abs(found.survival[middle] - expected) < 4.0 * found.survival_error[middle]


def test_kaplan_meier_by_hand():
    found = censored_lifetime(np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, True]))
    assert found.ages.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(found.survival, [0.75, 0.5, 0.0])
    np.testing.assert_allclose(found.survival_error[0], 0.75 * np.sqrt(1.0 / 12.0))
    none = censored_lifetime(np.array([3.0, 3.0]), np.array([False, False]))
    assert none.mean is None and none.longer_than == pytest.approx(6.0 / np.log(20.0))


def test_bad_input_is_named():
    tracker = EventTracker(SPECIES)
    with pytest.raises(ValueError, match="0 frames observed"):
        tracker.result()
    with pytest.raises(ValueError, match="time of frame 0 is None: give ps between frames"):
        tracker.observe(None, ion_pair(), CELL, ALL)
    tracker.observe(1.0, ion_pair(), CELL, ALL)
    with pytest.raises(ValueError, match=r"time of frame 1 is 1 ps.*must rise"):
        tracker.observe(1.0, ion_pair(), CELL, ALL)
    with pytest.raises(ValueError, match=r"'H2O'.*choose from H4N\+, NO3-"):
        tracker.result().dissociated("H2O")
    with pytest.raises(ValueError, match="tau=-1"):
        EventTracker(SPECIES, tau=-1)


def test_frames_further_apart_than_tau_are_noted():
    found = find_events(frames_of([N_SIDE] * 3, dt=0.2), SPECIES)
    assert "0.2 ps apart" in found.note and found.events == []
    assert json.loads(json.dumps(found.as_dict()))["populations"] == {
        "H4N+": [1, 1],
        "NO3-": [1, 1],
    }


FIGURES = [populations_figure, events_figure, dissociation_figure, survival_figure]


@pytest.mark.parametrize("draw", FIGURES)
@pytest.mark.parametrize("path", [[N_SIDE] * 10, [N_SIDE] * 10 + [O_SIDE] * 9 + [N_SIDE] * 8])
def test_figures_have_labels_with_units(draw, path):
    figure = draw(find_events(frames_of(path), SPECIES))
    figure.draw_without_rendering()
    assert all("(ps)" in axes.get_xlabel() for axes in figure.axes)
