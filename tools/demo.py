"""DeepRank from nothing to a result, on synthetic demo data.

Makes the demo data, pretrains a small ST-GCN on it without labels by the
recipe (docs/recipe.md), and compares its frozen features with those of an
untrained encoder, and with the distances between joints, on subjects that none
has seen. Each step is a command that can be typed by hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Nothing is written into an installed package.
HERE = Path.cwd() if ROOT.name == '.mim' else ROOT
CONFIG = 'configs/recipe/stgcn_demo_xsub.py'
DATA = 'data/skeleton/demo.pkl'
COLUMNS = {
    'knn1_joint': 'kNN-1',
    'knn20_joint': 'kNN-20',
    'linear_joint': 'linear',
    'linear@0.1_joint': 'linear, 10 % of labels',
}


# The features that the recipe's labels are made of, without any training.
NO_ENCODER = (
    '--random-init',
    'raw',
    '--cfg-options',
    'model.encoder._delete_=True',
    'model.encoder.type=JointDistances',
)


def run(*command: str) -> None:
    """Run one of the project's tools and show what it was."""
    if HERE != ROOT:
        command = tuple(
            str(ROOT / word) if word.endswith('.py') else word
            for word in command
        )
    print('\n$ python', ' '.join(command), flush=True)
    subprocess.run([sys.executable, *command], cwd=HERE, check=True)


def evaluate(work_dir: Path, *what: str) -> dict:
    """Test frozen features and read the result that the tool wrote."""
    run('tools/test.py', CONFIG, *what, '--work-dir', str(work_dir))
    newest = max(
        path
        for path in work_dir.glob('*/*.json')
        if path.stem == path.parent.name
    )
    return json.loads(newest.read_text())


def main() -> None:
    """Run the steps and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--work-dir', type=Path, default=Path('work_dirs/demo')
    )
    work_dir = (HERE / parser.parse_args().work_dir).resolve()
    begin = time.time()
    if not (HERE / DATA).is_file():
        run('tools/data/demo.py', DATA)
    run('tools/train.py', CONFIG, '--work-dir', str(work_dir / 'deeprank'))
    rows = {
        'untrained': evaluate(
            work_dir / 'random', '--random-init', 'calibrated'
        ),
        'no encoder': evaluate(work_dir / 'distances', *NO_ENCODER),
        'DeepRank': evaluate(
            work_dir / 'evaluation', str(work_dir / 'deeprank')
        ),
    }
    print(
        '\nAccuracy (%) of frozen features on unseen subjects, 16 synthetic '
        f'actions;\npretrained without a label, {time.time() - begin:.0f} s '
        'in all.\n'
    )
    print(f'{"encoder":10}', *(f'{c:>8}' for c in COLUMNS.values()), sep='  ')
    for name, row in rows.items():
        cells = (
            f'{100 * row[key]:{max(8, len(title))}.1f}'
            for key, title in COLUMNS.items()
        )
        print(f'{name:10}', *cells, sep='  ')
    print(
        '\nThe untrained encoder has calibrated BatchNorm statistics; without '
        'one the features\nare the distances between joints. Next: README.md, '
        'with your own skeletons.'
    )


if __name__ == '__main__':
    main()
