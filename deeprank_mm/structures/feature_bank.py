"""Features of a whole data set, addressed by sample."""

from __future__ import annotations

import hashlib
import io
import os.path as osp
import pickle
from typing import Dict, List, Mapping, Optional, Sequence

import torch
from torch import Tensor

from deeprank_mm.atomic import atomic_write


def check_finite(ids: Sequence[str], name: str, features: Tensor) -> None:
    """Refuse features that would give a number and no sense.

    Args:
        ids (Sequence[str]): ``N`` samples.
        name (str): Their modality.
        features (Tensor): ``(N, D)``.

    Raises:
        ValueError: If one is NaN or infinite; the message names samples.
    """
    finite = features.isfinite().all(dim=1)
    if not finite.all():
        bad = [ids[i] for i in (~finite).nonzero()[:, 0]]
        raise ValueError(
            f'The {name} features of {len(bad)} sample(s) are not finite, '
            f'such as {", ".join(bad[:5])}: look at these samples, or lower '
            'the learning rate if it is all of them.'
        )


class FeatureBank:
    """Frozen features, one row a sample, for each modality.

    The bank of a cycle is what its ranking labels come from: the label of a
    triplet compares distances between rows. It lives beside the model, not
    in it and not in the data set: a buffer would be averaged, broadcast and
    saved by hooks that know nothing of it, and data set workers would go on
    using an old copy.

    Rows are kept in the order of their ids, so that the same features give
    the same bank, however many processes extracted them.

    Args:
        ids (Sequence[str]): The ``N`` samples, distinct.
        features (Mapping[str, Tensor]): For each modality ``(N, D)`` float32.
        labels (Sequence[int], optional): Ground-truth classes, only ever
            used to evaluate. Defaults to None.
        clusters (Mapping[str, Tensor], optional): For each modality
            ``(N, )`` int64, the pseudo classes of DeepCluster. They are kept
            and not made again, because k-means on another number of threads
            may round otherwise. Defaults to None.

    Raises:
        ValueError: If there is no sample, an id occurs twice, the sizes
            differ, or a feature is not finite.
    """

    def __init__(
        self,
        ids: Sequence[str],
        features: Mapping[str, Tensor],
        labels: Optional[Sequence[int]] = None,
        clusters: Optional[Mapping[str, Tensor]] = None,
    ) -> None:
        order = sorted(range(len(ids)), key=ids.__getitem__)
        self.ids: List[str] = [ids[i] for i in order]
        self.check_ids(self.ids)
        self.features: Dict[str, Tensor] = {}
        for name, value in features.items():
            if len(value) != len(ids):
                raise ValueError(
                    f'Modality {name!r} has {len(value)} rows for '
                    f'{len(ids)} samples.'
                )
            value = value[order].float().cpu().contiguous()
            check_finite(self.ids, name, value)
            self.features[name] = value
        self.labels = (
            None
            if labels is None
            else torch.tensor([labels[i] for i in order], dtype=torch.long)
        )
        self.clusters: Optional[Dict[str, Tensor]] = None
        if clusters is not None:
            self.clusters = {}
            for name, value in clusters.items():
                if tuple(value.shape) != (len(ids),):
                    raise ValueError(
                        f'Modality {name!r} has clusters of the shape '
                        f'{tuple(value.shape)} for {len(ids)} samples.'
                    )
                self.clusters[name] = value[order].long().cpu().contiguous()
        self._row = {name: i for i, name in enumerate(self.ids)}

    @staticmethod
    def check_ids(ids: Sequence[str]) -> None:
        """Refuse samples that a bank cannot address.

        Args:
            ids (Sequence[str]): The samples, sorted.

        Raises:
            ValueError: If there is none, or an id occurs twice.
        """
        if not len(ids):
            raise ValueError('A feature bank needs at least one sample.')
        for one, two in zip(ids, ids[1:]):
            if one == two:
                raise ValueError(
                    f'Two samples of the data set have the id {one!r}: rows '
                    'of a feature bank are addressed by id, so make the ids '
                    'unique (frame_dir in the annotation file).'
                )

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        widths = {name: v.shape[1] for name, v in self.features.items()}
        return (
            f'{type(self).__name__}(samples={len(self)}, widths={widths}'
            f', fingerprint={self.fingerprint[:8]})'
        )

    @property
    def modalities(self) -> List[str]:
        """list[str]: Names of the modalities."""
        return list(self.features)

    @property
    def fingerprint(self) -> str:
        """str: SHA-256 of the ids: equal for the same set of samples."""
        digest = hashlib.sha256()
        for name in self.ids:
            digest.update(name.encode() + b'\0')
        return digest.hexdigest()

    @property
    def digest(self) -> str:
        """str: SHA-256 of what labels are made of: ids, features, clusters."""
        digest = hashlib.sha256(self.fingerprint.encode())
        for name in sorted(self.features):
            digest.update(name.encode() + b'\0')
            digest.update(self.features[name].numpy().tobytes())
        clusters = self.clusters or {}
        for name in sorted(clusters):
            digest.update(name.encode() + b'\0')
            digest.update(clusters[name].numpy().tobytes())
        return digest.hexdigest()

    def with_clusters(self, clusters: Mapping[str, Tensor]) -> FeatureBank:
        """The same samples and features, with pseudo classes.

        Args:
            clusters (Mapping[str, Tensor]): For each modality ``(N, )``
                int64, in the order of :attr:`ids`.

        Returns:
            FeatureBank: A new bank.

        Raises:
            ValueError: If there are more or fewer of them than samples.
        """
        labels = None if self.labels is None else self.labels.tolist()
        return type(self)(self.ids, self.features, labels, clusters)

    def rows(self, ids: Sequence[str]) -> Tensor:
        """Row numbers of samples.

        Args:
            ids (Sequence[str]): ``B`` sample ids.

        Returns:
            Tensor: ``(B, )`` int64.

        Raises:
            KeyError: If a sample is not in the bank.
        """
        try:
            return torch.tensor([self._row[i] for i in ids], dtype=torch.long)
        except KeyError as error:
            raise KeyError(
                f'Sample {error.args[0]!r} has no row in the feature bank of '
                f'{len(self)} samples (first: {self.ids[0]!r}): the bank was '
                'extracted from another data set or split.'
            ) from None

    def lookup(self, rows: Tensor) -> Dict[str, Tensor]:
        """Features of some rows.

        Args:
            rows (Tensor): ``(B, )`` int64, from :meth:`rows`.

        Returns:
            dict[str, Tensor]: For each modality ``(B, D)`` float32 on CPU.
        """
        return {
            name: value[rows].float() for name, value in self.features.items()
        }

    def shared(self, other: FeatureBank) -> List[str]:
        """Samples that are in both banks, by the same encoder.

        Not by their ids alone, for two annotation files may number their
        samples alike: their features are the same, too, but for rounding.

        Args:
            other (FeatureBank): With one of the modalities of this one.

        Returns:
            list[str]: Their ids.
        """
        ids = [name for name in other.ids if name in self._row]
        if not ids:
            return []
        mine, theirs = (bank.lookup(bank.rows(ids)) for bank in (self, other))
        same = torch.ones(len(ids), dtype=torch.bool)
        for name in mine.keys() & theirs.keys():
            one, two = mine[name], theirs[name]
            if one.shape != two.shape:
                return []
            far = (one - two).abs().amax(1) > 1e-4 * one.abs().amax(1)
            same &= ~far
        return [name for name, equal in zip(ids, same.tolist()) if equal]

    def save(self, path: str) -> None:
        """Write the bank so that a reader never sees half a file.

        Args:
            path (str): File to write; its folder is made if need be.

        Raises:
            OSError: If it cannot be written; the error names it.
        """
        # not straight into the file: torch would hide the error of the disk
        content = dict(
            ids=self.ids, features=self.features, labels=self.labels
        )
        if self.clusters is not None:
            content['clusters'] = self.clusters
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with atomic_write(path) as file:
            file.write(buffer.getbuffer())

    @classmethod
    def load(cls, path: str) -> FeatureBank:
        """Read a bank written by :meth:`save`.

        Args:
            path (str): The file.

        Returns:
            FeatureBank: The bank.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is damaged.
        """
        if not osp.isfile(path):
            raise FileNotFoundError(
                f'The feature bank {path} is missing: without it a resumed '
                'run would train on other labels. Put the file back, or '
                'start anew without --resume.'
            )
        try:
            content = torch.load(path, map_location='cpu', weights_only=True)
            labels = content['labels']
            return cls(
                content['ids'],
                content['features'],
                None if labels is None else labels.tolist(),
                content.get('clusters'),
            )
        except (
            EOFError,
            KeyError,
            RuntimeError,
            TypeError,
            pickle.UnpicklingError,
        ) as error:
            raise ValueError(
                f'The feature bank {path} cannot be read, it is damaged or '
                'no feature bank: put the right file back, or start anew '
                'without --resume.'
            ) from error
