"""Operations on skeletons whose frames come first in memory.

``(T, R, C)``: ``T`` frames, ``R`` rows (the joints of all persons of the
batch) and ``C`` channels. Convolutions over time, BatchNorm and ReLU then are
matrix products and plain loops over contiguous memory.
"""

from .frame_norm import frame_norm
from .temporal_convolution import temporal_convolution

__all__ = ['frame_norm', 'temporal_convolution']
