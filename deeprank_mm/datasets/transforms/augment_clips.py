"""Several random clips of one sample."""

import copy
from typing import Callable, Dict, List, Optional, Union

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from deeprank_mm.arguments import check_arguments


@TRANSFORMS.register_module()
class AugmentClips(BaseTransform):
    """Pass a sample through random steps more than once.

    Each pass draws its own numbers. The clips are joined over time, where
    MMAction2's ``FormatGCNInput`` takes them apart by ``num_clips``: the
    input gets the shape ``(num_clips, M, T, V, C)``. What differences frames
    (:class:`GenerateModalities`) belongs into the steps, or it would take
    two clips for one.

    Required Keys:

    - keypoint (np.ndarray): Shape ``(M, T, V, C)``.
    - keypoint_score (np.ndarray, optional): Shape ``(M, T, V)``.

    Modified Keys:

    - keypoint (np.ndarray): Shape ``(M, num_clips * T', V, C')``.
    - keypoint_score (np.ndarray, optional): Likewise, if it is still there.
    - total_frames (int): ``num_clips * T'``.

    Added Keys:

    - num_clips (int)

    Args:
        transforms (list[dict | callable]): The steps.
        num_clips (int): How many clips. Defaults to 2.

    Raises:
        ValueError: If there is no clip to make.
    """

    @check_arguments
    def __init__(
        self, transforms: List[Union[dict, Callable]], num_clips: int = 2
    ) -> None:
        if num_clips < 1:
            raise ValueError(
                f'AugmentClips: num_clips must be 1 or more, got {num_clips}'
            )
        self.transforms = Compose(transforms)
        self.num_clips = num_clips

    def transform(self, results: Dict) -> Optional[Dict]:
        """Make the clips.

        Args:
            results (dict): The sample.

        Returns:
            dict, optional: The sample, with new arrays; None if a step
            returned None.

        Raises:
            ValueError: If the steps make clips of different lengths.
        """
        clips = []
        for _ in range(self.num_clips):
            # a copy: a step may change arrays in place
            clips.append(self.transforms(copy.deepcopy(results)))
            if clips[-1] is None:
                return None
        shapes = {clip['keypoint'].shape for clip in clips}
        if len(shapes) > 1:
            raise ValueError(
                'AugmentClips: the clips of a sample differ in shape, '
                f'{sorted(shapes)}; bring them to one length, as '
                'TemporalCropResize does'
            )
        results = clips[-1]
        for key in ('keypoint', 'keypoint_score'):
            if key in results:
                results[key] = np.concatenate(
                    [clip[key] for clip in clips], axis=1
                )
        results['num_clips'] = self.num_clips
        results['total_frames'] = results['keypoint'].shape[1]
        return results

    def __repr__(self) -> str:
        steps = ', '.join(map(repr, self.transforms.transforms))
        return (
            f'{type(self).__name__}(num_clips={self.num_clips}, '
            f'transforms=[{steps}])'
        )
