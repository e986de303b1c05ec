"""The skeleton data set of pretraining and of its protocols."""

import operator
import os.path as osp
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
import torch
from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS
from mmengine.dataset import force_full_init
from mmengine.logging import MMLogger

from deeprank_mm.randomness import keyed_randomness

from .safe_pickle import load_annotations
from .subsets import holdout_split, labelled_subset

__all__ = ['SkeletonDataset']

# NTU RGB+D: setup, camera, performer, replication, action.
_NTU_NAME = re.compile(r'S\d{3}C\d{3}P(\d{3})R\d{3}A\d{3}')
_MAX_LISTED = 5


@DATASETS.register_module()
class SkeletonDataset(PoseDataset):
    """MMAction2's ``PoseDataset``, read safely and cut reproducibly.

    Any annotation file of ``PoseDataset`` is accepted: a pickle of
    ``dict(split=..., annotations=[...])`` or of a plain list, with
    identifier ``filename`` or ``frame_dir``, with or without ``label``. What
    is new:

    - The file is read with :func:`load_annotations`, which runs no code.
    - Every sample has ``sample_id`` (str), its identifier in the file. Unlike
      ``sample_idx`` it means the same sample in every split, part and
      subset, on every machine.
    - A part of a training split can be held out, and a labelled subset be
      taken, as pure functions of the ids (see
      :mod:`deeprank_mm.datasets.subsets`).
    - With :class:`~deeprank_mm.engine.EpochSeedHook` the random steps of the
      pipeline depend on seed, epoch and sample alone: not on the number of
      workers or processes, nor on whether the run was resumed.
    - A malformed annotation is an error that names the sample, at the start
      where that is cheap and else when the sample is fetched.

    The order: split, ``holdout``, ``valid_ratio``, ``labelled``,
    ``indices``. As in every mmengine data set with ``test_mode=False``,
    another sample is drawn if the pipeline returns None; exceptions of the
    pipeline are not caught.

    Args:
        ann_file (str): Path of the annotation file, ``*.pkl``.
        pipeline (list[dict | callable]): The transforms.
        split (str, optional): Which split of the file; needed if the file
            has splits. Defaults to None.
        holdout (dict, optional): ``part`` ('train' or 'holdout', the part to
            keep), ``fraction`` (in (0, 1)), ``seed`` (default 0) and
            ``group``: the annotation's field whose values are held out as a
            whole, 'subject' (default) or, say, 'recording'; None holds out
            samples. Where the field is missing, a subject is read from an
            NTU name (``S001C001P003R001A001``). Defaults to None, keep
            everything.
        labelled (dict, optional): ``fraction`` (in (0, 1]) and ``seed``
            (default 0) of a class-stratified subset. Defaults to None.
        trusted (bool): Unpickle without restrictions, which runs any code
            the file holds. Defaults to False.
        **kwargs: As ``PoseDataset``. With ``num_classes`` the labels are
            checked to be in ``[0, num_classes)``.

    Raises:
        FileNotFoundError: There is no annotation file.
        UnsafeAnnotationError: The file is not a pickle of plain data.
        TypeError: ``holdout`` or ``labelled`` is malformed.
        ValueError: An unknown or empty split or part, or an annotation that
            is malformed; the message says which.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list[Union[dict, Callable]],
        split: Optional[str] = None,
        holdout: Optional[dict] = None,
        labelled: Optional[dict] = None,
        trusted: bool = False,
        **kwargs: Any,
    ) -> None:
        self.holdout = _options(
            'holdout',
            holdout,
            dict(seed=0, group='subject'),
            ('part', 'fraction'),
        )
        self.labelled = _options(
            'labelled', labelled, dict(seed=0), ('fraction',)
        )
        if self.holdout is not None:
            if self.holdout['part'] not in ('train', 'holdout'):
                raise ValueError(
                    "holdout part must be 'train' or 'holdout', "
                    f'got {self.holdout["part"]!r}'
                )
            group = self.holdout['group']
            if not (group is None or isinstance(group, str)):
                raise ValueError(
                    "holdout group must be the name of an annotation's field, "
                    f"such as 'subject', or None, got {group!r}"
                )
        self.trusted = trusted
        # Arrays and not lists: worker processes share their memory.
        self._sample_ids = np.array([], dtype=str)
        self._labels: Optional[np.ndarray] = None
        self._random_key: Optional[torch.Tensor] = None
        super().__init__(ann_file, pipeline, split=split, **kwargs)

    @property
    @force_full_init
    def sample_ids(self) -> list[str]:
        """list[str]: The id of each sample, in the order of the data set."""
        return self._sample_ids.tolist()

    @property
    @force_full_init
    def labels(self) -> np.ndarray:
        """np.ndarray: (N, ) int64, the class of each sample.

        Raises:
            ValueError: A sample has no label, or has several.
        """
        return self._single_labels().copy()

    def full_init(self) -> None:
        """Load, check and cut the annotations, once."""
        if self._fully_initialized:
            return
        super().full_init()
        if self._indices is not None:
            self._cut_index(self._indices)

    def load_data_list(self) -> list[dict]:
        """Read the annotations of the split (or its part) and check them.

        Returns:
            list[dict]: The annotations, each with ``sample_id``.
        """
        content = load_annotations(self.ann_file, trusted=self.trusted)
        annotations = self._select_split(content)
        for sample in annotations:
            self._check_sample(sample)
        if self.holdout is not None:
            annotations = self._select_part(annotations)
        if 'video' in self.data_prefix:
            for sample in annotations:
                for key in ('filename', 'frame_dir'):
                    if key in sample:
                        sample[key] = osp.join(
                            self.data_prefix['video'], sample[key]
                        )
        return annotations

    def filter_data(self) -> list[dict]:
        """Drop what ``valid_ratio`` excludes, then take the labelled subset.

        Returns:
            list[dict]: The samples that remain.
        """
        data_list = super().filter_data()
        if not data_list:
            raise ValueError(
                f'{self._where()}: no sample has at least '
                f'{self.valid_ratio} valid frames; lower '
                'valid_ratio'
            )
        if self.labelled is not None:
            labels = [self._label_of(sample) for sample in data_list]
            keep = labelled_subset(
                [s['sample_id'] for s in data_list], labels, **self.labelled
            )
            data_list = [data_list[i] for i in keep]
        self.data_list = data_list
        self._sample_ids = np.array([s['sample_id'] for s in data_list])
        try:
            self._labels = np.array(
                [self._label_of(s) for s in data_list], dtype=np.int64
            )
        except ValueError:
            self._labels = None  # only an error for who asks for labels
        return data_list

    def get_data_info(self, idx: int) -> dict:
        """The annotation of one sample, with finite coordinates.

        Args:
            idx (int): Position in the data set.

        Returns:
            dict: The annotation, ``sample_id`` (str) and ``sample_idx``.

        Raises:
            ValueError: Coordinates are NaN or infinite, or a skeleton file
                of ``data_prefix['skeleton']`` is malformed.
        """
        # PoseDataset's own method would unpickle skeleton files unchecked.
        data_info = super(PoseDataset, self).get_data_info(idx)
        if 'skeleton' in self.data_prefix:
            name = data_info.get('filename', data_info.get('frame_dir'))
            path = osp.join(self.data_prefix['skeleton'], f'{name}.pkl')
            data_info.update(load_annotations(path, trusted=self.trusted))
            self._check_keypoint(data_info)
        if not np.isfinite(data_info['keypoint']).all():
            raise ValueError(
                f'{self._where(data_info["sample_id"])} has NaN or infinite '
                'coordinates; repair or remove it in the annotation file'
            )
        return data_info

    def set_random_key(self, seed: int, epoch: int) -> None:
        """Make random steps of the pipeline a function of this and the id.

        Reaches worker processes that have been started already.

        Args:
            seed (int): Of the run.
            epoch (int): The epoch that begins.
        """
        if self._random_key is None:
            self._random_key = torch.zeros(2, dtype=torch.int64)
        # a copy of the data set has a copy of the key, which is not shared
        self._random_key.share_memory_()
        self._random_key.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> Any:
        """One sample through the pipeline.

        Args:
            idx (int): Position in the data set.

        Returns:
            Any: What the pipeline makes of it.
        """
        if self._random_key is None or self.test_mode:
            return super().prepare_data(idx)
        seed, epoch = self._random_key.tolist()
        with keyed_randomness(seed, epoch, str(self._sample_ids[idx])):
            return super().prepare_data(idx)

    @force_full_init
    def get_cat_ids(self, idx: int) -> list[int]:
        """The class of a sample as mmengine's ``ClassBalancedDataset`` asks.

        Args:
            idx (int): Position in the data set.

        Returns:
            list[int]: Its one class.
        """
        return [int(self._single_labels()[idx])]

    @force_full_init
    def get_subset_(self, indices: Union[Sequence[int], int]) -> None:
        """Keep only some samples, see ``BaseDataset.get_subset_``.

        Args:
            indices (Sequence[int] or int): Positions, or how many from the
                beginning (from the end if negative).
        """
        super().get_subset_(indices)
        self._cut_index(indices)

    @force_full_init
    def get_subset(
        self, indices: Union[Sequence[int], int]
    ) -> 'SkeletonDataset':
        """A copy with some of the samples, see ``BaseDataset.get_subset``.

        Args:
            indices (Sequence[int] or int): Positions, or how many from the
                beginning (from the end if negative).

        Returns:
            SkeletonDataset: The copy.
        """
        subset = super().get_subset(indices)
        subset._cut_index(indices)
        return subset

    def _single_labels(self) -> np.ndarray:
        if self._labels is None:
            raise ValueError(
                f'{self._where()} has samples without a single integer label'
            )
        return self._labels

    def _cut_index(self, indices: Union[Sequence[int], int]) -> None:
        if isinstance(indices, int):
            indices = slice(indices) if indices >= 0 else slice(indices, None)
        else:
            indices = np.asarray(indices, dtype=np.int64)
        self._sample_ids = self._sample_ids[indices]
        if self._labels is not None:
            self._labels = self._labels[indices]

    def _where(self, sample_id: Optional[str] = None) -> str:
        """Name the data, and the sample if given, for a message."""
        text = f'annotation file {self.ann_file}'
        if self.split is not None:
            text = f'split {self.split!r} of {text}'
        return text if sample_id is None else f'sample {sample_id!r} of {text}'

    def _select_split(self, content: Any) -> list[dict]:
        """Take the split from the content of the file; add ``sample_id``."""
        is_dict = isinstance(content, Mapping)
        splits = content.get('split') if is_dict else None
        annotations = content.get('annotations') if is_dict else content
        if not isinstance(annotations, (list, tuple)) or not (
            splits is None or isinstance(splits, Mapping)
        ):
            raise ValueError(
                f'annotation file {self.ann_file} holds neither a list of '
                'annotations nor dict(split=dict(...), annotations=[...])'
            )
        if self.split is None and splits is not None:
            raise ValueError(
                f'annotation file {self.ann_file} has splits; choose one with '
                f'split=, of {sorted(map(str, splits))}'
            )
        if self.split is not None and self.split not in (splits or ()):
            raise ValueError(
                f'annotation file {self.ann_file} has no split '
                f'{self.split!r}, only {sorted(map(str, splits or ()))}'
            )
        if not annotations:
            raise ValueError(
                f'annotation file {self.ann_file} has no annotations'
            )

        named = self._with_ids(annotations)
        if self.split is not None:
            named = self._members(named, splits[self.split])
        counts = Counter(sample['sample_id'] for sample in named)
        twice = [name for name, count in counts.items() if count > 1]
        if twice:
            raise ValueError(
                f'{self._where()} has {len(twice)} sample id(s) more than '
                f'once: {_listed(twice)}; ids must be unique'
            )
        return named

    def _with_ids(self, annotations: Sequence[dict]) -> list[dict]:
        """Shallow copies of the annotations, each with ``sample_id``."""
        named = []
        # PoseDataset's own rule: the first annotation decides for all.
        first = annotations[0]
        identifier = (
            'filename'
            if isinstance(first, Mapping) and 'filename' in first
            else 'frame_dir'
        )
        for position, sample in enumerate(annotations):
            if not isinstance(sample, Mapping):
                raise ValueError(
                    f'annotation {position} of {self.ann_file} is a '
                    f'{type(sample).__name__}, expected a dict'
                )
            sample_id = sample.get(identifier)
            if (
                isinstance(sample_id, (bool, np.bool_))
                or not isinstance(sample_id, (str, int, np.integer))
                or sample_id == ''
            ):
                raise ValueError(
                    f'annotation {position} of {self.ann_file} has no '
                    f'sample id: its {identifier!r} is {sample_id!r}, '
                    'expected a name'
                )
            named.append(dict(sample, sample_id=str(sample_id)))
        return named

    def _members(
        self, annotations: list[dict], members: Sequence[Any]
    ) -> list[dict]:
        """The annotations a split names, in the order of the file."""
        wanted = {str(name) for name in members}
        if not wanted:
            raise ValueError(f'{self._where()} is empty')
        chosen = [s for s in annotations if s['sample_id'] in wanted]
        missing = sorted(wanted - {s['sample_id'] for s in chosen})
        if not chosen:
            raise ValueError(
                f'{self._where()} names {len(wanted)} samples and none has '
                f'an annotation: {_listed(missing)}'
            )
        if missing:
            MMLogger.get_current_instance().warning(
                f'{self._where()} names {len(missing)} of {len(wanted)} '
                f'samples that have no annotation: {_listed(missing)}'
            )
        return chosen

    def _select_part(self, annotations: list[dict]) -> list[dict]:
        """Keep the part of the split that ``holdout`` asks for."""
        options = self.holdout
        groups = None
        if options['group'] is not None:
            groups = [
                self._group_of(sample, options['group'])
                for sample in annotations
            ]
        try:
            held_out = holdout_split(
                [s['sample_id'] for s in annotations],
                groups,
                options['fraction'],
                options['seed'],
            )
        except ValueError as error:
            raise ValueError(f'{self._where()}: {error}') from None
        wanted = options['part'] == 'holdout'
        return [s for s, out in zip(annotations, held_out) if out == wanted]

    def _group_of(self, sample: dict, field: str) -> str:
        """Who performs a sample, or what else it has in common with others."""
        value = sample.get(field)
        if value is not None:
            return str(value)
        match = _NTU_NAME.search(osp.basename(sample['sample_id']))
        if field != 'subject' or match is None:
            raise ValueError(
                f'{self._where(sample["sample_id"])} has no {field}: neither '
                f'a field {field!r} nor, for subjects, a name like '
                'S001C001P003R001A001; hold out samples instead with '
                'group=None'
            )
        # Annotations may name subjects 3 or '3', never '003'.
        return str(int(match.group(1)))

    def _check_sample(self, sample: dict) -> None:
        """Check what is cheap to check of one annotation."""
        if 'skeleton' not in self.data_prefix:
            self._check_keypoint(sample)
        if self.num_classes is None or sample.get('label') is None:
            return
        labels = sample['label'] if self.multi_class else [sample['label']]
        for label in labels:
            label = self._label_of(dict(sample, label=label))
            if not 0 <= label < self.num_classes:
                raise ValueError(
                    f'{self._where(sample["sample_id"])} has label {label}, '
                    f'but num_classes={self.num_classes} allows 0 to '
                    f'{self.num_classes - 1}'
                )

    def _check_keypoint(self, sample: dict) -> None:
        """Check the coordinates' shape and the number of frames."""
        where = self._where(sample['sample_id'])
        keypoint = sample.get('keypoint')
        if (
            not isinstance(keypoint, np.ndarray)
            or keypoint.dtype.kind not in 'fiu'
        ):
            raise ValueError(
                f"{where} has no 'keypoint' array of numbers but "
                f'{type(keypoint).__name__}'
            )
        # Kinetics poses are stored person after person, with the frame of
        # each in frame_inds, until DecompressPose arranges them.
        axes = ('people', 'frames', 'joints', 'coordinates')
        if 'frame_inds' in sample:
            axes = ('poses', 'joints', 'coordinates')
        if keypoint.ndim != len(axes):
            raise ValueError(
                f"{where} has a 'keypoint' of shape {keypoint.shape}, "
                f'expected ({", ".join(axes)})'
            )
        if 0 in keypoint.shape:
            raise ValueError(
                f'{where} has no {axes[keypoint.shape.index(0)]}: its '
                f"'keypoint' has shape {keypoint.shape}; remove the sample "
                'from the split'
            )
        if len(axes) == 4:
            frames = keypoint.shape[1]
            if sample.setdefault('total_frames', frames) > frames:
                raise ValueError(
                    f'{where} says total_frames={sample["total_frames"]}, '
                    f"but its 'keypoint' has {frames} frames"
                )

    def _label_of(self, sample: dict) -> int:
        """The one class of a sample."""
        try:
            return operator.index(sample.get('label'))
        except TypeError:
            raise ValueError(
                f'{self._where(sample["sample_id"])} has the label '
                f'{sample.get("label")!r}, expected one integer'
            ) from None


def _options(
    name: str,
    given: Optional[Mapping],
    defaults: dict[str, Any],
    required: Sequence[str],
) -> Optional[dict[str, Any]]:
    """Check the keys of an option that is a dict; fill in its defaults."""
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise TypeError(f'{name} must be a dict or None, got {given!r}')
    missing = [key for key in required if key not in given]
    unknown = [key for key in given if key not in {*required, *defaults}]
    if missing or unknown:
        raise TypeError(
            f'{name}={dict(given)} must have '
            f'{", ".join(required)} and may have '
            f'{", ".join(defaults)}'
        )
    return {**defaults, **given}


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - _MAX_LISTED
    text = ', '.join(repr(name) for name in names[:_MAX_LISTED])
    return f'{text} and {more} more' if more > 0 else text
