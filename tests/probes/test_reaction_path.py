"""Barriers along paths against numbers written down here."""

import numpy as np
import pytest

from physrep.figures.reliability_plots import barrier_figure, path_figure
from physrep.probes.reaction_path import barrier, group_paths, path_errors, relative_energies

LABELS = [np.array([-10.0, -8.5, -9.0]), np.array([5.0, 5.4, 6.0, 5.2])]  # barriers 1.5 and 1.0


def test_barrier_is_the_highest_image_above_the_reactant():
    assert [barrier(path) for path in LABELS] == pytest.approx([1.5, 1.0])
    assert barrier([1.0, 0.5, 0.2]) == 0.0  # downhill all the way
    np.testing.assert_allclose(relative_energies([2, 3, 1]), [0, 1, -1])


def test_errors_do_not_see_the_zero_of_energy():
    model = [LABELS[0] + 77.0, LABELS[1] - 3.0]
    errors = path_errors(LABELS, model)
    assert errors.barrier_mae == pytest.approx(0.0) and errors.within == 1.0
    assert errors.energy_mae == pytest.approx(0.0)


def test_errors_put_in_are_found():
    model = [LABELS[0] + [0.0, 0.3, 0.0], LABELS[1] + [0.0, 0.0, -0.1, 0.0]]
    errors = path_errors(LABELS, model)
    np.testing.assert_allclose(errors.reference_barriers, [1.5, 1.0])
    np.testing.assert_allclose(errors.predicted_barriers, [1.8, 0.9])
    assert errors.barrier_mae == pytest.approx(0.2)
    assert errors.barrier_bias == pytest.approx(0.1)
    assert errors.within == 0.5
    assert errors.energy_mae == pytest.approx(0.4 / 5)  # five images that are no reactant


def test_the_highest_image_may_be_another_one():
    errors = path_errors(LABELS[:1], [np.array([0.0, 1.0, 1.4])])
    assert errors.predicted_barriers == pytest.approx([1.4])


def test_a_nan_is_not_hidden():
    errors = path_errors(LABELS, [LABELS[0] * np.nan, LABELS[1]])
    assert np.isnan(errors.barrier_mae) and errors.within == 0.5


def test_paths_of_different_length_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\).*give one"):
        path_errors(LABELS, LABELS[::-1])
    with pytest.raises(ValueError, match="at least one reaction"):
        path_errors([], [])


def test_frames_are_put_in_order():
    infos = [
        {"reaction": 7, "image": 2},
        {"reaction": 3, "role": "ts"},
        {"reaction": 7, "image": 0},
        {"reaction": 3, "role": "product"},
        {"reaction": np.int64(7), "image": 1, "role": "ts"},
        {"reaction": 3, "role": "reactant"},
    ]
    assert group_paths(infos) == {7: [2, 4, 0], 3: [5, 1, 3]}


def test_reactions_with_names():
    """As Transition1x has them: the same name may stand under two formulas."""
    roles = ("transition_state", "reactant", "product")
    infos = [{"reaction": "rxn1", "formula": f, "role": r} for f in ("CH2O", "CO2") for r in roles]
    assert group_paths(infos) == {"CH2O/rxn1": [1, 0, 2], "CO2/rxn1": [4, 3, 5]}


@pytest.mark.parametrize(
    ("infos", "said"),
    [
        ([{"image": 0}], r"frame 0 .* has no reaction; write reaction=NUMBER"),
        ([{"reaction": 1.5}], r"reaction = 1.5; write"),
        ([{"reaction": 1}], "neither image nor role"),
        ([{"reaction": 1, "image": 0.5}], r"image = 0.5; write"),
        ([{"reaction": 1, "role": "TS"}], "role = 'TS'; write"),
        ([{"reaction": 1, "image": 0}], "reaction 1 has one frame"),
        ([{"reaction": 1, "image": 4}] * 2, "reaction 1 has image = 4 more than once"),
        (
            [{"reaction": 1, "role": "reactant"}, {"reaction": 1, "role": "product"}],
            "has reactant, product only",
        ),
    ],
)
def test_frames_that_make_no_path_are_refused(infos, said):
    with pytest.raises(ValueError, match=said):
        group_paths(infos)


def test_figures():
    titles = ("reaction 1", "reaction 2")
    labels = dict(zip(titles, LABELS, strict=True))
    figure = path_figure(labels, {"a": labels, "b": labels})
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(titles)
    assert len(figure.axes[0].lines) == 3
    parity = barrier_figure({"a": path_errors(LABELS, LABELS)})
    texts = [text.get_text() for text in parity.axes[0].get_legend().texts]
    assert texts == ["within 0.2 eV", "a: MAE 0.00 eV, 100 % within"]
