"""Write the synthetic demo skeletons as an MMAction2 annotation file."""

import argparse
import os.path as osp
import sys

from deeprank_mm.datasets.demo import ACTIONS, write_demo


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description='Generate the demo data set: synthetic NTU-style '
        'skeletons (25 joints, metres) made by forward kinematics. Nobody '
        'was recorded: use it to try things out, not to compare methods.'
    )
    parser.add_argument('out', help='the pickle to write')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='same seed, same bytes (default: 0)',
    )
    parser.add_argument(
        '--reps',
        type=int,
        default=2,
        help='performances per action, subject and viewpoint (default: 2)',
    )
    return parser.parse_args()


def main() -> int:
    """Generate, write and summarise; returns the exit status."""
    args = parse_args()
    try:
        data = write_demo(args.out, args.seed, args.reps)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    size = osp.getsize(args.out) / 2**20
    print(
        f'{args.out}: {len(data["annotations"])} sequences of '
        f'{len(ACTIONS)} actions, {size:.1f} MiB'
    )
    for name, members in data['split'].items():
        print(f'  {name}: {len(members)}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
