"""The tool that kills and resumes runs: what it would not notice, we miss."""

import json

import pytest
import torch

from tests.tool_module import load_tool


@pytest.fixture(scope='module')
def tool(repo_root):
    return load_tool(repo_root / 'tools' / 'dev' / 'kill_resume.py')


def test_one_bit_is_a_difference(tool):
    weight = torch.ones(2)
    state = dict(weights=[weight, 0.5], cycle=3)
    same = dict(weights=[weight.clone(), 0.5], cycle=3)
    assert not list(tool.differences(state, same))
    same['weights'][0][1] = torch.nextafter(weight[1], torch.tensor(2.0))
    assert list(tool.differences(state, same)) == [
        '/weights/0: tensors differ'
    ]


@pytest.mark.parametrize(
    'other, place',
    [
        (dict(a=[1, 2.0]), '/b'),
        (dict(a=[1, 2.0], b=None, c=0), '/c'),
        (dict(a=[1, 2.5], b=None), '/a/1'),
        (dict(a=[1, 2], b=None), '/a/1'),
        (dict(a=[1], b=None), '/a'),
    ],
)
def test_differences_are_named(tool, other, place):
    found = list(tool.differences(dict(a=[1, 2.0], b=None), other))
    assert len(found) == 1
    assert found[0].startswith(f'{place}:')


def test_the_last_write_of_a_step_counts(tool, tmp_path):
    for name, lines in (
        ('attempt_1', [dict(step=1, loss=1.0), dict(step=2, loss=2.0)]),
        ('attempt_2', [dict(step=2, loss=3.0, time=9.0)]),
    ):
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        text = ''.join(json.dumps(line) + '\n' for line in lines)
        # a line that a kill has cut off
        (folder / 'scalars.json').write_text(text + '{"loss": 7')
    assert tool.logged(tmp_path) == {'loss@1': 1.0, 'loss@2': 3.0}


def test_trials_are_counted_by_the_phase_of_the_kill(tool):
    results = [
        dict(phase='step', differences=[]),
        dict(phase='step', differences=['/weights']),
        dict(phase='between', differences=[]),
    ]
    table = tool.summary(results)
    assert table['step'] == dict(identical=1, total=2)
    assert table['between'] == dict(identical=1, total=1)
    assert table['refresh'] == dict(identical=0, total=0)


def test_an_old_folder_is_not_written_to(tool, tmp_path):
    with pytest.raises(SystemExit):
        tool.main(['--out', str(tmp_path)])
