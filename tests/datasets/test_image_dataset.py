import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.dataset import BaseDataset
from mmengine.registry import DefaultScope

from deeprank_mm.datasets import holdout_split, with_pipeline
from deeprank_mm.structures import label_of, sample_id_of

PACK = [
    dict(type='FormatImage'),
    dict(type='PackActionInputs', meta_keys=('sample_id',)),
]
DIGITS = dict(type='DigitsDataset')


class Broken(BaseDataset):
    """Samples as no image data set has them."""

    def __init__(self, split, sample, **kwargs):
        self.sample = sample
        super().__init__(**kwargs)

    def load_data_list(self):
        return [dict(self.sample)]


def build(pipeline=PACK, source=DIGITS, split='train', **kwargs):
    with DefaultScope.overwrite_default_scope('mmaction'):
        return DATASETS.build(
            dict(
                type='ImageDataset',
                source=source,
                split=split,
                pipeline=pipeline,
                **kwargs,
            )
        )


def ids_of(dataset):
    return [dataset.get_data_info(i)['sample_id'] for i in range(len(dataset))]


def test_a_sample_carries_its_image_label_and_id():
    dataset = build(split='test')
    packed, info = dataset[7], dataset.get_data_info(7)
    assert sample_id_of(packed['data_samples']) == 'test00007'
    assert label_of(packed['data_samples']) == info['gt_label']
    assert packed['inputs'].shape == (1, 8, 8)
    np.testing.assert_array_equal(packed['inputs'][0], info['img'][..., 0])


def test_parts_share_no_sample_and_keep_their_ids():
    hold = dict(fraction=0.1, seed=3)
    train, held = (
        build(holdout=dict(part=part, **hold)) for part in ('train', 'holdout')
    )
    everything = ids_of(build())
    assert len(held) == 120
    assert sorted(ids_of(train) + ids_of(held)) == everything
    chosen = holdout_split(everything, None, **hold)
    assert ids_of(held) == [i for i, out in zip(everything, chosen) if out]
    # a part has the same sample under the same id
    name = held.get_data_info(0)['sample_id']
    np.testing.assert_array_equal(
        held.get_data_info(0)['img'],
        build().get_data_info(int(name[-5:]))['img'],
    )


def test_augmentation_is_keyed_by_seed_epoch_and_sample():
    dataset = build([dict(type='PadCrop', padding=4), *PACK])
    part = build(
        [dict(type='PadCrop', padding=4), *PACK],
        holdout=dict(part='holdout', fraction=0.1),
    )

    def read(data, seed, epoch):
        data.set_random_key(seed, epoch)
        return [data[i]['inputs'].numpy() for i in range(20)]

    first = read(dataset, 0, 1)
    np.testing.assert_array_equal(first, read(dataset, 0, 1))
    for seed, epoch in ((0, 2), (1, 1)):
        assert (np.stack(read(dataset, seed, epoch)) != first).any()
    # wherever a sample stands
    rows = [int(name[-5:]) for name in ids_of(part)[:20]]
    expected = [dataset[row]['inputs'].numpy() for row in rows]
    dataset.set_random_key(0, 1)
    expected = [dataset[row]['inputs'].numpy() for row in rows]
    np.testing.assert_array_equal(read(part, 0, 1), expected)


def test_a_view_through_another_pipeline_is_not_augmented():
    dataset = build([dict(type='PadCrop', padding=4), *PACK])
    with DefaultScope.overwrite_default_scope('mmaction'):
        view = with_pipeline(dataset, PACK)
    np.testing.assert_array_equal(
        view[3]['inputs'][0], dataset.get_data_info(3)['img'][..., 0]
    )


@pytest.mark.parametrize(
    'sample, message',
    [
        (dict(img_path='a.png', gt_label=0), "'train00000' of .* no image"),
        (dict(img=np.zeros((2, 2, 1)), gt_label=[0, 1]), r'gt_label \[0, 1\]'),
        (dict(img=np.zeros((2, 2, 1))), 'gt_label None'),
    ],
)
def test_samples_that_are_none(sample, message):
    with pytest.raises(ValueError, match=message):
        build(source=dict(type=Broken, sample=sample))


def test_holdout_is_checked():
    with pytest.raises(ValueError, match="'train' or 'holdout'"):
        build(holdout=dict(part='val', fraction=0.1))
    with pytest.raises(TypeError, match='may have seed'):
        build(holdout=dict(part='train', fraction=0.1, group='writer'))
