"""The skeleton data set of pretraining and of its protocols."""

import operator
import os.path as osp
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

import numpy as np
from mmaction.datasets import PoseDataset
from mmaction.registry import DATASETS
from mmengine.dataset import force_full_init
from mmengine.logging import MMLogger

from deeprank_mm.arguments import check_arguments, check_options

from .annotation import (
    count_people_and_frames,
    fingerprint,
    finite_problem,
    identifier_of,
    is_id_list,
    keypoint_problem,
    label_problem,
    sample_id_problem,
    score_problem,
    subject_of,
    total_frames_problem,
    valid_problem,
    without_padding,
)
from .cached_pipeline import CachedPipeline
from .id_files import read_ids
from .keyed_pipeline import KeyedPipeline
from .safe_pickle import load_annotations
from .subsets import check_part, holdout_split, labelled_subset

__all__ = ['SkeletonDataset']

_MAX_LISTED = 5
# Those that PoseDataset knows.
_BOX_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@DATASETS.register_module()
class SkeletonDataset(KeyedPipeline, CachedPipeline, PoseDataset):
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
    - Slow deterministic steps at the pipeline's beginning can be done once
      and kept in a file (``cache``).

    The order: split, ``without_copies_of``, ``holdout``, ``valid_ratio``,
    ``labelled``, ``indices``. As in every mmengine data set with
    ``test_mode=False``, another sample is drawn if the pipeline returns None;
    exceptions of the pipeline are not caught.

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
            (default 0) of a class-stratified subset; or ``file``, a list of
            sample ids (``tools/data/subset.py`` writes it). Defaults to None.
        without_copies_of (str, optional): Another split; samples with
            exactly the coordinates of one of its samples are left out.
            NW-UCLA needs it: 95 test sequences are copies of training
            sequences. Defaults to None.
        trusted (bool): Unpickle without restrictions, which runs any code
            the file holds. Defaults to False.
        cache (dict, optional): ``steps`` (int), how many steps at the
            beginning of the pipeline are done once for all samples of the
            split, and ``folder``, where the result is kept (default: a
            folder ``cache`` beside the annotation file). What comes out of
            the pipeline stays the same. Later runs, workers and processes
            share the file; another annotation file, split, parameter or code
            of the steps makes another one. The data can then be viewed only
            through pipelines that begin with the same steps. Defaults to
            None.
        **kwargs: As ``PoseDataset``. With ``num_classes`` the labels are
            checked to be in ``[0, num_classes)``.

    Raises:
        FileNotFoundError: There is no annotation file.
        UnsafeAnnotationError: The file is not a pickle of plain data.
        TypeError: ``holdout``, ``labelled`` or ``cache`` is malformed.
        ValueError: An unknown or empty split or part, an annotation that is
            malformed, or a step that cannot be cached, such as a random one;
            the message says which.
    """

    @check_arguments
    def __init__(
        self,
        ann_file: str,
        pipeline: list[Union[dict, Callable]],
        split: Optional[str] = None,
        holdout: Optional[dict] = None,
        labelled: Optional[dict] = None,
        without_copies_of: Optional[str] = None,
        trusted: bool = False,
        cache: Optional[dict] = None,
        **kwargs: Any,
    ) -> None:
        self.holdout = check_options(
            'holdout',
            holdout,
            dict(seed=0, group='subject'),
            ('part', 'fraction'),
        )
        if isinstance(labelled, Mapping) and 'file' in labelled:
            self.labelled = check_options('labelled', labelled, {}, ('file',))
        else:
            self.labelled = check_options(
                'labelled', labelled, dict(seed=0), ('fraction',)
            )
        check_part(self.holdout)
        if self.holdout is not None:
            group = self.holdout['group']
            if not (group is None or isinstance(group, str)):
                raise ValueError(
                    "holdout group must be the name of an annotation's field, "
                    f"such as 'subject', or None, got {group!r}"
                )
        _check_inherited(kwargs)
        self._set_cache(cache, len(pipeline), kwargs)
        self.without_copies_of = without_copies_of
        self.trusted = trusted
        # Arrays and not lists: worker processes share their memory.
        self._sample_ids = np.array([], dtype=str)
        self._labels: Optional[np.ndarray] = None
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
        self._warn_of_people(annotations)
        cached = self._find_cache(self.ann_file, self.split, annotations)
        if self.without_copies_of is not None:
            annotations = self._without_copies(content, annotations)
        if self.holdout is not None:
            annotations = self._select_part(annotations)
        annotations = self._with_cached(annotations, cached)
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
        # MMAction2 1.1 has no such filter
        ratio = getattr(self, 'valid_ratio', 0.0)
        if ratio:
            for sample in self.data_list:
                self._refuse(sample, valid_problem(sample, self.box_thr))
        data_list = super().filter_data()
        if not data_list:
            raise ValueError(
                f'{self._where()}: no sample has at least {ratio} valid '
                'frames; lower valid_ratio'
            )
        if self.labelled is not None:
            data_list = self._select_labelled(data_list)
        self._check_indices(len(data_list))
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
            dict: The annotation, ``sample_id`` (str) and ``sample_idx``;
            with ``cache``, what the cached steps made of it.

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
        if not self._read_cached(data_info):
            self._refuse(data_info, finite_problem(data_info))
        return data_info

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

    def _id_at(self, idx: int) -> str:
        return str(self._sample_ids[idx])

    def _warn_of_people(self, annotations: list[dict]) -> None:
        """Say where the pipeline leaves out people that were recorded."""
        steps = self.pipeline.transforms
        numbers = [getattr(step, 'num_person', None) for step in steps]
        most = next((n for n in numbers if isinstance(n, int)), None)
        if most is None or 'skeleton' in self.data_prefix:
            return
        more = [
            sample['sample_id']
            for sample in annotations
            if count_people_and_frames(sample) is not None
            and len(sample['keypoint']) > most
            and sample['keypoint'][most:].any()
        ]
        if more:
            MMLogger.get_current_instance().warning(
                f'{self._where()}: {len(more)} of {len(annotations)} '
                f'samples show more people than num_person={most} of the '
                f'pipeline, which leaves the others out: {_listed(more)}'
            )

    def _single_labels(self) -> np.ndarray:
        if self._labels is None:
            raise ValueError(
                f'{self._where()} has samples without a single integer label'
            )
        return self._labels

    def _check_indices(self, size: int) -> None:
        """Whether ``indices`` choose samples that are there, and any."""
        indices = self._indices
        if indices is None:
            return
        if isinstance(indices, (int, np.integer)):
            sound = indices != 0
        else:
            sound = len(indices) > 0 and all(
                -size <= i < size for i in indices
            )
        if not sound:
            raise ValueError(
                f'{self._where()} has {size} samples to choose from, and '
                f'indices={indices} must choose some of them'
            )

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
        identifier = identifier_of(annotations)
        for position, sample in enumerate(annotations):
            if not isinstance(sample, Mapping):
                raise ValueError(
                    f'annotation {position} of {self.ann_file} is a '
                    f'{type(sample).__name__}, expected a dict'
                )
            problem = sample_id_problem(sample, identifier)
            if problem is not None:
                raise ValueError(
                    f'annotation {position} of {self.ann_file} {problem}'
                )
            named.append(dict(sample, sample_id=str(sample[identifier])))
        return named

    def _members(
        self, annotations: list[dict], members: Sequence[Any]
    ) -> list[dict]:
        """The annotations a split names, in the order of the file."""
        if not is_id_list(members):
            raise ValueError(
                f'{self._where()} is a {type(members).__name__}, expected a '
                'list of sample ids'
            )
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

    def _without_copies(
        self, content: Any, annotations: list[dict]
    ) -> list[dict]:
        """Leave out samples that another split holds, too."""
        splits = content.get('split') if isinstance(content, Mapping) else {}
        if self.without_copies_of not in (splits or ()):
            raise ValueError(
                f'{self._where()}: without_copies_of='
                f'{self.without_copies_of!r} is no split of the file, only '
                f'{sorted(map(str, splits or ()))}'
            )
        if 'skeleton' in self.data_prefix:
            raise ValueError(
                f'{self._where()}: without_copies_of compares coordinates, '
                "but data_prefix['skeleton'] keeps them in other files"
            )
        members = splits[self.without_copies_of]
        if not is_id_list(members):
            raise ValueError(
                f'{self._where()}: without_copies_of='
                f'{self.without_copies_of!r} names a '
                f'{type(members).__name__}, expected a list of sample ids'
            )
        others = {str(name) for name in members}
        known = set()
        for sample in self._with_ids(content['annotations']):
            if sample['sample_id'] in others:
                self._refuse(sample, keypoint_problem(sample))
                known.add(fingerprint(sample))
        kept = [s for s in annotations if fingerprint(s) not in known]
        if not kept:
            raise ValueError(
                f'{self._where()}: all {len(annotations)} samples are copies '
                f'of samples in {self.without_copies_of!r}'
            )
        MMLogger.get_current_instance().info(
            f'{self._where()}: {len(annotations) - len(kept)} of '
            f'{len(annotations)} samples left out, copies of samples in '
            f'{self.without_copies_of!r}.'
        )
        return kept

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

    def _select_labelled(self, annotations: list[dict]) -> list[dict]:
        """Keep the samples whose labels may be used."""
        labels = [self._label_of(sample) for sample in annotations]
        ids = [s['sample_id'] for s in annotations]
        if 'file' not in self.labelled:
            keep = labelled_subset(ids, labels, **self.labelled)
            return [annotations[i] for i in keep]
        path = self.labelled['file']
        wanted = set(read_ids(path))
        missing = sorted(wanted.difference(ids))
        if missing:
            raise ValueError(
                f'{path} names {len(missing)} of {len(wanted)} samples that '
                f'are not in {self._where()}, or not in the part of it that '
                f'is used: {_listed(missing)}'
            )
        return [s for s in annotations if s['sample_id'] in wanted]

    def _group_of(self, sample: dict, field: str) -> str:
        """Who performs a sample, or what else it has in common with others."""
        group = subject_of(sample, sample['sample_id'], field)
        if group is None:
            raise ValueError(
                f'{self._where(sample["sample_id"])} has no {field}: neither '
                f'a field {field!r} nor, for subjects, a name like '
                'S001C001P003R001A001; hold out samples instead with '
                'group=None'
            )
        return group

    def _check_sample(self, sample: dict) -> None:
        """Check what is cheap to check of one annotation."""
        if 'skeleton' not in self.data_prefix:
            self._check_keypoint(sample)
        label = sample.get('label')
        if self.multi_class:
            if not isinstance(label, (list, tuple, np.ndarray)):
                self._refuse(
                    sample,
                    f'has the label {label!r}, expected a list of classes as '
                    'multi_class=True says',
                )
            labels = list(label)
        else:
            labels = [] if label is None else [label]
        for one in labels:
            self._refuse(sample, label_problem(one, self.num_classes))
        # MMAction2 refuses NumPy's integers, and None as a label
        if self.multi_class:
            sample['label'] = [int(one) for one in labels]
        elif labels:
            sample['label'] = int(label)
        else:
            sample.pop('label', None)

    def _check_keypoint(self, sample: dict) -> None:
        """Check the coordinates' shape, and leave out padding."""
        self._refuse(sample, keypoint_problem(sample))
        self._refuse(sample, score_problem(sample))
        self._refuse(sample, total_frames_problem(sample))
        sample.update(without_padding(sample))

    def _label_of(self, sample: dict) -> int:
        """The one class of a sample."""
        self._refuse(sample, label_problem(sample.get('label')))
        return operator.index(sample['label'])

    def _refuse(self, sample: dict, problem: Optional[str]) -> None:
        """Raise if there is a problem."""
        if problem is not None:
            raise ValueError(f'{self._where(sample["sample_id"])} {problem}')


