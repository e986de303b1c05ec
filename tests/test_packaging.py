"""What other people's tools expect to find beside the code."""

import re
import runpy
import sys

import pytest
import yaml

import deeprank_mm
from deeprank_mm import __main__ as entry
from tests.conftest import ROOT

FOLDERS = sorted(
    path
    for path in (ROOT / 'configs').iterdir()
    if path.is_dir() and not path.name.startswith('_') and [*path.glob('*.py')]
)


def read(path):
    return yaml.safe_load((ROOT / path).read_text('utf-8'))


def test_the_index_names_every_config_folder():
    expected = [f'configs/{f.name}/metafile.yml' for f in FOLDERS]
    assert read('model-index.yml')['Import'] == expected


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda f: f.name)
def test_a_metafile_names_every_config_once(folder):
    content = read(folder / 'metafile.yml')
    (collection,) = content['Collections']
    models = content['Models']
    listed = [model['Config'] for model in models]
    there = sorted(p.relative_to(ROOT).as_posix() for p in folder.glob('*.py'))
    assert sorted(listed) == there, 'run python tools/dev/metafiles.py'
    for model in models:
        assert model['In Collection'] == collection['Name'] == folder.name
        assert model['Metadata']['Architecture']
        assert model['Results'][0]['Dataset']


def test_model_names_are_unique():
    names = [
        model['Name']
        for folder in FOLDERS
        for model in read(folder / 'metafile.yml')['Models']
    ]
    assert len(names) == len(set(names)) > 50


def test_the_files_are_what_their_tool_writes():
    tool = runpy.run_path(str(ROOT / 'tools' / 'dev' / 'metafiles.py'))
    for path, text in tool['render'](ROOT).items():
        assert (ROOT / path).read_text('utf-8') == text, (
            f'{path}: run python tools/dev/metafiles.py'
        )


def test_citation():
    content = read('CITATION.cff')
    assert content['version'] == deeprank_mm.__version__
    paper = content['preferred-citation']
    assert paper['title'].startswith('Ranking-based Self-Supervised')
    assert len(paper['authors']) == 8


def test_pre_commit_runs_the_tested_versions():
    pinned = dict(
        line.split('==')
        for line in (ROOT / 'constraints.txt').read_text().splitlines()
        if '==' in line
    )
    hooks = read('.pre-commit-config.yaml')['repos'][0]['hooks']
    wanted = re.findall(r"'ruff==([\d.]+)'", str(hooks))
    assert wanted == [pinned['ruff']] * 2
    assert f'codespell=={pinned["codespell"]}' in str(hooks)


class TestEntry:
    """``python -m deeprank_mm``."""

    def test_lists_every_tool(self, capsys):
        entry.main([])
        out = capsys.readouterr().out
        for name in ('train', 'test', 'demo', 'data/ntu', 'deployment/export'):
            assert f'\n{name} ' in out
        assert 'kill_resume' not in out

    def test_runs_one_with_its_options(self, capsys, monkeypatch):
        monkeypatch.setattr(sys, 'argv', ['x'])
        with pytest.raises(SystemExit) as stop:
            entry.main(['data/demo', '--help'])
        assert stop.value.code == 0
        assert 'demo.py' in capsys.readouterr().out

    def test_a_misspelt_one(self):
        with pytest.raises(SystemExit, match='no tool trian: try train'):
            entry.main(['trian'])

    def test_configs_are_found_from_anywhere(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        name = 'configs/deeprank/stgcn_ntu60_xsub.py'
        found = entry.resolve([name, 'configs/absent.py', '--seed', '1'])
        assert found == [str(ROOT / name), 'configs/absent.py', '--seed', '1']
        # one's own goes first
        (tmp_path / 'configs' / 'deeprank').mkdir(parents=True)
        (tmp_path / name).touch()
        assert entry.resolve([name]) == [name]
