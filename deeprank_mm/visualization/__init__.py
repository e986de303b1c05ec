from .bodies import as_recorded, find_layout, steps_of
from .confusion import draw_confusion
from .disagreement import draw_disagreement
from .skeleton import UPWARD, Clip, draw_strips, save_animation, save_picture

__all__ = [
    'UPWARD',
    'Clip',
    'as_recorded',
    'draw_confusion',
    'draw_disagreement',
    'draw_strips',
    'find_layout',
    'save_animation',
    'save_picture',
    'steps_of',
]
