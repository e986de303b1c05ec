"""SkeletonCLR's queue holds the keys of all processes, the same in each."""

import pytest
import torch
import torch.multiprocessing as mp
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import all_gather_object
from mmengine.model import MMDistributedDataParallel
from torch import distributed

# first: a process of its own finds mmaction.models by its compat
import deeprank_mm  # noqa: F401
from tests import toy

pytestmark = pytest.mark.slow


def test_processes_share_a_queue(tmp_path):
    mp.spawn(compare, (tmp_path,), nprocs=2)


def compare(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/meeting_point',
        rank=rank,
        world_size=2,
    )
    torch.manual_seed(0)
    model = MODELS.build(toy.contraster(queue_size=10, momentum=0.0)).eval()
    wrapped = MMDistributedDataParallel(
        model, device_ids=None, broadcast_buffers=False
    )
    inputs = torch.randn(2, 3, 2, 1, 8, 5, 3)
    samples = [
        ActionDataSample(metainfo=dict(sample_id=f's{i}')) for i in range(3)
    ]
    with torch.no_grad():
        keys = torch.cat(
            [
                model.heads['joint'](model.extract_feat(part[:, 1:])['joint'])
                for part in inputs
            ]
        )
    losses = wrapped(inputs[rank], samples, mode='loss')
    losses['loss_joint'].backward()
    queue = model.queues['joint']
    # in the order of ranks
    torch.testing.assert_close(queue.keys[:6], keys)
    assert int(queue.place) == 6
    for value in (queue.keys, model.heads['joint'].fc1.weight.grad):
        one, two = all_gather_object(value)
        assert torch.equal(one, two)
    toy.leave_group()
