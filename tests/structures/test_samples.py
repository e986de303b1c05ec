import pytest
import torch
from mmaction.structures import ActionDataSample

from deeprank_mm.structures import label_of, sample_id_of


@pytest.mark.parametrize(
    'meta, expected',
    [
        (dict(sample_id='s', frame_dir='f'), 's'),
        (dict(frame_dir='f', filename='n'), 'f'),
        (dict(filename='n'), 'n'),
    ],
)
def test_id_of_any_annotation(meta, expected):
    sample = ActionDataSample(metainfo=meta)
    assert sample_id_of(sample) == expected
    assert sample_id_of(meta) == expected


def test_sample_without_id_says_what_to_add():
    with pytest.raises(KeyError, match='PackActionInputs.*meta_keys'):
        sample_id_of(ActionDataSample())


def test_label():
    sample = ActionDataSample().set_gt_label(3)
    assert label_of(sample) == 3
    assert label_of(sample.to_dict()) == 3
    assert label_of(ActionDataSample()) is None
    several = ActionDataSample().set_gt_label(torch.tensor([1, 0, 1]))
    assert label_of(several) is None
    # MMAction2 1.1 keeps it in a LabelData
    assert label_of(dict(gt_labels=dict(item=torch.tensor([2])))) == 2
