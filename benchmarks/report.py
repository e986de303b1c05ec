"""What a benchmark says: tables and targets, printed and as JSON.

`tools/dev/performance_page.py` makes docs/performance.md of the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

import torch
from figures import show
from timing import Spread

import deeprank_mm

PACKAGES = ('torch', 'mmengine', 'mmaction2', 'numpy', 'scikit-learn')


def parser(
    description: str, repeats: int, seconds: float
) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    out = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    out.add_argument(
        '--repeats', type=int, default=repeats, help='turns at most'
    )
    out.add_argument(
        '--seconds',
        type=float,
        default=seconds,
        help='of turns for each comparison, after which none begins',
    )
    out.add_argument('--device', default='cpu', help='cpu or cuda')
    out.add_argument(
        '--json',
        help='also write the results here, and a picture beside them',
    )
    return out


def machine(device: str) -> Dict[str, Any]:
    """What the times were measured on, and how busy it was before."""
    name, flags = processor()
    gpu = None if device == 'cpu' else torch.cuda.get_device_name(device)
    bf16 = bool(flags & {'avx512_bf16', 'amx_bf16', 'bf16'})
    if gpu:
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    return dict(
        cpu=name,
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        gpu=gpu,
        # without such instructions it is slower than float32
        bfloat16=bf16 if gpu or flags else None,
        load=round(os.getloadavg()[0], 1) if os.name == 'posix' else None,
        python=platform.python_version(),
        deeprank_mm=deeprank_mm.__version__,
        **{name: version(name) for name in PACKAGES},
    )


def processor() -> Tuple[str, Set[str]]:
    """Name of the CPU, and what it can, where Linux tells it."""
    cpuinfo = Path('/proc/cpuinfo')
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    told = dict(
        (part.strip() for part in line.split(':', 1))
        for line in lines
        if ':' in line
    )
    name = platform.processor() or platform.machine()
    flags = told.get('flags') or told.get('Features') or ''
    return told.get('model name', name), set(flags.split())


class Report:
    """Tables and targets of one benchmark.

    Args:
        file: The program.
        title: What it is about.
        about: What is compared with what, and how it is measured.
        args: Its parsed options.
        argv: What they were parsed from. Defaults to the command line.
    """

    def __init__(
        self,
        file: str,
        title: str,
        about: str,
        args: argparse.Namespace,
        argv: Optional[Sequence[str]] = None,
    ) -> None:
        words = list(sys.argv[1:] if argv is None else argv)
        if '--json' in words:
            place = words.index('--json')
            del words[place : place + 2]
        self.content: Dict[str, Any] = dict(
            title=title,
            about=about,
            command=' '.join(
                ['python', f'benchmarks/{Path(file).name}', *words]
            ),
            machine=machine(args.device),
            targets=[],
            tables=[],
            picture=None,
        )
        self.path = args.json
        threads = self.content['machine']['threads']
        where = self.content['machine']['gpu'] or f'{threads} CPU threads'
        print(f'{title} ({where}): {about}', flush=True)

    def row(self, table: str, **cells: Any) -> None:
        """Add and print a row; a cell is text, a number or a spread."""
        tables: List[dict] = self.content['tables']
        if not tables or tables[-1]['caption'] != table:
            print(f'{table}:')
            tables.append(dict(caption=table, rows=[]))
        tables[-1]['rows'].append(cells)
        text = ', '.join(
            f'{key} {show(value)}'
            for key, value in cells.items()
            if value is not None
        )
        print(f'  {text}', flush=True)

    def target(
        self,
        what: str,
        measured: Union[Spread, float, None],
        limit: float,
        unit: str = '',
        at_least: bool = False,
        profile: Optional[Callable[[], List[str]]] = None,
    ) -> None:
        """Judge the median by a limit; on a miss say where the time goes.

        Args:
            what: What is judged.
            measured: The figure; None if it was not measured in this run.
            limit: Of the figure.
            unit: Of both.
            at_least: Whether more is better.
            profile: Gives the profile's top lines.
        """
        met = None
        if measured is not None:
            value = (
                measured['median'] if isinstance(measured, dict) else measured
            )
            met = value >= limit if at_least else value <= limit
        lines = profile() if met is False and profile else []
        self.content['targets'].append(
            dict(
                what=what,
                limit=f'{"≥" if at_least else "≤"} {limit:,g}{unit}',
                measured=measured,
                unit=unit,
                met=met,
                profile=lines,
            )
        )
        verdict = {True: 'met', False: 'MISSED', None: 'not measured'}[met]
        figure = '' if met is None else f', {show(measured)}{unit}'
        print(
            f'target: {what} '
            f'{"at least" if at_least else "at most"} {limit:,g}{unit}: '
            f'{verdict}{figure}',
            flush=True,
        )
        for line in lines:
            print(f'    {line}', flush=True)

    def write(self, draw: Optional[Callable[[str], None]] = None) -> None:
        """Write the JSON if asked to, and a picture beside it.

        Args:
            draw: Draws to a path.
        """
        if not self.path:
            return
        path = Path(self.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if draw:
            picture = path.with_suffix('.png')
            draw(str(picture))
            self.content['picture'] = picture.name
        path.write_text(json.dumps(self.content, indent=2) + '\n')
