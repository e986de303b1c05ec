from .backbones import *  # noqa: F401,F403
from .clusterers import *  # noqa: F401,F403
from .contrastive import *  # noqa: F401,F403
from .heads import *  # noqa: F401,F403
from .modality_encoders import ModalityEncoders, SharedEncoder  # noqa: F401
from .rankers import *  # noqa: F401,F403
from .recognizers import *  # noqa: F401,F403
