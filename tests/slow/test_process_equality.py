"""Several processes compute what one does, over gloo.

Starting processes is what takes time: each number of them is started once
and runs all comparisons, each process against its own slow reference.
"""

import copy

import pytest
import torch
import torch.multiprocessing as mp
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import all_gather_object
from mmengine.model import MMDistributedDataParallel
from torch import distributed
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import Subset

from deeprank_mm.engine.calibration import calibrate_batch_norm
from deeprank_mm.engine.extraction import extract_features, feature_loader
from deeprank_mm.models import SharedEncoder
from deeprank_mm.ranking import pairwise_distance
from deeprank_mm.structures import FeatureBank
from tests import toy
from tests.literal import all_triplets

pytestmark = pytest.mark.slow

ALL = ('joint', 'bone', 'motion')
RELU = dict(
    type='TripletRankingHead',
    in_channels=toy.WIDTH,
    hidden_channels=6,
    act='ReLU',
)
LINEAR = dict(RELU, act=None)
LIST = dict(type='ListRankingHead', in_channels=toy.WIDTH, neighbourhood=0.2)
# samples of the processes: unequal batches, and a sample that is in two
BATCHES = ([0, 1, 2, 3], [4, 5, 0], [6, 7, 8, 9, 10])
FEW = ([0], [1], [0])
ONE_EACH = ([0], [1], [2, 3])


@pytest.mark.parametrize('processes', [2, 3])
def test_processes_equal_one(tmp_path, processes):
    ann_file = toy.annotation_file(tmp_path / 'toy.pkl')
    dataset = toy.build_dataset(ann_file, split='train')
    alone = ranker()
    calibrate_batch_norm(alone, dataset, batches=2, batch_size=5)
    torch.save(alone.state_dict(), tmp_path / 'calibrated.pth')
    extract_features(alone, feature_loader(dataset, 4)).save(
        str(tmp_path / 'bank.pth')
    )
    mp.spawn(compare, (processes, tmp_path, ann_file), nprocs=processes)


def compare(rank, processes, folder, ann_file):
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/meeting_point',
        rank=rank,
        world_size=processes,
    )
    for modalities, head in ((ALL, RELU), (('joint',), LINEAR), (ALL, LIST)):
        a_global_pool_is_one_batch(rank, processes, modalities, head)
    for head in (RELU, LIST):
        a_global_pool_is_one_batch(rank, processes, ALL, head, own_clips=0.5)
    too_few_samples_in_the_pool(rank, processes)
    for head in (RELU, LIST):
        a_local_pool_is_the_mean_over_processes(rank, processes, head)
    dataset = toy.build_dataset(ann_file, split='train')
    calibration_is_that_of_one_process(folder, dataset)
    labels_are_those_of_one_process(folder, dataset)
    for encoder in (toy.ENCODER, dict(type='JointDistances')):
        first_labels_are_of_one_encoder(rank, dataset, encoder)
    toy.leave_group()


def ranker(modalities=('joint',), head=LINEAR, pool='local', own_clips=0.0):
    """Equal in every process; float64, so that differences are mistakes."""
    views = ('self', 'other', 'all') if len(modalities) > 1 else ('self',)
    cfg = toy.ranker(
        modalities, views, triplet_pool=pool, own_clip_weight=own_clips
    )
    cfg['head'] = dict(head)
    torch.manual_seed(0)
    return MODELS.build(cfg)


def frozen(*args):
    """With the labels of 11 samples, BatchNorm and all in float64."""
    model = ranker(*args).double().eval()
    generator = torch.Generator().manual_seed(1)
    model.train_bank = FeatureBank(
        [f's{i}' for i in range(11)],
        {m: torch.randn(11, 6, generator=generator) for m in model.modalities},
    )
    return model


def batch(numbers, model):
    generator = torch.Generator().manual_seed(2)
    clips = 2 if model.own_clip_weight else 1
    shape = (11, clips, 1, 8, 5, 3 * len(model.modalities))
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    samples = [
        ActionDataSample(metainfo=dict(sample_id=f's{i}')) for i in numbers
    ]
    return inputs[numbers], samples


def step(model, numbers):
    """The logged values and the gradients of a step."""
    inner = getattr(model, 'module', model)
    losses = model(*batch(numbers, inner), mode='loss')
    total, logged = inner.parse_losses(losses)
    total.backward()
    return dict(logged), {k: p.grad for k, p in inner.named_parameters()}


