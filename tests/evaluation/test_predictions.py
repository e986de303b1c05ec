import os
import pickle
from collections import OrderedDict

import mmengine
import numpy as np
import pytest
import torch
from mmaction.evaluation import AccMetric, ConfusionMatrix
from mmaction.structures import ActionDataSample
from mmengine.evaluator import DumpResults, Evaluator
from mmengine.logging import MMLogger
from scipy.special import softmax

from deeprank_mm.evaluation.predictions import Predictions, PredictionsError


def table(count=6, classes=4, seed=0, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(count, classes, generator=generator) * 3
    return scores.double().softmax(1).to(dtype)


def samples(scores, labels=True, key='sample_id'):
    """Dicts as an evaluator of MMAction2 1.2 hands them to a metric."""
    out = []
    for i, score in enumerate(scores):
        sample = ActionDataSample()
        sample.set_metainfo({key: f'clip{i}'})
        sample.set_pred_score(score)
        sample.set_pred_label(int(score.argmax()))
        if labels:
            sample.set_gt_label(i % len(score))
        out.append(sample.to_dict())
    return out


@pytest.fixture
def dump(tmp_path):
    """Have mmengine's metric write samples; returns the file."""

    def write(samples):
        path = str(tmp_path / 'dump.pkl')
        metric = DumpResults(path)
        metric.process({}, samples)
        metric.evaluate(len(samples))
        return path

    return write


@pytest.fixture
def log(monkeypatch):
    lines = []
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'info', lines.append)
    return lines


@pytest.mark.parametrize('key', ['sample_id', 'frame_dir', 'filename'])
def test_reads_what_dump_results_writes(dump, key):
    scores = table()
    loaded = Predictions.load(dump(samples(scores, key=key)))
    assert loaded.ids == [f'clip{i}' for i in range(6)]
    assert loaded.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert loaded.scores.dtype == np.float64
    assert np.array_equal(loaded.scores, scores.double().numpy())
    assert (len(loaded), loaded.num_classes) == (6, 4)


def test_reads_the_names_of_mmaction2_1_1(dump):
    scores = table()
    loaded = Predictions.load(
        dump(
            [
                dict(
                    frame_dir=f'clip{i}',
                    pred_scores=dict(item=score),
                    pred_labels=dict(item=score.argmax()[None]),
                    gt_labels=dict(item=torch.tensor([i % 4])),
                )
                for i, score in enumerate(scores)
            ]
        )
    )
    assert np.array_equal(loaded.scores, scores.double().numpy())
    assert loaded.labels.tolist() == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    'dtype', [torch.float64, torch.float32, torch.float16, torch.bfloat16]
)
@pytest.mark.parametrize('protocol', [2, 4, 5])
def test_tensors_as_torch_pickles_them(tmp_path, log, dtype, protocol):
    scores = table(dtype=dtype)
    # Rows are views with strides and offsets of their own.
    views = [scores.T.contiguous()[:, i] for i in range(6)]
    path = tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps(samples(views), protocol))
    loaded = Predictions.load(path)
    assert np.array_equal(loaded.scores, scores.double().numpy())
    assert 'hold probabilities' in log[0]


def test_other_content_of_samples_does_no_harm(dump):
    content = samples(table())
    for sample in content:
        sample.update(
            total_frames=np.int64(3),
            box=np.zeros((2, 2), np.float32),
            feats=torch.zeros(2, 3),
        )
    assert len(Predictions.load(dump(content))) == 6


def test_labels_may_be_absent(dump):
    assert (
        Predictions.load(dump(samples(table(), labels=False))).labels is None
    )


class TestProbabilities:
    def test_are_used_as_they_are(self, dump, log):
        path = dump(samples(table()))
        loaded = Predictions.load(path)
        assert np.array_equal(loaded.scores, table().double().numpy())
        assert log == [
            f'The scores in {path} hold probabilities, used as they are.'
        ]

    @pytest.mark.parametrize('shift', [0, 100, -100])
    def test_logits_get_one_softmax(self, dump, log, shift):
        logits = torch.randn(6, 4) + shift
        loaded = Predictions.load(dump(samples(logits)))
        expected = softmax(logits.double().numpy(), axis=1)
        assert np.allclose(loaded.scores, expected, rtol=1e-12)
        assert len(log) == 1 and 'softmax is applied' in log[0]

    def test_positive_logits_are_logits(self, dump):
        # no row sums to 1, though all values are between 0 and 1
        logits = torch.rand(6, 4) / 8
        loaded = Predictions.load(dump(samples(logits)))
        expected = softmax(logits.double().numpy(), axis=1)
        assert np.allclose(loaded.scores, expected)

    def test_a_mixture_is_refused(self, dump):
        scores = torch.cat((table(2), torch.randn(3, 4) * 9))
        with pytest.raises(
            PredictionsError, match=r'2 of 5.*clip0\).*clip2\)'
        ):
            Predictions.load(dump(samples(scores)))


