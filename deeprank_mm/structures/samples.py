"""What the package reads off an ``ActionDataSample``, and adds to it."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Union

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

# In the order of preference: SkeletonDataset's id, then MMAction2's own keys.
ID_KEYS = ('sample_id', 'frame_dir', 'filename')
# MMAction2 1.2 has ``gt_label``, 1.1 ``gt_labels.item``.
_LABEL_KEYS = ('gt_label', 'gt_labels')
# Fields that hold features are named by this and the modality.
_FEATURE = 'feat_'


def check_packed(batch: Mapping[str, Any]) -> None:
    """Refuse what no pipeline has packed for a model.

    Args:
        batch (Mapping): A sample as a data set gives it, or a batch.

    Raises:
        ValueError: If it holds no inputs or no data samples.
    """
    missing = [key for key in ('inputs', 'data_samples') if key not in batch]
    if missing:
        raise ValueError(
            f'A data set gives no {" and no ".join(missing)}, but '
            f'{", ".join(map(str, batch)) or "nothing"}: end its pipeline '
            "with dict(type='PackActionInputs', meta_keys=('sample_id', ))."
        )


def sample_id_of(sample: Union[BaseDataElement, Mapping[str, Any]]) -> str:
    """Stable id of a sample, the address of its row in a feature bank.

    Args:
        sample (BaseDataElement or Mapping): A data sample, or its dict.

    Returns:
        str: The first of ``sample_id``, ``frame_dir`` and ``filename`` found.

    Raises:
        KeyError: If there is none of them.
    """
    for key in ID_KEYS:
        value = sample.get(key)
        if value is not None:
            return str(value)
    raise KeyError(
        'A sample carries no id, so its ranking labels cannot be found: add '
        "one to the pipeline's last step, as in dict(type="
        "'PackActionInputs', meta_keys=('sample_id', )) with SkeletonDataset "
        "or meta_keys=('frame_dir', ) with PoseDataset."
    )


def label_of(
    sample: Union[BaseDataElement, Mapping[str, Any]],
) -> Optional[int]:
    """Ground-truth class of a sample, None where it has none.

    Args:
        sample (BaseDataElement or Mapping): A data sample, or its dict, of
            MMAction2 1.1 or 1.2.

    Returns:
        int, optional: The class index; None also where there are several.
    """
    for key in _LABEL_KEYS:
        value = sample.get(key)
        if value is not None:
            value = value if torch.is_tensor(value) else value.get('item')
            return int(value) if value.numel() == 1 else None
    return None


def set_feature(sample: BaseDataElement, modality: str, value: Tensor) -> None:
    """Attach one modality's feature to a data sample.

    Args:
        sample (BaseDataElement): The data sample, changed in place.
        modality (str): Name of the modality.
        value (Tensor): ``(D, )``.
    """
    sample.set_field(value, f'{_FEATURE}{modality}', dtype=Tensor)


def features_of(sample: Mapping[str, Any]) -> Dict[str, Tensor]:
    """The features that :func:`set_feature` attached.

    Args:
        sample (Mapping): Dict of a data sample.

    Returns:
        dict[str, Tensor]: For each modality ``(D, )``, on the CPU.
    """
    return {
        key[len(_FEATURE) :]: value.cpu()
        for key, value in sample.items()
        if key.startswith(_FEATURE)
    }
