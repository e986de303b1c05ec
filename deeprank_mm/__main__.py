"""The tools and configs that came with the package.

  python -m deeprank_mm                   lists the tools
  python -m deeprank_mm demo              pretrains on synthetic demo data
  python -m deeprank_mm train configs/deeprank/stgcn_nwucla_xview.py
  python -m deeprank_mm data/nw_ucla --help

A config of this package is found by its path, wherever one stands; files are
read and written where one stands.
"""

from __future__ import annotations

import ast
import difflib
import runpy
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence

# For those who work on this package, from its source tree.
_INTERNAL = 'dev'


def root() -> Path:
    """The folder that holds ``tools`` and ``configs``.

    Returns:
        Path: In an installed package ``.mim``, as OpenMMLab's other packages
        have it; else the source tree.
    """
    here = Path(__file__).resolve().parent
    packed = here / '.mim'
    return packed if packed.is_dir() else here.parent


def find_tools() -> Dict[str, Path]:
    """The tools, by what they are called here.

    Returns:
        dict[str, Path]: Such as ``train`` and ``data/ntu``.
    """
    folder = root() / 'tools'
    paths = sorted(folder.rglob('*.py'))
    names = {
        p.relative_to(folder).with_suffix('').as_posix(): p for p in paths
    }
    return {k: v for k, v in names.items() if k.split('/')[0] != _INTERNAL}


def resolve(arguments: Sequence[str]) -> List[str]:
    """Find configs of the package that are not where one stands.

    Args:
        arguments (Sequence[str]): Of the command line.

    Returns:
        list[str]: The same, but for ``configs/...`` that only the package
        has.
    """
    found = []
    for text in arguments:
        packed = root() / text
        ours = text.startswith('configs/') and packed.is_file()
        found.append(str(packed) if ours and not Path(text).exists() else text)
    return found


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Run one of the tools, or list them.

    Args:
        argv (Sequence[str], optional): Defaults to the command line's.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    tools = find_tools()
    if not argv or argv[0] in ('-h', '--help'):
        print(__doc__)
        width = max(map(len, tools))
        for name, path in tools.items():
            about = ast.get_docstring(ast.parse(path.read_text('utf-8')))
            print(f'{name:{width}}  {(about or "").partition(chr(10))[0]}')
        return
    name = argv[0][:-3] if argv[0].endswith('.py') else argv[0]
    if name not in tools:
        close = difflib.get_close_matches(name, tools, n=3) or list(tools)
        sys.exit(f'error: there is no tool {name}: try {", ".join(close)}.')
    sys.argv = [str(tools[name]), *resolve(argv[1:])]
    runpy.run_path(str(tools[name]), run_name='__main__')


if __name__ == '__main__':
    main()
