"""Kaplan and Meier's estimate against published numbers."""

import numpy as np
import pytest

from physrep.analysis.statistics.lifetimes import censored_lifetime

# Remission in weeks under 6-mercaptopurine, the textbook example of censored data (E. A. Gehan,
# Biometrika 52 (1965) 203; J. F. Lawless, "Statistical Models and Methods for Lifetime Data").
ENDED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
CENSORED = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]


def test_remission_times_of_gehan():
    ages = np.array(ENDED + CENSORED, dtype=float)
    found = censored_lifetime(ages, np.arange(21) < len(ENDED))
    assert found.ages.tolist() == [6, 7, 10, 13, 16, 22, 23]
    survival = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    errors = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    np.testing.assert_allclose(found.survival, survival, atol=6e-5)
    np.testing.assert_allclose(found.survival_error, errors, atol=6e-5)
    assert found.exposure == 359.0 and found.mean == pytest.approx(359.0 / 9.0)


def test_no_molecule_at_all():
    found = censored_lifetime(np.zeros(0), np.zeros(0, bool))
    assert found.n == 0 and not len(found.ages) and not len(found.survival)
    assert found.mean is None and found.longer_than == 0.0


def test_ages_and_ends_must_belong_together():
    with pytest.raises(ValueError, match=r"ages \(2,\).*ended \(1,\)"):
        censored_lifetime(np.ones(2), np.ones(1, bool))
    with pytest.raises(ValueError, match="lowest -1"):
        censored_lifetime(np.array([-1.0]), np.ones(1, bool))
