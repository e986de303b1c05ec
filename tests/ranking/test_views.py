import pytest
import torch

from deeprank_mm.ranking import pairwise_distance, view_distance
from tests.literal import distance


@pytest.fixture
def features():
    return {
        name: torch.randn(5, 4, dtype=torch.float64)
        for name in ('joint', 'bone', 'motion')
    }


@pytest.mark.parametrize(
    'view, used',
    [
        ('self', ['bone']),
        ('other', ['joint', 'motion']),
        ('all', ['joint', 'bone', 'motion']),
    ],
)
def test_each_view_sums_the_distances_of_its_modalities(features, view, used):
    tables = {k: pairwise_distance(v) for k, v in features.items()}
    result = view_distance(tables, 'bone', view)
    for a in range(5):
        for c in range(5):
            if a != c:
                expected = sum(
                    distance(features[m][a], features[m][c], 'l2')
                    for m in used
                )
                assert result[a, c] == pytest.approx(float(expected))


def test_other_needs_a_second_modality():
    with pytest.raises(ValueError, match='needs a second modality'):
        view_distance({'joint': torch.zeros(3, 3)}, 'joint', 'other')


def test_unknown_view():
    with pytest.raises(ValueError, match="Unknown view 'own'"):
        view_distance({'joint': torch.zeros(3, 3)}, 'joint', 'own')
