"""What a benchmark says about its targets."""

import importlib
import json

import pytest


@pytest.fixture
def make(tmp_path):
    module = importlib.import_module('report')

    def report():
        argv = ['--json', str(tmp_path / 'out' / 'x.json'), '--repeats', '3']
        args = module.parser('doc', 5, 10).parse_args(argv)
        return module.Report('bench_x.py', 'Title', 'about', args, argv)

    return report


@pytest.mark.parametrize(
    'measured, limit, at_least, met',
    [
        (2.0, 2.0, False, True),
        (2.1, 2.0, False, False),
        (2.0, 2.0, True, True),
        (1.9, 2.0, True, False),
        (dict(median=1.0, min=0.1, max=9.0), 2.0, False, True),
        (dict(median=3.0, min=0.1, max=9.0), 2.0, False, False),
        (None, 2.0, False, None),
    ],
)
def test_the_median_decides(make, capsys, measured, limit, at_least, met):
    report = make()
    report.target(
        'cost', measured, limit, ' s', at_least, lambda: ['90 % conv']
    )
    (target,) = report.content['targets']
    assert target['met'] is met
    said = capsys.readouterr().out
    verdict = {True: ': met', False: ': MISSED', None: ': not measured'}[met]
    assert verdict in said
    # only a miss is looked into
    assert ('90 % conv' in said) == (met is False)
    assert target['profile'] == (['90 % conv'] if met is False else [])


def test_tables_and_command_are_written(make, tmp_path):
    report = make()
    report.row('one', a=1, b=None)
    report.row('one', a=2, b=0.5)
    report.row('two', c='x')
    report.write(lambda path: open(path, 'w').close())
    content = json.loads((tmp_path / 'out' / 'x.json').read_text())
    assert [t['caption'] for t in content['tables']] == ['one', 'two']
    assert content['tables'][0]['rows'] == [
        dict(a=1, b=None),
        dict(a=2, b=0.5),
    ]
    # where the results went is nobody's concern
    assert content['command'] == 'python benchmarks/bench_x.py --repeats 3'
    assert content['picture'] == 'x.png'
    assert (tmp_path / 'out' / 'x.png').exists()
    assert content['machine']['gpu'] is None
    assert content['machine']['threads'] >= 1
    assert content['machine']['torch']


@pytest.mark.parametrize(
    'value, text',
    [
        (None, ''),
        ('word', 'word'),
        (249984, '249,984'),
        (0.0, '0'),
        (1.234567, '1.23'),
        (12.34567, '12.3'),
        (1234.567, '1,235'),
        (0.01234, '0.012'),
        (1.6e-7, '1.6e-07'),
        (2.5e9, '2.5e+09'),
        (dict(median=1.0, min=0.5, max=2.0), '1.00 (0.50 to 2.00)'),
        (dict(median=1.0, min=1.0, max=1.0), '1.00'),
    ],
)
def test_figures(value, text):
    assert importlib.import_module('figures').show(value) == text
