"""All processes learn the same clusters: those of rank 0."""

from types import SimpleNamespace

import pytest
import torch
import torch.multiprocessing as mp
from mmaction.registry import MODELS
from mmengine.dist import all_gather_object
from torch import distributed

from deeprank_mm.engine import ClusterLabelHook
from deeprank_mm.structures import FeatureBank
from tests import toy

pytestmark = pytest.mark.slow


def test_processes_agree(tmp_path):
    mp.spawn(compare, (tmp_path,), nprocs=2)


def compare(rank, folder):
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/meeting_point',
        rank=rank,
        world_size=2,
    )
    hook = ClusterLabelHook(interval=1)
    hook._model = MODELS.build(toy.clusterer())
    # a process that rounds otherwise would find other clusters
    torch.manual_seed(rank)
    banks = {
        part: FeatureBank(
            [f'{part}{i}' for i in range(size)],
            dict(joint=torch.randn(size, 4)),
        )
        for part, size in (('train', 30), ('val', 9))
    }
    labelled = hook._label(SimpleNamespace(seed=0), banks)
    for part, bank in labelled.items():
        assert bank.features is not banks[part].features
        mine = bank.clusters['joint'].tolist()
        one, two = all_gather_object(mine)
        assert one == two, part
        assert len(set(mine)) > 1
    digests = all_gather_object(labelled['train'].features['joint'].sum())
    assert digests[0] != digests[1]  # they were different features
    toy.leave_group()
