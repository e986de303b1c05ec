import os

import pytest
import torch

from deeprank_mm.structures import FeatureBank


def make(ids=('b', 'a', 'c'), labels=(1, 0, 2)):
    values = {'a': 0.0, 'b': 1.0, 'c': 2.0, 'd': 3.0}
    table = torch.tensor([[values[i], 0.5] for i in ids])
    return FeatureBank(list(ids), dict(joint=table), labels)


def test_rows_follow_the_sample_whatever_the_order():
    one, two = make(), make(('c', 'b', 'a'), (2, 1, 0))
    for bank in (one, two):
        rows = bank.rows(['c', 'a', 'a'])
        assert bank.lookup(rows)['joint'][:, 0].tolist() == [2.0, 0.0, 0.0]
        assert bank.labels.tolist() == [0, 1, 2]
    assert one.fingerprint == two.fingerprint
    assert one.digest == two.digest


def test_fingerprint_is_of_ids_and_digest_of_features_too():
    bank, other = make(), make()
    other.features['joint'][0, 0] += 1
    assert bank.fingerprint == other.fingerprint
    assert bank.digest != other.digest
    assert make(('a', 'b', 'd')).fingerprint != bank.fingerprint


def test_samples_of_two_banks_are_the_same_if_their_features_are():
    bank, other = make(), make(('b', 'd', 'c'), (1, 3, 2))
    assert bank.shared(other) == ['b', 'c']
    other.features['joint'] *= 1 + 1e-6  # another batch rounds otherwise
    assert bank.shared(other) == ['b', 'c']
    # two files may number their samples alike
    other.features['joint'][0, 0] += 0.01
    assert bank.shared(other) == ['c'] == other.shared(bank)
    assert make(('a', 'b')).shared(make(('c', 'd'))) == []


def test_saved_and_loaded(tmp_path):
    path = str(tmp_path / 'banks' / 'one.pth')
    bank = make()
    bank.save(path)
    assert os.listdir(tmp_path / 'banks') == ['one.pth']
    again = FeatureBank.load(path)
    assert again.digest == bank.digest
    assert again.labels.tolist() == bank.labels.tolist()
    make(labels=None).save(path)
    assert FeatureBank.load(path).labels is None


def test_clusters_follow_the_sample_and_are_part_of_the_digest(tmp_path):
    # what labels are made of: a resumed run must notice other clusters
    path = str(tmp_path / 'one.pth')
    table = dict(joint=torch.rand(3, 2))
    given = dict(joint=torch.tensor([5, 7, 6]))
    bank = FeatureBank(['b', 'a', 'c'], table, clusters=given)
    assert bank.clusters['joint'].tolist() == [7, 5, 6]
    assert bank.digest != FeatureBank(['b', 'a', 'c'], table).digest
    other = bank.with_clusters(dict(joint=torch.tensor([7, 5, 5])))
    assert other.digest != bank.digest
    assert other.fingerprint == bank.fingerprint
    bank.save(path)
    again = FeatureBank.load(path)
    assert again.digest == bank.digest
    assert again.clusters['joint'].tolist() == [7, 5, 6]
    with pytest.raises(ValueError, match=r"'joint' has clusters.*\(2,\)"):
        bank.with_clusters(dict(joint=torch.tensor([1, 2])))
    make().save(path)
    assert FeatureBank.load(path).clusters is None


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth is missing'):
        FeatureBank.load(str(tmp_path / 'nowhere.pth'))


@pytest.mark.parametrize('size', [0, 100, -50])
def test_a_damaged_file_is_named(tmp_path, size):
    path = tmp_path / 'one.pth'
    make().save(str(path))
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match='one.pth cannot be read'):
        FeatureBank.load(str(path))


def test_unknown_sample_is_named():
    with pytest.raises(KeyError, match="'z' has no row"):
        make().rows(['a', 'z'])


def test_duplicate_id_is_named():
    with pytest.raises(ValueError, match="have the id 'a'"):
        make(('a', 'b', 'a'))


def test_features_that_are_not_finite_name_their_samples():
    table = torch.zeros(3, 2)
    table[1, 0] = float('nan')
    table[2, 1] = float('inf')
    with pytest.raises(ValueError, match=r'2 sample\(s\).*y, z'):
        FeatureBank(['x', 'y', 'z'], dict(bone=table))


def test_empty_and_uneven():
    with pytest.raises(ValueError, match='at least one sample'):
        FeatureBank([], {})
    with pytest.raises(ValueError, match='2 rows for 1 samples'):
        FeatureBank(['x'], dict(joint=torch.zeros(2, 3)))
