from .bodies import as_recorded, find_layout, steps_of
from .class_distances import draw_class_distances
from .confusion import draw_confusion
from .disagreement import draw_disagreement
from .gains import draw_gains
from .label_precision import draw_precision
from .skeleton import UPWARD, Clip, draw_strips, save_animation, save_picture
from .training_curves import draw_training_curves
from .tsne import draw_tsne

__all__ = [
    'UPWARD',
    'Clip',
    'as_recorded',
    'draw_class_distances',
    'draw_confusion',
    'draw_disagreement',
    'draw_gains',
    'draw_precision',
    'draw_strips',
    'draw_training_curves',
    'draw_tsne',
    'find_layout',
    'save_animation',
    'save_picture',
    'steps_of',
]
