r"""Multiplications and parameters of a config's model.

Counted by mmengine on one sample as the test pipeline makes it (all of its
clips and persons); what it does not count, such as element-wise operations,
is not in the sum. Of a pretraining: its encoders, without the heads.

  python tools/analysis/get_flops.py configs/deeprank/stgcn_ntu60_xsub.py
  python tools/analysis/get_flops.py configs/finetune/stgcn_nwucla_xview.py \
      --table --cfg-options model.backbone.base_channels=32
"""

from __future__ import annotations

import argparse
from typing import Sequence

import torch.nn as nn
from mmaction.registry import MODELS
from mmengine.analysis import get_model_complexity_info
from mmengine.registry import init_default_scope
from torch import Tensor

import deeprank_mm  # noqa: F401  (registers the components)
from deeprank_mm.apis.example import example_inputs
from deeprank_mm.models import ModalityEncoders
from deeprank_mm.utils.options import add_config_arguments, read_config
from deeprank_mm.utils.usage import UsageError


class Inference(nn.Module):
    """What the test runs, from a tensor to a tensor.

    Args:
        model: A pretraining model or a recogniser.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.pretraining = isinstance(model, ModalityEncoders)
        self.backbone = model.encoders if self.pretraining else model
        self._model = [model]  # not a module a second time

    def forward(self, inputs: Tensor) -> list:
        """Features or class scores of skeletons."""
        (model,) = self._model
        if self.pretraining:
            return list(model.extract_feat(inputs).values())
        return model(inputs, mode='tensor', stage='head')


def parser() -> argparse.ArgumentParser:
    """The command line of this tool."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_arguments(parser)
    parser.add_argument(
        '--table', action='store_true', help='also of every part'
    )
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool."""
    command = parser()
    args = command.parse_args(argv)
    try:
        cfg = read_config(args.config, args.cfg_options)
        init_default_scope(cfg.get('default_scope', 'mmaction'))
        inputs = example_inputs(cfg)
    except (UsageError, ValueError) as error:
        command.error(str(error))
    model = Inference(MODELS.build(cfg.model)).eval()
    found = get_model_complexity_info(
        model, inputs=(inputs,), show_table=args.table, show_arch=False
    )
    if args.table:
        print(found['out_table'])
    print(f'input       {tuple(inputs.shape)}')
    print(f'flops       {found["flops_str"]} (multiply-adds)')
    print(f'parameters  {found["params_str"]}')


if __name__ == '__main__':
    main()