def distributed_step(model, numbers):
    wrapped = MMDistributedDataParallel(
        copy.deepcopy(model), device_ids=None, broadcast_buffers=False
    )
    return step(wrapped, numbers)


def assert_equal(one, other):
    (logged, grads), (wanted, expected) = one, other
    assert logged.keys() == wanted.keys()
    for key, value in wanted.items():
        assert float(logged[key]) == pytest.approx(float(value), rel=1e-9)
    for name, value in expected.items():
        torch.testing.assert_close(
            grads[name], value, rtol=1e-8, atol=1e-11, msg=name
        )


def a_global_pool_is_one_batch(
    rank, processes, modalities, head, own_clips=0.0
):
    model = frozen(modalities, head, 'global', own_clips)
    parts = BATCHES[:processes]
    result = distributed_step(model, parts[rank])
    reference = frozen(modalities, head, 'local', own_clips)
    assert_equal(result, step(reference, sum(parts, [])))
    encoder = [v for k, v in result[1].items() if k.startswith('encoders')]
    assert sum(v.abs().sum() for v in encoder) > 1e-3


def too_few_samples_in_the_pool(rank, processes):
    """Skipped by all or by none; none waits for another."""
    model = frozen(('joint',), LINEAR, 'global')
    logged, grads = distributed_step(model, FEW[rank])
    assert logged == dict(loss_skipped=0.0, loss=0.0)
    assert not any(grad.any() for grad in grads.values())
    # one sample a process is no batch, but three of them are
    parts = ONE_EACH[:processes]
    logged, _ = distributed_step(model, parts[rank])
    assert ('loss_skipped' in logged) == (processes == 2)


def a_local_pool_is_the_mean_over_processes(rank, processes, head):
    model = frozen(ALL, head, 'local')
    logged, grads = distributed_step(model, BATCHES[rank])
    alone = []
    for numbers in BATCHES[:processes]:
        model.zero_grad()
        alone.append(step(model, numbers))
        alone[-1][1].update({k: v.clone() for k, v in alone[-1][1].items()})
    mean = {
        name: sum(grads[name] for _, grads in alone) / processes
        for name in grads
    }
    assert_equal((logged, grads), (alone[rank][0], mean))


def calibration_is_that_of_one_process(folder, dataset):
    model = ranker()
    calibrate_batch_norm(model, dataset, batches=2, batch_size=5)
    expected = torch.load(folder / 'calibrated.pth')
    assert any(isinstance(m, _BatchNorm) for m in model.modules())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name], msg=name)
        every = all_gather_object(value)
        assert all(torch.equal(value, other) for other in every), name


def labels_are_those_of_one_process(folder, dataset):
    model = ranker()
    model.load_state_dict(torch.load(folder / 'calibrated.pth'))
    reference = FeatureBank.load(str(folder / 'bank.pth'))
    # by 2, by 3, by neither; and 2 leave a third process without any
    for length in (14, 15, 7, 2):
        part = Subset(dataset, range(length))
        bank = extract_features(model, feature_loader(part, 4))
        rows = reference.rows(bank.ids)
        assert len(bank) == length
        assert bank.labels.equal(reference.labels[rows])
        expected = reference.features['joint'][rows]
        actual = bank.features['joint']
        torch.testing.assert_close(actual, expected, rtol=1e-6, atol=1e-6)
        if length > 2:
            assert_same_labels(actual, expected)
        assert len(set(all_gather_object(bank.digest))) == 1


def assert_same_labels(actual, expected):
    """Of every triplet but those whose distances are nearly equal."""
    a, c1, c2 = all_triplets(len(expected))
    margin, other = (
        (d[a, c1] - d[a, c2])
        for d in (pairwise_distance(actual), pairwise_distance(expected))
    )
    clear = other.abs() > 1e-5
    assert clear.float().mean() > 0.9
    assert ((margin < 0) == (other < 0))[clear].all()


@torch.no_grad()
def first_labels_are_of_one_encoder(rank, dataset, encoder):
    """However the processes were seeded (--diff-rank-seed)."""
    torch.manual_seed(rank)
    shared = SharedEncoder(MODELS.build(toy.ranker()), encoder).eval()
    bank = extract_features(shared, feature_loader(dataset, 4))
    items = list(dataset)
    clips = torch.stack([item['inputs'] for item in items]).float()
    rows = bank.rows([item['data_samples'].sample_id for item in items])
    torch.testing.assert_close(
        bank.features['joint'][rows], shared.extract_feat(clips)['joint']
    )
