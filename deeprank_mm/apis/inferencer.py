"""Classify or retrieve single skeleton sequences with a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

import numpy as np
import torch
import torch.nn as nn
from mmaction.registry import MODELS
from mmengine.dataset import Compose, pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from torch import Tensor

from deeprank_mm.engine.strict import check_state_dict
from deeprank_mm.evaluation.retrieval import retrieve
from deeprank_mm.structures import FeatureBank
from deeprank_mm.utils.class_names import read_names
from deeprank_mm.utils.usage import UsageError
from deeprank_mm.visualization import find_layout
from deeprank_mm.visualization.bodies import skeleton_of
from deeprank_mm.visualization.prediction import draw_prediction
from deeprank_mm.visualization.skeleton import (
    Clip,
    draw_strips,
    save_animation,
    save_picture,
)

from .frozen_encoder import FrozenEncoder
from .loading import load_run
from .search_set import SearchSet, test_steps
from .skeleton_files import Skeletons, read_skeleton

_NAME = 'the sequence'


@dataclass(frozen=True)
class Row:
    """One class, or one similar sequence.

    Attributes:
        title (str): Name of the class.
        score (float): Its probability, or the cosine of the sequence.
        label (int, optional): The class; None where it is not known.
        sample_id (str, optional): The sequence, where it is one.
    """

    title: str
    score: float
    label: Optional[int] = None
    sample_id: Optional[str] = None


@dataclass(frozen=True)
class Answer:
    """What a :class:`SkeletonInferencer` says of one sequence, best first.

    Attributes:
        task (str): ``'classify'`` or ``'retrieve'``.
        rows (list[Row]): At most ``topk``.
        annotation (dict): The sequence, ``keypoint`` ``(M, T, V, C)``.
        name (str): What it is called.
    """

    task: str
    rows: List[Row]
    annotation: Dict[str, Any]
    name: str

    def __str__(self) -> str:
        width = max(len(row.title) for row in self.rows)
        lines = []
        for i, row in enumerate(self.rows):
            score = (
                f'{100 * row.score:5.1f} %'
                if self.task == 'classify'
                else f'{row.score:7.4f}'
            )
            cells = [f'{i + 1}.', score, f'{row.title:{width}}']
            lines.append('  '.join([*cells, row.sample_id or '']).rstrip())
        return '\n'.join(lines)


class SkeletonInferencer:
    """A checkpoint, ready for one skeleton sequence after the other.

    A recogniser's checkpoint gives classes. A pretraining's has none: it
    gives the most similar sequences of the config's training split, which
    must be there then.

        recognise = SkeletonInferencer('work_dirs/finetune/stgcn_nwucla_xview')
        answer = recognise('clip.npy')
        print(answer)
        recognise.draw(answer, 'top5.png')

    Args:
        model (str): A checkpoint, a work folder for its latest one, or a
            config (``*.py``). Without a config the one stored inside the
            checkpoint is used.
        weights (str, optional): The checkpoint, if ``model`` is a config.
        modality (str, optional): Which encoder of a pretraining is asked.
            Defaults to the config's first.
        class_names (str or Sequence[str], optional): From class 0, or a file
            of one name a line. Defaults to ``class 0`` and so on.
        search (str): Where a pretraining's encoder looks for similar
            sequences, ``'train'`` or ``'test'``. Defaults to ``'train'``.
        cfg_options (Mapping, optional): Settings of the config to override,
            such as ``{'train_dataloader.dataset.ann_file': 'mine.pkl'}``.
        device (str, optional): Defaults to a GPU if there is one.

    Raises:
        UsageError: There is no such checkpoint or config, or they do not
            belong together in every tensor.
    """

    def __init__(
        self,
        model: str,
        weights: Optional[str] = None,
        modality: Optional[str] = None,
        class_names: Union[str, Sequence[str], None] = None,
        search: str = 'train',
        cfg_options: Optional[Mapping[str, Any]] = None,
        device: Optional[str] = None,
    ) -> None:
        config = model if str(model).endswith('.py') else None
        if config is not None and weights is None:
            raise UsageError(
                f'{model} is a config: name a checkpoint (`weights`), too.'
            )
        if config is None and weights is not None:
            raise UsageError(
                f'{model} is no config (*.py), but a checkpoint, {weights}, '
                'is named besides.'
            )
        self.cfg, content, self.path = load_run(
            config, str(weights or model), cfg_options
        )
        self.device = device or get_device()
        self.class_names = class_names
        self.search = search
        self._bank: Optional[FeatureBank] = None
        self._search_set: Optional[SearchSet] = None
        self.task = 'classify' if 'cls_head' in self.cfg.model else 'retrieve'
        with self._scope():
            if self.task == 'classify':
                self.model: nn.Module = MODELS.build(self.cfg.model)
                state_dict = content.get('state_dict', content)
                try:
                    check_state_dict(self.model, state_dict, self.path)
                except ValueError as error:
                    raise UsageError(str(error)) from error
                self.model.load_state_dict(state_dict)
            else:
                self.model = FrozenEncoder(self.cfg, modality)
                self.model.load(self.path)
            self._steps = test_steps(self.cfg)
            self._pipeline = Compose(self._steps)
        self.model.to(self.device).eval()
        self.layout = find_layout(self.cfg)

    def __call__(
        self,
        inputs: Skeletons,
        topk: int = 5,
        sample: Optional[str] = None,
        img_shape: Optional[Sequence[int]] = None,
        scores: bool = False,
    ) -> Answer:
        """Classify a sequence, or find those that are similar.

        Args:
            inputs (str, np.ndarray or Mapping): See :func:`.read_skeleton`.
            topk (int): How many answers. Defaults to 5.
            sample (str, optional): Which one of a file of many.
            img_shape (Sequence[int], optional): Height and width of the
                image, for 2D keypoints.
            scores (bool): Whether the last channel is a confidence. Defaults
                to False.

        Returns:
            Answer: The best first.

        Raises:
            UsageError: The input is no sequence that the model can take.
        """
        if topk < 1:
            raise UsageError(f'topk must be 1 or more, got {topk}.')
        annotation = self._checked(
            read_skeleton(inputs, sample, img_shape, scores)
        )
        if self.task == 'classify':
            rows = self._classify(annotation, topk)
        else:
            rows = self._retrieve(annotation, topk)
        name = str(annotation.get('frame_dir') or _NAME)
        return Answer(self.task, rows, annotation, name)

    def inputs_of(self, annotation: Mapping[str, Any]) -> Dict[str, Any]:
        """What the model gets: the annotation through the test pipeline.

        Args:
            annotation (Mapping): From :func:`.read_skeleton`.

        Returns:
            dict: The batch of one, preprocessed.
        """
        sample = dict(annotation, modality='Pose', start_index=0)
        # Pipelines may write to the arrays, and do: PreNormalize2D.
        for key, value in sample.items():
            if isinstance(value, np.ndarray):
                sample[key] = value.copy()
        sample.setdefault('sample_id', sample['frame_dir'])
        sample.setdefault('label', -1)
        with self._scope():
            batch = pseudo_collate([self._pipeline(sample)])
            return self.model.data_preprocessor(batch, False)

    @torch.no_grad()
    def scores(self, annotation: Mapping[str, Any]) -> Tensor:
        """Probabilities of a recogniser.

        Args:
            annotation (Mapping): From :func:`.read_skeleton`.

        Returns:
            Tensor: ``(classes, )`` float32, on the CPU.
        """
        (sample,) = self.model(**self.inputs_of(annotation), mode='predict')
        score = sample.get('pred_score')
        if score is None:  # MMAction2 1.1
            score = sample.pred_scores.item
        return score.float().cpu()

    @torch.no_grad()
    def feature(self, annotation: Mapping[str, Any]) -> Tensor:
        """The feature vector of a pretraining's encoder.

        Args:
            annotation (Mapping): From :func:`.read_skeleton`.

        Returns:
            Tensor: ``(D, )`` float32, on the CPU.
        """
        batch = self.inputs_of(annotation)
        features = self.model.extract_feat(batch['inputs'])
        return features[self.model.modality][0].float().cpu()

    def draw(
        self, answer: Answer, path: Union[str, Path], **view: Any
    ) -> None:
        """Draw a sequence and the answers.

        Args:
            answer (Answer): Of this inferencer.
            path (str or Path): The picture: ``.png``, frames side by side,
                or ``.gif``, in motion.
            **view (Any): ``up``, ``azimuth`` (see :func:`.project`).

        Raises:
            UsageError: The file has another suffix.
        """
        path = Path(path)
        if path.suffix not in ('.png', '.gif'):
            raise UsageError(f'{path} must end in .png or .gif.')
        query = Clip(answer.annotation['keypoint'], 'query', answer.name)
        if self.task == 'classify':
            titles = [(row.title, row.score) for row in answer.rows]
            if path.suffix == '.png':
                figure = draw_prediction(
                    query, titles, self.layout, heading=answer.name, **view
                )
                save_picture(figure, path)
                return
            note = '\n'.join(f'{100 * s:.1f} % {t}' for t, s in titles[1:])
            best = f'{titles[0][0]}, {100 * titles[0][1]:.1f} %'
            clips = [Clip(query.keypoint, best, note)]
        else:
            clips = [query] + [
                Clip(
                    self._found(row)['keypoint'],
                    row.title,
                    f'{row.score:.4f}\n{row.sample_id}',
                )
                for row in answer.rows
            ]
        heading = (
            answer.name
            if self.task == 'classify'
            else f'Nearest of the {self.search} split, by cosine'
        )
        if path.suffix == '.gif':
            save_animation(clips, self.layout, path, heading=heading, **view)
        else:
            figure = draw_strips(clips, self.layout, heading=heading, **view)
            save_picture(figure, path)

    def _classify(self, annotation: Dict[str, Any], topk: int) -> List[Row]:
        scores = self.scores(annotation)
        best = scores.topk(min(topk, len(scores)))
        names = self._names(range(len(scores)))
        return [
            Row(names[label], score, label)
            for score, label in zip(
                best.values.tolist(), best.indices.tolist()
            )
        ]

    def _retrieve(self, annotation: Dict[str, Any], topk: int) -> List[Row]:
        if self._bank is None:
            with self._scope():
                self._search_set = SearchSet(self.cfg, self.search)
            self._bank = self._search_set.bank(self.model)
        modality = self.model.modality
        # A name that no sample of the search set has: it may be one of them.
        query = FeatureBank(
            ['\n'], {modality: self.feature(annotation)[None]}, None
        )
        found = retrieve(self._bank, '\n', topk, modality, query)
        labels = (
            [None] * len(found.ids)
            if found.labels is None
            else found.labels.tolist()
        )
        names = self._names(label for label in labels if label is not None)
        return [
            Row(names.get(label, ''), score, label, name)
            for name, score, label in zip(
                found.ids, found.similarities.tolist(), labels
            )
        ]

    def _found(self, row: Row) -> Dict[str, Any]:
        """A similar sequence, as recorded."""
        assert self._search_set is not None and row.sample_id is not None
        return self._search_set.annotation(row.sample_id)

    def _names(self, labels: Any) -> Dict[int, str]:
        if self.class_names is None or isinstance(self.class_names, str):
            return read_names(self.class_names, labels)
        labels = list(labels)
        if max(labels, default=-1) >= len(self.class_names):
            raise UsageError(
                f'class_names has {len(self.class_names)} names, but there '
                f'is a class {max(labels)}.'
            )
        return {label: self.class_names[label] for label in labels}

    def _checked(self, annotation: Dict[str, Any]) -> Dict[str, Any]:
        """Refuse what the pipeline would take and get wrong."""
        joints = annotation['keypoint'].shape[2]
        expected = skeleton_of(self.layout).num_joints
        kinds = [step.get('type') for step in self._steps]
        if joints != expected and 'MapJoints' not in kinds:
            raise UsageError(
                f'{annotation["frame_dir"]} has {joints} joints, but '
                f'{self.path} was trained on skeletons of {expected}.'
            )
        channels = annotation['keypoint'].shape[3]
        if channels not in (2, 3):
            raise UsageError(
                f'{annotation["frame_dir"]} has {channels} channels; if the '
                'last one is a confidence, say so: scores=True, or --scores.'
            )
        if 'PreNormalize2D' in kinds and 'img_shape' not in annotation:
            raise UsageError(
                '2D keypoints are in pixels: say of which image, '
                'img_shape=(height, width).'
            )
        return annotation

    def _scope(self) -> Any:
        return DefaultScope.overwrite_default_scope(
            self.cfg.get('default_scope', 'mmaction')
        )
