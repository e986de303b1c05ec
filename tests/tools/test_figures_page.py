"""docs/figures.md: its commands are the tools', its pictures are theirs."""

import re
import runpy
import shlex

import pytest


@pytest.fixture(scope='module')
def text(repo_root):
    return (repo_root / 'docs' / 'figures.md').read_text('utf-8')


@pytest.fixture(scope='module')
def commands(text):
    blocks = re.findall(r'```\n(.*?)```', text, re.DOTALL)
    lines = ''.join(blocks).replace('\\\n', ' ').splitlines()
    return [shlex.split(line) for line in lines]


def test_the_tools_take_its_commands(repo_root, commands):
    tools = {tool for _, tool, *_ in commands}
    assert len(tools) == 8
    parsers = {
        tool: runpy.run_path(str(repo_root / tool))['parser']()
        for tool in tools
    }
    for python, tool, *options in commands:
        assert python == 'python'
        args = vars(parsers[tool].parse_args(options))
        if 'config' in args:
            assert (repo_root / args['config']).is_file()
        if args.get('class_names'):
            assert (repo_root / args['class_names']).is_file()


def test_each_picture_is_there_and_has_its_command(repo_root, text, commands):
    shown = set(re.findall(r'\]\((images/[^)]+)\)', text))
    words = {word for command in commands for word in command}
    drawn = {word[5:] for word in words if word.startswith('docs/images/')}
    assert shown == drawn and len(shown) == 7
    for name in shown:
        assert (repo_root / 'docs' / name).stat().st_size > 10_000


def test_what_is_drawn_was_trained_there_or_for_the_ablations(text, commands):
    made = set()
    for _, tool, *options in commands:
        if tool == 'tools/train.py':
            made.add(options[options.index('--work-dir') + 1])
    read = set(re.findall(r'(?:=|py )(work_dirs/[\w/]+)', text))
    runs = {path for path in read if '/ablations/' not in path}
    assert runs and runs <= made
