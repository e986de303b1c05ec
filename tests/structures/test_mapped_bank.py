import numpy as np
import pytest
import torch

from deeprank_mm.structures import (
    FeatureBank,
    MappedFeatureBank,
    load_bank,
    merge_rows,
)

WIDTHS = dict(joint=5, bone=3)


def write(folder, sizes=(7, 0, 4), dtype='float32', labels=True, ids=None):
    """A mapped bank of several processes' rows, and the same in memory."""
    torch.manual_seed(0)
    count = sum(sizes)
    ids = ids or [f'clip{(i * 7) % 100:03d}' for i in range(count)]
    classes = [i % 3 if labels else None for i in range(count)]
    features = {name: torch.randn(count, w) for name, w in WIDTHS.items()}
    parts, start = [], 0
    for rank, size in enumerate(sizes):
        chosen = slice(start, start + size)
        files = {}
        for name, value in features.items():
            files[name] = str(folder / f'{rank}_{name}')
            value[chosen].numpy().astype(dtype).tofile(files[name])
        parts.append(
            dict(
                ids=ids[chosen],
                labels=classes[chosen],
                widths=WIDTHS if size else {},
                files=files,
            )
        )
        start += size
    path = str(folder / 'banks' / 'cycle_001_train.pth')
    merge_rows(path, parts, dtype)
    return path, FeatureBank(ids, features, classes if labels else None)


def test_it_is_the_bank_in_memory(tmp_path):
    path, memory = write(tmp_path)
    mapped = load_bank(path)
    assert isinstance(mapped, MappedFeatureBank)
    assert mapped.ids == memory.ids
    assert mapped.labels.tolist() == memory.labels.tolist()
    assert mapped.fingerprint == memory.fingerprint
    assert mapped.digest == memory.digest
    assert mapped.modalities == memory.modalities
    rows = mapped.rows(['clip014', 'clip000'])
    for name, value in mapped.lookup(rows).items():
        assert value.dtype == torch.float32
        assert torch.equal(value, memory.lookup(rows)[name])


def test_half_precision_rounds_once(tmp_path):
    path, memory = write(tmp_path, dtype='float16')
    mapped = load_bank(path)
    rows = torch.arange(len(mapped))
    for name, value in mapped.lookup(rows).items():
        assert value.dtype == torch.float32
        assert torch.equal(value, memory.features[name].half().float())
        assert mapped.features[name].dtype == torch.float16
    assert mapped.digest != memory.digest


def test_without_classes(tmp_path):
    path, _ = write(tmp_path, labels=False)
    assert load_bank(path).labels is None


def test_rows_are_not_read_before_they_are_asked_for(tmp_path):
    path, memory = write(tmp_path)
    mapped = load_bank(path)
    # what changes in the file is seen, so nothing was copied
    with open(path, 'r+b') as file:
        content = file.read()
        first = memory.features['joint'][0].numpy().tobytes()
        file.seek(content.index(first))
        file.write(np.full(5, 9.0, np.float32).tobytes())
    assert mapped.lookup(torch.tensor([0]))['joint'].tolist() == [[9.0] * 5]


def test_other_content_has_another_digest(tmp_path):
    path, memory = write(tmp_path)
    noted = load_bank(path).digest
    with open(path, 'r+b') as file:
        place = file.read().index(memory.features['bone'][2].numpy().tobytes())
        file.seek(place)
        file.write(b'\1')
    assert load_bank(path).digest != noted


@pytest.mark.parametrize('cut', [3, 100, 10_000])
def test_a_damaged_file_is_named(tmp_path, cut):
    path, _ = write(tmp_path)
    with open(path, 'rb') as file:
        content = file.read()
    with open(path, 'wb') as file:
        file.write(content[: max(20, len(content) - cut)])
    with pytest.raises(ValueError, match='cycle_001_train.pth has been cut'):
        load_bank(path)


def test_a_bank_in_memory_is_opened_as_before(tmp_path):
    _, memory = write(tmp_path)
    path = str(tmp_path / 'memory.pth')
    memory.save(path)
    opened = load_bank(path)
    assert type(opened) is FeatureBank and opened.digest == memory.digest
    with pytest.raises(FileNotFoundError, match='is missing'):
        load_bank(str(tmp_path / 'nowhere.pth'))


def test_ids_are_checked(tmp_path):
    with pytest.raises(ValueError, match="id 'same'"):
        write(tmp_path, sizes=(1, 1), ids=['same', 'same'])
    with pytest.raises(ValueError, match='at least one sample'):
        write(tmp_path, sizes=(0,))


def test_it_stays_in_its_file(tmp_path):
    path, _ = write(tmp_path)
    mapped = load_bank(path)
    mapped.save(path)
    with pytest.raises(ValueError, match='stays where it is'):
        mapped.save(str(tmp_path / 'elsewhere.pth'))
