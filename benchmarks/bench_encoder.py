"""A training step of the encoders: ours beside stock and the plain formulas.

Forward and backward of ST-GCN and STTFormer in float32 and under bfloat16
autocast, all on the same clips with the same weights, taking turns; and how
far the outputs are apart. ST-GCN is compared with MMAction2's, STTFormer
with the form that follows its formulas in the layout (N, C, T, V).

  python benchmarks/bench_encoder.py --json work_dirs/bench/encoder.json
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Callable, Dict, NamedTuple, Optional, Sequence

import torch
from hot_spots import hot_operators
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from report import Report, parser
from steps import CONFIGS, SIZES
from timing import Spread, quotients, spread, take_turns
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deeprank_mm.models import STTFormer, convert_sttformer  # noqa: E402
from deeprank_mm.models.backbones.sttformer import PAPER_CONFIG  # noqa: E402
from tests.models.sttformer_reference import Reference  # noqa: E402

# Registered classes with ST-GCN's arguments and tensors. The first is the
# reference; a target judges the last.
STGCN_CLASSES = ['STGCN', 'FastSTGCN']
SPEED_UP = dict(float32=1.3, bfloat16=1.8)
DIFFERENCE = 1e-5


class Contest(NamedTuple):
    """Networks with the same weights on the same clips.

    Attributes:
        clips: What they see, in words.
        forwards: By name; the first is the reference.
    """

    clips: str
    forwards: Dict[str, Callable[[], Tensor]]


def stgcn(name: str, args) -> Contest:
    """MMAction2's ST-GCN, and registered classes that replace it."""
    size = SIZES[name]._replace(batch=getattr(args, f'{name}_batch'))
    config = Config.fromfile(CONFIGS / 'deeprank' / f'{size.config}.py')
    torch.manual_seed(0)
    clips = torch.randn(
        size.batch,
        size.persons,
        size.frames,
        size.joints,
        3,
        device=args.device,
    )
    modules: Dict[str, nn.Module] = {}
    for kind in dict.fromkeys([*STGCN_CLASSES, *args.stgcn]):
        with DefaultScope.overwrite_default_scope('mmaction'):
            module = MODELS.build(dict(config.model.encoder, type=kind))
        if modules:
            module.load_state_dict(modules[STGCN_CLASSES[0]].state_dict())
        modules[kind] = module.to(args.device)
    return Contest(
        f'{name} ST-GCN, {size}',
        {
            kind: lambda module=module: module(clips)
            for kind, module in modules.items()
        },
    )


def sttformer(frames: int, args) -> Contest:
    """The paper's STTFormer, and its straightforward form."""
    torch.manual_seed(0)
    literal = Reference(PAPER_CONFIG, num_frames=frames)
    ours = STTFormer(num_frames=frames)
    weights = convert_sttformer(literal.state_dict())
    prefix = 'backbone.'
    ours.load_state_dict(
        {
            key[len(prefix) :]: value
            for key, value in weights.items()
            if key.startswith(prefix)
        }
    )
    literal, ours = literal.to(args.device), ours.to(args.device)
    batch = args.sttformer_batch
    clips = torch.randn(batch, 1, frames, 25, 3, device=args.device)
    official = clips.permute(0, 4, 2, 3, 1).contiguous()
    return Contest(
        f'STTFormer, {batch} clips of 1 person(s), {frames} frames, 25 joints',
        {
            'plain formulas': lambda: literal.features(official),
            'STTFormer': lambda: ours(clips).flatten(0, 1),
        },
    )


def precise(precision: str, device: str):
    """Autocast, or nothing for float32."""
    if precision == 'float32':
        return nullcontext()
    return torch.autocast(torch.device(device).type, torch.bfloat16)


def compare(
    report: Report, contest: Contest, args, judge: bool = False
) -> None:
    """Rows of a contest, and the targets of its last network.

    All in training mode: without statistics of its own, BatchNorm lets an
    untrained network's features grow until rounding decides them.
    """
    first = next(iter(contest.forwards))
    runs = [(n, p) for p in SPEED_UP for n in contest.forwards]

    def forward(name: str, precision: str) -> Tensor:
        with precise(precision, args.device):
            return contest.forwards[name]()

    def step(name: str, precision: str) -> None:
        forward(name, precision).float().square().mean().backward()

    with torch.no_grad():
        outputs = {run: forward(*run).float() for run in runs}
    expected = outputs[first, 'float32']
    differences = {
        run: ((out - expected).abs().max() / expected.abs().max()).item()
        for run, out in outputs.items()
    }
    turns = take_turns(
        [lambda run=run: step(*run) for run in runs],
        args.repeats,
        args.device,
        args.seconds,
    )
    times = dict(zip(runs, zip(*turns)))
    judged: Dict[tuple, Spread] = {}
    for name, precision in runs:
        own = times[name, precision]
        for other in ('float32', precision):
            judged[name, precision, other] = quotients(
                times[first, other], own
            )
        report.row(
            contest.clips,
            **{
                'network': name,
                'precision': precision,
                'turns': len(turns),
                'ms': spread(own, 1e3),
                f'{first} float32 / this': judged[name, precision, 'float32'],
                'same precision': judged[name, precision, precision],
                'outputs differ by': differences[name, precision],
            },
        )
    last = list(contest.forwards)[-1]
    if judge and last != first:
        judge_stgcn(
            report,
            last,
            judged,
            differences[last, 'float32'],
            {
                p: lambda p=p: hot_operators(
                    lambda: step(last, p), args.device
                )
                for p in SPEED_UP
            },
        )


def judge_stgcn(
    report: Report,
    name: str,
    judged: Dict[tuple, Spread],
    difference: float,
    profiles: Dict[str, Callable[[], list]],
) -> None:
    """The targets of a faster ST-GCN."""
    for precision, limit in SPEED_UP.items():
        # stock trains in float32 on a CPU, yet may be run under autocast
        for other in dict.fromkeys(('float32', precision)):
            report.target(
                f"{name} in {precision}, against stock's {other}",
                judged[name, precision, other],
                limit,
                '×',
                at_least=True,
                profile=profiles[precision],
            )
    report.target(
        f"{name}'s outputs in float32 beside stock's, relative",
        difference,
        DIFFERENCE,
    )


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run the comparison."""
    options = parser(__doc__, repeats=7, seconds=25)
    options.add_argument(
        '--stgcn',
        nargs='+',
        default=[],
        metavar='CLASS',
        help='further registered classes, the last of which is judged',
    )
    options.add_argument(
        '--size', nargs='*', choices=SIZES, default=list(SIZES)
    )
    options.add_argument('--small-batch', type=int, default=64)
    options.add_argument('--paper-batch', type=int, default=4)
    options.add_argument(
        '--sttformer-frames', type=int, nargs='*', default=[120]
    )
    options.add_argument('--sttformer-batch', type=int, default=2)
    args = options.parse_args(argv)
    report = Report(
        __file__,
        'The encoders',
        'Forward and backward in training mode, the same weights on the same '
        'clips. Ratios say how many times longer the first network of a table '
        'takes, in float32 and in the same precision; outputs are compared '
        'with its in float32, relative to the largest.',
        args,
        argv,
    )
    for name in args.size:
        compare(report, stgcn(name, args), args, judge=name == 'paper')
    for frames in args.sttformer_frames:
        compare(report, sttformer(frames, args), args)
    report.write()


if __name__ == '__main__':
    main()
