import pytest
import torch

from deeprank_mm.structures import FeatureBank
from deeprank_mm.utils.bank_sources import BankSource, parse_sources
from deeprank_mm.utils.usage import UsageError


def save(folder, cycle=1, modalities=('joint', 'bone'), labels=(0, 1, 0, 1)):
    bank = FeatureBank(
        list('abcd'), {m: torch.randn(4, 2) for m in modalities}, labels
    )
    bank.save(str(folder / 'banks' / f'cycle_{cycle:03d}_train.pth'))
    return bank


@pytest.mark.parametrize(
    'text, expected',
    [
        ('runs/a', ('a', 'runs/a', None, None)),
        ('x=runs/a@3:bone', ('x', 'runs/a', 3, 'bone')),
        ('runs/a@12', ('a@12', 'runs/a', 12, None)),
        ('n = 8, bone=runs/a:bone', ('n = 8, bone', 'runs/a', None, 'bone')),
    ],
)
def test_forms(text, expected):
    source = BankSource.parse(text)
    found = source.name, source.path, source.cycle, source.modality
    assert found == expected


def test_a_path_with_an_equals_sign(tmp_path):
    folder = tmp_path / 'lr=0.1'
    save(folder)
    assert BankSource.parse(str(folder)).load().ids == list('abcd')


def test_banks_and_modalities(tmp_path):
    one, two = save(tmp_path, 1), save(tmp_path, 2)
    source = BankSource.parse(f'{tmp_path}')
    assert source.load().digest == two.digest
    assert BankSource.parse(f'{tmp_path}@1').load().digest == one.digest
    assert source.modality_of(two) == 'joint'
    assert list(source.load_cycles()) == [1, 2]
    bone = BankSource.parse(f'{tmp_path}:bone')
    assert torch.equal(bone.features(two), two.features['bone'])
    alone = save(tmp_path / 'alone', 1, ['motion'])
    assert source.modality_of(alone) == 'motion'
    with pytest.raises(UsageError, match="no 'depth' features, it has joint"):
        BankSource.parse(f'{tmp_path}:depth').features(one)


def test_what_is_not_there(tmp_path):
    save(tmp_path, labels=None)
    with pytest.raises(UsageError, match='has no classes'):
        BankSource.parse(str(tmp_path)).load()
    with pytest.raises(UsageError, match='no bank of cycle 4'):
        BankSource.parse(f'{tmp_path}@4').load()
    with pytest.raises(UsageError, match='without a cycle'):
        BankSource.parse(f'{tmp_path}@1').load_cycles()
    with pytest.raises(UsageError, match='no feature bank'):
        BankSource.parse(str(tmp_path / 'x')).load()
    with pytest.raises(UsageError, match="two banks are called 'a'"):
        parse_sources(['x/a', 'y/a'])
