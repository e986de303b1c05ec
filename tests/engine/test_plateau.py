import pytest

from deeprank_mm.engine.plateau import Plateau


def test_stable_after_patience_readings_without_progress():
    plateau = Plateau(patience=2, min_delta=0.1)
    readings = [1.0, 0.8, 0.75, 0.6, 0.59, 0.55]
    assert [plateau.update(r) for r in readings] == [False] * 5 + [True]


def test_small_steps_add_up_to_progress():
    plateau = Plateau(patience=3, min_delta=0.1)
    assert not any(plateau.update(1 - 0.06 * i) for i in range(10))


def test_new_labels_forget_the_old_losses():
    plateau = Plateau(patience=1, min_delta=0.0)
    plateau.update(0.1)
    plateau.reset()
    assert not plateau.update(0.9)


def test_state_goes_on():
    one = Plateau(patience=2, min_delta=0.0)
    one.update(0.5)
    one.update(0.6)
    two = Plateau(patience=2, min_delta=0.0)
    two.load_state_dict(one.state_dict())
    assert two.update(0.55)


def test_nan_is_no_progress():
    assert Plateau(1, 0.0).update(float('nan'))


@pytest.mark.parametrize('patience, delta', [(0, 0.1), (1, -0.1)])
def test_bad_settings(patience, delta):
    with pytest.raises(ValueError, match='patience >= 1'):
        Plateau(patience, delta)
