"""tools/retrieve.py on random skeletons."""

import pickle
import runpy

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from PIL import Image

from deeprank_mm.apis.search_set import SearchSet
from deeprank_mm.structures import FeatureBank
from tests import toy

QUERY = 'clip017'


def make_run(folder, modalities=('joint',), seed=0):
    """A config file and a checkpoint with weights as initialised."""
    cfg = toy.pretrain_config(folder, modalities=modalities)
    cfg.custom_imports = dict(imports=['deeprank_mm'])
    ann_file = cfg.train_dataloader.dataset.ann_file
    cfg.test_dataloader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='SkeletonDataset',
            ann_file=ann_file,
            split='test',
            pipeline=toy.pipeline(modalities),
            test_mode=True,
        ),
    )
    cfg.test_cfg = dict(
        type='FeatureTestLoop',
        support_dataloader=dict(
            dataset=dict(cfg.test_dataloader.dataset, split='train')
        ),
    )
    cfg.dump(folder / 'toy.py')
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    torch.save(
        dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)),
        folder / 'toy.pth',
    )
    return folder


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / 'a run')


@pytest.fixture(scope='module')
def main(repo_root):
    return runpy.run_path(str(repo_root / 'tools' / 'retrieve.py'))['main']


@pytest.fixture
def retrieve(main, capsys):
    """Run the tool; return the lines that it printed."""

    def retrieve(*argv):
        main([str(arg) for arg in argv])
        return capsys.readouterr().out.splitlines()

    return retrieve


@pytest.fixture
def refuse(main, capsys):
    """Run the tool; return its one line of error."""

    def refuse(*argv):
        with pytest.raises(SystemExit) as stop:
            main([str(arg) for arg in argv])
        assert stop.value.code == 2
        return capsys.readouterr().err.strip().splitlines()[-1]

    return refuse


def both(run):
    return run / 'toy.py', run / 'toy.pth'


def table(lines):
    """(similarity, id, verdict) of the printed neighbours."""
    rows = [line.split() for line in lines if line[:1].isdigit()]
    rows = [row for row in rows if row[0].endswith('.')]
    return [(float(row[1]), row[2], ' '.join(row[-2:])) for row in rows]


def features(run, split):
    """Ids, features and labels, sample by sample."""
    cfg = Config.fromfile(run / 'toy.py')
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model).eval()
        dataset = DATASETS.build(
            dict(cfg.test_dataloader.dataset, split=split)
        )
    model.load_state_dict(torch.load(run / 'toy.pth')['state_dict'])
    found = {}
    with torch.no_grad():
        for sample in dataset:
            value = model.extract_feat(sample['inputs'][None].float())
            name = sample['data_samples'].sample_id
            found[name] = value['joint'][0]
    return found


@pytest.mark.parametrize('split', ['test', 'train'])
def test_prints_the_nearest(run, retrieve, split):
    rows = table(
        retrieve(*both(run), '--query', QUERY, '--topk', 3, '--split', split)
    )
    query = features(run, 'test')[QUERY]
    expected = {
        name: float(torch.cosine_similarity(query, value, dim=0))
        for name, value in features(run, split).items()
        if name != QUERY
    }
    assert len(expected) == (4 if split == 'test' else 15)
    best = sorted(expected, key=expected.get, reverse=True)[:3]
    assert [row[1] for row in rows] == best
    for similarity, name, verdict in rows:
        assert similarity == pytest.approx(expected[name], abs=1e-4)
        same = int(name[4:]) % 2 == int(QUERY[4:]) % 2
        assert verdict == ('same class' if same else 'other class')


def test_config_of_the_checkpoint(run, retrieve):
    one = retrieve(*both(run), '--query', QUERY)
    two = retrieve('--checkpoint', run / 'toy.pth', '--query', QUERY)
    assert table(one) and table(one) == table(two)


def test_a_random_query_is_the_seed_s(run, retrieve):
    def query(seed, split):
        lines = retrieve(
            *both(run), '--query=random', '--seed', seed, '--split', split
        )
        return [row.split()[1] for row in lines if row[:5] == 'query'][0]

    drawn = [query(seed, 'test') for seed in range(3)]
    assert drawn[2] == query(2, 'train')
    assert len(set(drawn)) > 1
    assert all(name >= 'clip015' for name in drawn)  # of the test split


