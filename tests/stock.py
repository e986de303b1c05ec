"""MMAction2 as its users have it, without this package.

The published 1.2.0 lacks two modules (docs/compat.md), and its users patch it
somehow. These are the least stand-ins, and none of them is ours.
"""

import importlib.metadata
import json
import sys
import types
from pathlib import Path

import numpy as np
import torch

# Of each sort of model and layout one that is also run.
RUN = [
    f'{folder}/{kind}_8xb16-joint-u100-80e_ntu60-xsub-keypoint-{dims}d'
    for folder, kind in (
        ('stgcn', 'stgcn'),
        ('stgcnpp', 'stgcnpp'),
        ('2s-agcn', '2s-agcn'),
    )
    for dims in (2, 3)
]


def stand_in():
    """Let ``import mmaction.models`` pass; call it in a fresh process."""
    try:
        import importlib_metadata  # noqa: F401
    except ImportError:
        sys.modules['importlib_metadata'] = importlib.metadata
    import mmaction

    localizers = Path(mmaction.__file__).parent / 'models' / 'localizers'
    if not (localizers / 'drn' / 'drn.py').exists():
        name = 'mmaction.models.localizers.drn'
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name + '.drn'] = types.ModuleType(name + '.drn')
        sys.modules[name + '.drn'].DRN = type('DRN', (), {})


def mim_folder():
    """Configs and tools inside of the installed MMAction2."""
    import mmaction

    return Path(mmaction.__file__).parent / '.mim'


def watch(out):
    """Write registries, config results and tensors of this process.

    Args:
        out (str): Folder to write to.
    """
    import mmaction.registry
    import mmengine.registry
    from mmaction.utils import register_all_modules
    from mmengine.config import Config

    register_all_modules()
    registries = {}
    for module in (mmengine.registry, mmaction.registry):
        for title, registry in vars(module).items():
            if isinstance(registry, mmengine.registry.Registry):
                registries[f'{module.__name__}.{title}'] = {
                    name: f'{cls.__module__}.{cls.__qualname__}'
                    for name, cls in registry.module_dict.items()
                }
    tensors, shapes = {}, {}
    folder = mim_folder() / 'configs' / 'skeleton'
    for path in sorted(folder.glob('*/*.py')):
        name = path.relative_to(folder).with_suffix('').as_posix()
        cfg = Config.fromfile(path)
        model, pipelines = build_all(cfg, name in RUN)
        shapes[name] = [
            str(model),
            *map(str, pipelines),
            {k: list(v.shape) for k, v in model.state_dict().items()},
        ]
        if name in RUN:
            tensors[name] = run_all(model, pipelines)
    torch.save(tensors, f'{out}/tensors.pth')
    with open(f'{out}/seen.json', 'w') as file:
        json.dump(dict(registries=registries, shapes=shapes), file)


def build_all(cfg, weights):
    """The two pipelines of a config and its model, perhaps without weights."""
    from mmaction.registry import MODELS
    from mmengine.dataset import Compose

    torch.manual_seed(0)
    model = cfg.model
    model.backbone.pop('pretrained', None)  # downloads
    pipelines = []
    for part in ('train', 'val'):
        loader = cfg[f'{part}_dataloader']
        # one published config ends its loader with a comma
        loader = loader[0] if isinstance(loader, tuple) else loader
        dataset = loader.dataset
        dataset = dataset.get('dataset', dataset)
        pipelines.append(Compose(dataset.pipeline))
    with torch.device('cpu' if weights else 'meta'):
        return MODELS.build(model), pipelines


def run_all(model, pipelines):
    """Inputs, losses, gradients and predictions on one made-up clip."""
    from mmengine.dataset import pseudo_collate

    torch.manual_seed(0)
    np.random.seed(0)
    model.init_weights()
    joints = 25 if 'PreNormalize3D' in str(pipelines[0]) else 17
    rng = np.random.default_rng(0)
    clip = dict(
        frame_dir='clip',
        label=1,
        img_shape=(1080, 1920),
        original_shape=(1080, 1920),
        total_frames=60,
        start_index=0,
        modality='Pose',
        keypoint=rng.normal(
            500, 100, (2, 60, joints, 2 if joints == 17 else 3)
        ).astype('float32'),
    )
    if joints == 17:
        clip['keypoint_score'] = rng.uniform(size=(2, 60, 17)).astype(
            'float32'
        )
    inputs = [
        pipeline(
            {k: getattr(v, 'copy', lambda v=v: v)() for k, v in clip.items()}
        )
        for pipeline in pipelines
    ]
    found = {f'inputs {i}': s['inputs'] for i, s in enumerate(inputs)}
    data = model.data_preprocessor(pseudo_collate(inputs[:1]), True)
    losses = model(**data, mode='loss')
    found['loss'] = losses['loss_cls'].detach()
    losses['loss_cls'].backward()
    for name, parameter in model.named_parameters():
        found[f'gradient {name}'] = parameter.grad
    model.eval()
    data = model.data_preprocessor(pseudo_collate(inputs[1:]), False)
    with torch.no_grad():
        (sample,) = model(**data, mode='predict')
    found['scores'] = getattr(sample, 'pred_score', None)
    if found['scores'] is None:  # MMAction2 1.1
        found['scores'] = sample.pred_scores.item
    return found