class TestSave:
    @pytest.mark.parametrize('labels', [True, False])
    def test_is_read_again_bit_for_bit(self, dump, tmp_path, labels):
        one = Predictions.load(dump(samples(table(), labels)))
        path = str(tmp_path / 'new' / 'out.pkl')
        one.save(path)
        two = Predictions.load(path)
        assert one.ids == two.ids
        assert np.array_equal(one.scores, two.scores)
        assert np.array_equal(one.labels, two.labels)
        assert os.listdir(tmp_path / 'new') == ['out.pkl']

    @pytest.fixture
    def saved(self, tmp_path):
        path = tmp_path / 'out.pkl'
        labels = np.array([0, 1, 2, 3, 0, 1])
        Predictions(
            [f'clip{i}' for i in range(6)], table().double().numpy(), labels
        ).save(path)
        return mmengine.load(path)

    def test_is_read_by_mmaction2(self, saved):
        figures = Evaluator([AccMetric(), ConfusionMatrix()]).offline_evaluate(
            saved
        )
        predicted = table().argmax(1)
        hits = (predicted == torch.tensor([0, 1, 2, 3, 0, 1])).double().mean()
        assert figures['acc/top1'] == pytest.approx(float(hits))
        assert figures['confusion_matrix/result'].sum() == 6

    def test_has_the_names_of_mmaction2_1_1_too(self, saved):
        for sample in saved:
            assert sample['pred_scores']['item'].equal(sample['pred_score'])
            assert sample['gt_labels']['item'].equal(sample['gt_label'])

    def test_does_not_repeat_the_table_in_every_row(self, saved):
        assert saved[0]['pred_score'].untyped_storage().nbytes() == 4 * 8

    def test_never_leaves_half_a_file(self, tmp_path, monkeypatch):
        path = str(tmp_path / 'out.pkl')
        one = Predictions(['a', 'b'], np.full((2, 2), 0.5))
        one.save(path)

        def fail(samples, file, **kwargs):
            file.write(b'half')
            raise OSError(28, 'disk full')

        with monkeypatch.context() as patch:
            patch.setattr(pickle, 'dump', fail)
            with pytest.raises(OSError, match='disk full'):
                one.save(path)
        assert Predictions.load(path).ids == ['a', 'b']
        assert os.listdir(tmp_path) == ['out.pkl']


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def forged(size, stride, offset=0, data=None):
    """A tensor of four numbers that says something else of itself."""
    storage = torch.rand(4)._typed_storage()
    if data is not None:
        storage = Call(torch.storage._load_from_bytes, data)
    return Call(
        torch._utils._rebuild_tensor_v2,
        storage,
        offset,
        size,
        stride,
        False,
        OrderedDict(),
    )