def test_pictures(run, retrieve, tmp_path):
    strip, motion = tmp_path / 'new' / 'a.png', tmp_path / 'a.gif'
    common = [*both(run), '--query', QUERY, '--topk', 2]
    retrieve(*common, '--out', strip)
    retrieve(*common, '--out', motion, '--azimuth', 30)
    assert Image.open(strip).size[1] > Image.open(motion).size[1]
    assert Image.open(motion).n_frames == 14  # of the longest clip


def test_the_train_split_is_all_that_was_trained_on(run):
    """Not the labelled part of it that tests compare with."""
    cfg = Config.fromfile(run / 'toy.py')
    assert 'holdout' in cfg.train_dataloader.dataset
    cfg.test_cfg.support_dataloader.dataset.split = 'test'
    with DefaultScope.overwrite_default_scope('mmaction'):
        assert len(SearchSet(cfg, 'train').row) == 15


def test_class_names(run, retrieve, refuse, tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text('wave\nsit down\n')
    lines = retrieve(*both(run), '--query', QUERY, '--class-names', names)
    named = {line.split()[2]: line for line in lines if line[1:2] == '.'}
    assert 'wave' in named['clip016'] and 'sit down' in named['clip019']
    names.write_text('wave\n')
    said = refuse(*both(run), '--query', QUERY, '--class-names', names)
    assert 'has 1 names, but there is a class 1' in said
    names.write_text('wave\n\nsit down\n')
    said = refuse(*both(run), '--query', QUERY, '--class-names', names)
    assert 'line 2 is empty' in said


def test_kept_features(run, retrieve, refuse, tmp_path):
    bank = tmp_path / 'kept.pth'
    common = [*both(run), '--query', QUERY, '--bank', bank]
    first = retrieve(*common)
    written = bank.stat().st_mtime_ns
    assert table(retrieve(*common)) == table(first)
    assert bank.stat().st_mtime_ns == written
    assert '5 other samples than the 15' in refuse(*common, '--split', 'train')
    # Other weights, same samples.
    make_run(run, seed=1)
    assert 'another encoder' in refuse(*common)


def test_a_bank_is_read_and_not_extracted_again(run, retrieve, tmp_path):
    """Only some rows are checked, so that a change in another one shows."""
    bank = tmp_path / 'kept.pth'
    common = [*both(run), '--query', QUERY, '--bank', bank]
    common += ['--split', 'train', '--topk', 1]
    retrieve(*common)
    kept = FeatureBank.load(str(bank))
    value = kept.features['joint'].clone()
    value[1] = features(run, 'test')[QUERY]
    FeatureBank(kept.ids, {'joint': value}, kept.labels.tolist()).save(
        str(bank)
    )
    assert table(retrieve(*common))[0][:2] == (1.0, kept.ids[1])


def test_copies_of_the_query_are_named(run, retrieve):
    path = run / 'toy.pkl'
    content = pickle.loads(path.read_bytes())
    clips = {a['frame_dir']: a for a in content['annotations']}
    clips['clip003']['keypoint'] = clips[QUERY]['keypoint'].copy()
    clips['clip003']['total_frames'] = clips[QUERY]['total_frames']
    path.write_bytes(pickle.dumps(content))
    lines = retrieve(*both(run), '--query', QUERY, '--split', 'train')
    assert table(lines)[0][:2] == (1.0, 'clip003')
    warned = [line for line in lines if 'warning' in line]
    assert len(warned) == 1 and 'clip003' in warned[0]


def test_one_of_several_modalities(tmp_path, retrieve, refuse):
    run = make_run(tmp_path / 'two', modalities=('joint', 'bone'))
    common = ['--checkpoint', run / 'toy.pth', '--query', QUERY]
    joint, bone = (
        table(retrieve(*common, '--modality', name))
        for name in ('joint', 'bone')
    )
    assert joint == table(retrieve(*common)) != bone
    assert 'joint, bone' in refuse(*common, '--modality', 'motion')


def test_summary_is_over_the_whole_split(run, retrieve):
    line = retrieve(*both(run), '--query', QUERY, '--topk', 2)[-1]
    assert line.startswith('all 5 sequences of the test split')
    # 3 samples of one class, 2 of the other, none its own neighbour.
    chance = np.mean([2 / 4] * 3 + [1 / 4] * 2)
    assert line.endswith(f'by chance {100 * chance:.1f} %')


def rewrite(run, **changes):
    content = torch.load(run / 'toy.pth')
    content.update(changes)
    torch.save(content, run / 'toy.pth')


def test_a_checkpoint_that_does_not_fit(run, refuse):
    weights = torch.load(run / 'toy.pth')['state_dict']
    gone = next(iter(weights))
    del weights[gone]
    rewrite(run, state_dict=weights)
    said = refuse(*both(run), '--query', QUERY)
    assert '1 missing' in said and gone.rpartition('joint.')[2] in said


def test_code_in_a_checkpoint_is_not_run(run, refuse, tmp_path):
    mark = tmp_path / 'ran'
    for text in (
        f'model = open({str(mark)!r}, "w")',
        'import os',
        'model = dict(',
        'model = [x for x in (1, 2)]',
    ):
        rewrite(run, meta=dict(cfg=text))
        said = refuse('--checkpoint', run / 'toy.pth', '--query', QUERY)
        assert 'not run: name a config' in said
    assert not mark.exists()


@pytest.mark.parametrize(
    'argv, message',
    [
        (['CONFIG', 'WEIGHTS', '--query', 'clip17'], 'did you mean clip017'),
        (['CONFIG', 'WEIGHTS', '--query', '#'], 'they look like clip0'),
        (['CONFIG', '--query', 'x'], '--checkpoint alone'),
        (['--query', 'x'], '--checkpoint alone'),
        (
            ['CONFIG', 'WEIGHTS', '--checkpoint', 'WEIGHTS', '--query', 'x'],
            'named twice',
        ),
        (['CONFIG', 'absent.pth', '--query', 'x'], 'absent.pth'),
        (['absent.py', 'WEIGHTS', '--query', 'x'], 'absent.py does not exist'),
        (['CONFIG', 'WEIGHTS', '--query', 'x', '--out', 'a.jpg'], '.png or'),
        (['CONFIG', 'WEIGHTS', '--query', 'x', '--topk', '0'], '--topk'),
        (
            ['CONFIG', 'WEIGHTS', '--query', QUERY, '--class-names', 'absent'],
            'absent',
        ),
    ],
)
def test_one_clear_error(run, refuse, argv, message):
    paths = dict(CONFIG=run / 'toy.py', WEIGHTS=run / 'toy.pth')
    assert message in refuse(*[paths.get(arg, arg) for arg in argv])


def test_a_random_pipeline_is_refused(run, refuse):
    said = refuse(
        *both(run),
        '--query',
        QUERY,
        '--cfg-options',
        'test_dataloader.dataset.pipeline.1.crop=(0.5,1.0)',
    )
    assert 'random' in said


def test_a_config_without_an_encoder_is_refused(run, refuse):
    said = refuse(
        *both(run), '--query', QUERY, '--cfg-options', 'model.encoder=None'
    )
    assert 'MultiViewRanker' in said and '`encoder`' in said


def test_a_finetuned_encoder_retrieves_the_same(run, retrieve, tmp_path):
    """A recogniser with the ranker's weights, of the config stored in it."""
    cfg = toy.finetune_config(tmp_path / 'tuned')
    cfg.test_dataloader.dataset.ann_file = str(run / 'toy.pkl')
    weights = torch.load(run / 'toy.pth')['state_dict']
    prefix = 'encoders.joint.'
    weights = {
        k.replace(prefix, 'backbone.'): v
        for k, v in weights.items()
        if k.startswith(prefix)
    }
    tuned = tmp_path / 'tuned.pth'
    torch.save(dict(state_dict=weights, meta=dict(cfg=cfg.pretty_text)), tuned)
    expected = table(retrieve(*both(run), '--query', QUERY))
    found = table(retrieve('--checkpoint', tuned, '--query', QUERY))
    assert found and found == expected
