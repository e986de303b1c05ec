"""SkeletonCLR trains, validates, resumes and hands on its encoder."""

import copy

from mmaction.registry import MODELS
from mmengine.registry import DefaultScope

from deeprank_mm.engine.encoder_weights import load_encoder
from tests import toy


def run(cfg):
    runner = toy.build_runner(cfg)
    runner.train()
    return runner


def test_resume_goes_on_exactly(tmp_path):
    cfg = toy.contrast_config(tmp_path, epochs=3)
    whole = run(cfg)
    cfg.resume = True
    cfg.load_from = str(tmp_path / 'work' / 'epoch_1.pth')
    resumed = run(cfg)
    assert resumed.epoch == 3
    toy.assert_same_weights(
        resumed.model.state_dict(), whole.model.state_dict()
    )


def test_held_out_samples_are_validated_and_the_encoder_handed_on(tmp_path):
    runner = run(toy.contrast_config(tmp_path, epochs=1))
    results = runner.val_loop.run()
    assert set(results) == {'knn1_joint', 'knn20_joint'}
    support = runner.val_loop.evaluator.metrics[0].support
    assert len(support) == len(runner.train_dataloader.dataset)
    with DefaultScope.overwrite_default_scope('mmaction'):
        backbone = MODELS.build(copy.deepcopy(toy.ENCODER))
    load_encoder(backbone, str(tmp_path / 'work' / 'epoch_1.pth'))
    # the queries' encoder, and not the keys'
    toy.assert_same_weights(
        backbone.state_dict(), runner.model.encoders['joint'].state_dict()
    )
