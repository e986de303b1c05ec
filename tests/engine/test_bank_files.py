import pytest
import torch

from deeprank_mm.engine.bank_files import BankFiles, find_bank
from deeprank_mm.structures import FeatureBank


@pytest.fixture
def work_dir(tmp_path):
    folder = tmp_path / 'a run [1]' / 'banks'
    folder.mkdir(parents=True)
    for name in ('002_train', '010_train', '010_val'):
        (folder / f'cycle_{name}.pth').touch()
    return folder.parent


def test_the_latest_cycle_or_the_one_asked_for(work_dir):
    banks = work_dir / 'banks'
    assert find_bank(str(work_dir)) == str(banks / 'cycle_010_train.pth')
    assert find_bank(str(work_dir), 2) == str(banks / 'cycle_002_train.pth')
    found = find_bank(str(work_dir), part='val')
    assert found == str(banks / 'cycle_010_val.pth')
    assert find_bank(found) == found


def test_what_is_not_there_is_named(work_dir, tmp_path):
    with pytest.raises(FileNotFoundError, match='no bank of cycle 3.* 2, 10'):
        find_bank(str(work_dir), 3)
    with pytest.raises(FileNotFoundError, match='no feature bank at'):
        find_bank(str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='bank of one cycle'):
        find_bank(find_bank(str(work_dir)), 2)


def test_banks_of_kept_checkpoints_stay_however_many_files_a_step_has(
    tmp_path,
):
    files = BankFiles()
    bank = FeatureBank(['a', 'b'], dict(joint=torch.eye(2)))
    states = []
    for cycle in range(1, 6):
        files.write(str(tmp_path), cycle, dict(train=bank), keep=2)
        # the best, and the last
        states = [files.state_dict(step=10 * cycle) for _ in range(2)]
    there = sorted(path.name for path in (tmp_path / 'banks').iterdir())
    # of the current cycle, the two kept, and one that is about to go
    assert there == [f'cycle_{i:03d}_train.pth' for i in (2, 3, 4, 5)]
    resumed = BankFiles()
    resumed.load_state_dict(states[-1])
    assert resumed.read(str(tmp_path))['train'].digest == bank.digest
