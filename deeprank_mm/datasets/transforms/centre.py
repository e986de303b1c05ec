"""Move a clip so that a joint of its first person starts at the origin."""

from typing import Dict

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from deeprank_mm.arguments import check_arguments

from .keypoint import split_score, take_keypoint


@TRANSFORMS.register_module()
class CentreSkeleton(BaseTransform):
    """Put the start of one joint at the origin.

    The joint's position, of the first person in the first frame that shows
    it, is subtracted from all joints of all persons and frames: movement
    through the room and the distance between two persons stay. This is the
    translation of the STTFormer family's preprocessing; where that takes the
    first frame with any joint, this one waits for ``joint`` itself to be
    tracked.

    A joint whose coordinates are all exactly zero is missing, and stays zero.
    If the first person never shows the joint the next one is asked; if nobody
    does, nothing changes.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``, C = 2 or 3 and perhaps a
      score.

    Modified Keys:

    - keypoint (np.ndarray): Same shape and unit, float32.

    Args:
        joint (int): The joint, for example 1 (middle of the spine) in NTU
            RGB+D.
        score_channel (bool): Whether the last channel is a score, which is
            left alone. Defaults to False.

    Raises:
        ValueError: If ``joint`` is negative.
    """

    @check_arguments
    def __init__(self, joint: int, score_channel: bool = False) -> None:
        if joint < 0:
            raise ValueError(
                f'CentreSkeleton: joint must be 0 or more, but got {joint}'
            )
        self.joint = joint
        self.score_channel = score_channel

    def transform(self, results: Dict) -> Dict:
        """Centre the clip.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample, with a new ``keypoint``.

        Raises:
            KeyError: If there is no ``keypoint``.
            ValueError: If its shape is not as required or it has no such
                joint.
        """
        keypoint = take_keypoint(results, self)
        xyz, rest = split_score(keypoint, self.score_channel, results, self)
        if self.joint >= keypoint.shape[2]:
            raise ValueError(
                f'CentreSkeleton: there is no joint {self.joint}, the '
                f'skeletons have {keypoint.shape[2]}; set `joint` to one of '
                'them'
            )
        # One comparison, and no any(-1): both are slow over so short an axis.
        present = xyz != 0
        tracked = present[..., 0] | present[..., 1]
        if xyz.shape[-1] == 3:
            tracked |= present[..., 2]
        # Row-major order: persons first, then frames.
        shown = np.flatnonzero(tracked[:, :, self.joint])
        if len(shown):
            person, frame = divmod(int(shown[0]), keypoint.shape[1])
            origin = xyz[person, frame, self.joint]
            moved = xyz - origin
            if not tracked.all():
                moved *= tracked[..., None]
        else:
            moved = xyz.copy()  # the data set keeps its own array
        if rest.shape[-1]:
            moved = np.concatenate([moved, rest], axis=-1)
        results['keypoint'] = moved
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(joint={self.joint}, '
            f'score_channel={self.score_channel})'
        )
