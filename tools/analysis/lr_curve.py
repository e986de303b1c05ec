r"""Draw the learning rate of a config over its training.

The schedulers are those that the run would build, stepped as it steps them,
on a parameter of no meaning; no data are needed. A restart at a label refresh
(RankLabelHook's `restart_lr`) depends on the run and is not in it.

  python tools/analysis/lr_curve.py configs/finetune/sttformer_ntu60_xsub.py \
      --out lr.png --iters-per-epoch 627
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Sequence

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.engine.loops import number_of_epochs
from deeprank_mm.utils.options import add_config_arguments, read_config
from deeprank_mm.utils.usage import UsageError


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--out', required=True, metavar='FILE', help='picture to write (.png)'
    )
    parser.add_argument(
        '--iters-per-epoch',
        type=int,
        default=100,
        help='samples divided by the total batch (default: 100)',
    )
    return parser


def curve(cfg: Config, iters: int) -> list[float]:
    """The learning rate of every iteration.

    Args:
        cfg: The config.
        iters: Iterations an epoch.

    Returns:
        ``epochs x iters`` numbers.

    Raises:
        UsageError: The config trains nothing, or not by epochs.
    """
    if iters < 1:
        raise UsageError(f'--iters-per-epoch must be 1 or more, got {iters}.')
    loop = cfg.get('train_cfg') or {}
    epochs = loop.get('max_epochs')
    if epochs is None and 'steps' in loop:
        epochs = number_of_epochs(
            iters, loop['steps'], loop.get('min_epochs', 1)
        )
    if not epochs or not cfg.get('optim_wrapper'):
        raise UsageError(
            'the config has no train_cfg.max_epochs or .steps, or no '
            'optim_wrapper.'
        )
    optimizer_cfg = copy.deepcopy(cfg.optim_wrapper.optimizer.to_dict())
    optimizer_cfg['params'] = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = OPTIMIZERS.build(optimizer_cfg)
    schedulers = cfg.get('param_scheduler') or []
    if isinstance(schedulers, dict):
        schedulers = [schedulers]
    built = [
        PARAM_SCHEDULERS.build(
            # as the runner does: those without an end last to the end
            dict(
                end=epochs * (1 if scheduler.get('by_epoch', True) else iters)
            )
            | copy.deepcopy(dict(scheduler)),
            default_args=dict(optimizer=optimizer, epoch_length=iters),
        )
        for scheduler in schedulers
    ]
    rates = []
    for _ in range(epochs):
        for _ in range(iters):
            rates.append(optimizer.param_groups[0]['lr'])
            optimizer.step()
            for scheduler in built:
                if not scheduler.by_epoch:
                    scheduler.step()
        for scheduler in built:
            if scheduler.by_epoch:
                scheduler.step()
    return rates


def draw(rates: Sequence[float], iters: int, title: str) -> Figure:
    """The curve over epochs.

    Args:
        rates: From :func:`curve`.
        iters: Iterations an epoch.
        title: What stands above.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(6, 3), dpi=130, layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    epochs = [i / iters for i in range(len(rates))]
    axes.plot(epochs, rates, color='#0072b2', drawstyle='steps-post')
    axes.set_xlabel('epoch')
    axes.set_ylabel('learning rate')
    axes.set_ylim(bottom=0)
    axes.grid(color='#eeeeee')
    axes.spines[['top', 'right']].set_visible(False)
    axes.set_title(title, fontsize=9, loc='left')
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        cfg = read_config(args.config, args.cfg_options)
        rates = curve(cfg, args.iters_per_epoch)
    except UsageError as error:
        command.error(str(error))
    out = Path(args.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    draw(rates, args.iters_per_epoch, args.config).savefig(out, format='png')
    epochs = len(rates) // args.iters_per_epoch
    print(
        f'{epochs} epochs: from {rates[0]:g} over at most {max(rates):g} to '
        f'{rates[-1]:g}; drew it to {out}'
    )


if __name__ == '__main__':
    main()