class TestHostileFiles:
    @pytest.fixture
    def marker(self, tmp_path):
        return tmp_path / 'hacked'

    @pytest.fixture
    def refused(self, tmp_path):
        def load(content):
            path = tmp_path / 'x.pkl'
            path.write_bytes(pickle.dumps(content))
            with pytest.raises(PredictionsError, match='x.pkl') as error:
                Predictions.load(path)
            return str(error.value)

        return load

    @pytest.mark.parametrize(
        'place',
        [
            lambda call: call,
            lambda call: [*samples(table()), call],
            lambda call: [dict(samples(table())[0], pred_score=call)],
            lambda call: [dict(samples(table())[0], meta=[call])],
            lambda call: [
                dict(
                    sample_id='a',
                    pred_score=forged(
                        (4,), (1,), data=pickle.dumps(call, protocol=2)
                    ),
                )
            ],
        ],
        ids=['whole', 'sample', 'score', 'meta', 'storage'],
    )
    def test_code_does_not_run(self, refused, marker, place):
        call = Call(os.system, f'touch {marker}')
        pickle.loads(pickle.dumps(call))
        assert marker.exists()  # or the test would show nothing
        marker.unlink()
        assert f'{os.name}.system' in refused(place(call))
        assert not marker.exists()

    def test_torch_itself_is_not_called(self, refused):
        # what it loads may be anything that somebody has allowed it
        message = refused([dict(sample_id='a', meta=Call(torch.load, 'y'))])
        assert 'torch.serialization.load' in message

    @pytest.mark.parametrize(
        'tensor',
        [
            forged((5,), (1,)),
            forged((4,), (1,), offset=1),
            forged((2, 2), (4, 1)),
            forged((10**12,), (0,)),
            forged((4,), (-1,), offset=3),
            forged((4,), (1,), data=b'no storage'),
            forged('four', (1,)),
        ],
    )
    def test_tensors_stay_inside_their_memory(self, refused, tensor):
        message = refused([dict(sample_id='a', pred_score=tensor)])
        assert 'not a readable pickle' in message

    def test_forged_size_of_storage(self, refused):
        class Short:
            def __reduce__(self):
                whole = torch.rand(4)._typed_storage().__reduce__()
                return whole[0], (whole[1][0][:-4],)

        score = Call(
            torch._utils._rebuild_tensor_v2, Short(), 0, (4,), (1,), False, {}
        )
        refused([dict(sample_id='a', pred_score=score)])


class TestClearErrors:
    def check(self, dump, content, *words):
        path = dump(content)
        with pytest.raises(PredictionsError) as error:
            Predictions.load(path)
        for word in (path, *words):
            assert word in str(error.value)

    def test_no_file(self):
        with pytest.raises(FileNotFoundError, match='absent.pkl.*--dump'):
            Predictions.load('absent.pkl')

    @pytest.mark.parametrize('content', [b'', b'text', None])
    def test_damaged(self, tmp_path, dump, content):
        path = tmp_path / 'x.pkl'
        if content is None:  # cut short
            with open(dump(samples(table())), 'rb') as file:
                content = file.read()[:-99]
        path.write_bytes(content)
        with pytest.raises(PredictionsError, match='x.pkl.*damaged'):
            Predictions.load(path)

    @pytest.mark.parametrize('content', [{}, [], [1], [['a']]])
    def test_other_content(self, tmp_path, content):
        path = tmp_path / 'x.pkl'
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(PredictionsError, match='x.pkl is not a list'):
            Predictions.load(path)

    def test_no_names(self, dump):
        content = samples(table(), key='img_shape')
        self.check(dump, content, 'no names', 'meta_keys')

    def test_no_scores(self, dump):
        content = samples(table())
        del content[2]['pred_score']
        self.check(dump, content, 'clip2', 'no class scores')

    def test_scores_of_each_clip(self, dump):
        content = samples(table())
        content[1]['pred_score'] = table()
        self.check(dump, content, 'clip1', '(6, 4)', 'average_clips')

    def test_differing_classes(self, dump):
        content = [*samples(table()), *samples(table(1, 3))]
        self.check(dump, content, 'clip0', '3 class score(s)', 'has 4')

    def test_one_class(self, dump):
        self.check(dump, samples(torch.ones(3, 1)), 'two or more')

    @pytest.mark.parametrize('value', [float('nan'), float('inf')])
    def test_not_finite(self, dump, value):
        scores = table()
        scores[3, 1] = value
        self.check(dump, samples(scores), 'not finite', '1 sample', 'clip3')

    def test_some_labels(self, dump):
        content = samples(table())
        del content[4]['gt_label']
        self.check(dump, content, '1 of 6', 'clip4')

    @pytest.mark.parametrize('label', [4, -1])
    def test_label_that_is_no_class(self, dump, label):
        content = samples(table())
        content[1]['gt_label'] = torch.tensor([label])
        self.check(dump, content, 'clip1', f'label {label}', '0 to 3')

    @pytest.mark.parametrize(
        'label, said',
        [
            (torch.tensor([1, 2]), 'have no label'),
            ('walking', 'not one class index'),
        ],
    )
    def test_label_that_is_not_one_number(self, dump, label, said):
        content = samples(table())
        content[1]['gt_label'] = label
        self.check(dump, content, 'clip1', said)