def _check_inherited(kwargs: dict[str, Any]) -> None:
    """Check what ``PoseDataset`` takes and does not look at; in place."""
    if kwargs.get('data_prefix', {}) is None:
        del kwargs['data_prefix']
    prefix = kwargs.get('data_prefix', {})
    if not all(isinstance(value, str) for value in prefix.values()):
        raise TypeError(
            'data_prefix must name folders, as dict(skeleton=FOLDER), got '
            f'{prefix}'
        )
    classes = kwargs.get('num_classes')
    if classes is not None and classes < 1:
        raise ValueError(f'num_classes must be 1 or more, got {classes}')
    if kwargs.get('multi_class') and classes is None:
        raise ValueError(
            'multi_class=True needs num_classes, the length of a label'
        )
    ratio = kwargs.get('valid_ratio')
    if ratio is not None:
        if not 0 <= ratio <= 1:
            raise ValueError(f'valid_ratio must be in [0, 1], got {ratio}')
        # PoseDataset ignores an integer silently
        kwargs['valid_ratio'] = float(ratio)
    threshold = kwargs.get('box_thr', _BOX_THRESHOLDS[0])
    if threshold not in _BOX_THRESHOLDS:
        raise ValueError(
            f'box_thr must be one of {_BOX_THRESHOLDS}, got {threshold}'
        )


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - _MAX_LISTED
    text = ', '.join(repr(name) for name in names[:_MAX_LISTED])
    return f'{text} and {more} more' if more > 0 else text
