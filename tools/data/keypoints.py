r"""Turn your own keypoints, one NumPy file a sequence, into annotations.

The input is a folder of .npy files: (frames, joints, C) of one person or
(persons, frames, joints, C) of several, zero where somebody is absent; C is
2 or 3 coordinates in any unit. A NaN or an infinite number is an error that
names the file: put zero where a joint was not seen. For 2D keypoints with a
confidence use --scores, which takes the last channel as it.

Pretraining needs no more than that. What is known beside goes into a table
(CSV with a header), a line for each file:

  file,label,subject,split
  walk_anna_01.npy,walk,anna,train labelled
  wave_ben_03.npy,,ben,train
  walk_carl_02.npy,walk,carl,val

`file` is all it must have. Of labels, names become numbers in the order of the
alphabet and are kept in the output as `classes`; an empty one is an unlabelled
sequence, which can be pretrained on only. `subject` keeps a person on one side
when samples are held out, and any further column becomes a field of the
annotation; empty is unknown in all of them. `split` may name several, with
spaces between; without it all sequences are in `train`.

  python tools/data/keypoints.py recordings data/skeleton/mine.pkl \
      --table recordings/table.csv
  python tools/data/check.py data/skeleton/mine.pkl
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from rich.progress import track

from deeprank_mm.datasets.conversion import (
    ConversionError,
    Splits,
    check_output,
    listed,
    summarise,
    write_annotations,
)

Row = Dict[str, str]
_KNOWN = ('file', 'label', 'split')


def read_table(path: Path) -> Dict[str, Row]:
    """What is known of each file.

    Args:
        path (Path): CSV with a header that has ``file``.

    Returns:
        dict[str, dict[str, str]]: The lines by file name.

    Raises:
        ConversionError: There is no such file or column, a line has more or
            fewer fields than the header, or two lines name one file.
    """
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            lines = list(csv.DictReader(file, restkey='', restval=None))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConversionError(
            f'the table {path} cannot be read ({error})'
        ) from error
    if not lines or 'file' not in lines[0]:
        raise ConversionError(
            f'the table {path} needs a header with the column `file` and a '
            'line for each sequence'
        )
    rows: Dict[str, Row] = {}
    for number, line in enumerate(lines, 2):
        if '' in line or None in line.values():
            raise ConversionError(
                f'line {number} of {path} has more or fewer fields than the '
                'header'
            )
        if line['file'] in rows:
            raise ConversionError(f'{path} names {line["file"]} twice')
        rows[line['file']] = line
    return rows


def read(path: Path, scores: bool = False) -> Dict[str, Any]:
    """Read one sequence.

    Args:
        path (Path): File of an array ``(T, V, C)`` or ``(M, T, V, C)``.
        scores (bool): Whether the last channel is a confidence.

    Returns:
        dict: ``frame_dir``, ``keypoint`` (M, T, V, C) float32,
        ``total_frames``, and ``keypoint_score`` (M, T, V) with scores.

    Raises:
        ValueError: It holds something else.
    """
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in 'fiu':
        raise ValueError('not an array of numbers')
    if array.ndim == 3:
        array = array[None]
    channels = (3, 4) if scores else (2, 3)
    if array.ndim != 4 or array.shape[-1] not in channels or 0 in array.shape:
        raise ValueError(
            f'shape {array.shape}, expected (frames, joints, C) or (persons, '
            f'frames, joints, C) with a C of {channels[0]} or {channels[1]}'
        )
    with np.errstate(over='ignore'):  # what is too large is found below
        array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(
            'NaN or infinite numbers; put zero where a joint was not seen'
        )
    item = dict(
        frame_dir=path.stem,
        keypoint=array,
        total_frames=int(array.shape[1]),
    )
    if scores:
        item['keypoint_score'] = np.ascontiguousarray(array[..., -1])
        item['keypoint'] = np.ascontiguousarray(array[..., :-1])
    return item


def _read_one(path: Path, scores: bool) -> Union[Dict[str, Any], str]:
    try:
        return read(path, scores)
    except (ValueError, OSError, EOFError) as error:
        return f'{path.name}: {error}'


def describe(
    items: Sequence[dict], table: Optional[Dict[str, Row]]
) -> Tuple[Splits, List[str]]:
    """Give samples what the table says of them.

    Args:
        items (Sequence[dict]): Samples of :func:`read`, changed in place.
        table (dict, optional): From :func:`read_table`.

    Returns:
        tuple: The splits, and the classes in the order of their numbers.

    Raises:
        ConversionError: The table lacks a sample or names a file that is
            not there.
    """
    if table is None:
        return dict(train=[item['frame_dir'] for item in items]), []
    names = {f'{item["frame_dir"]}.npy' for item in items}
    for missing, what in (
        (sorted(names - table.keys()), 'the table lacks'),
        (sorted(table.keys() - names), 'the folder lacks, of the table,'),
    ):
        if missing:
            raise ConversionError(f'{what} {listed(missing)}')
    classes = sorted({row.get('label') or '' for row in table.values()} - {''})
    splits: Splits = {}
    for item in items:
        row = table[f'{item["frame_dir"]}.npy']
        if row.get('label'):
            item['label'] = classes.index(row['label'])
        item.update({k: v for k, v in row.items() if v and k not in _KNOWN})
        for split in (row.get('split') or 'train').split():
            splits.setdefault(split, []).append(item['frame_dir'])
    return splits, classes


def check_alike(items: Sequence[dict]) -> None:
    """One data set has one skeleton.

    Args:
        items (Sequence[dict]): Samples of :func:`read`.

    Raises:
        ConversionError: Joints or channels differ.
    """
    shapes: Dict[tuple, List[str]] = {}
    for item in items:
        shape = item['keypoint'].shape[2:]
        shapes.setdefault(shape, []).append(item['frame_dir'])
    if len(shapes) > 1:
        raise ConversionError(
            'the sequences have skeletons of different (joints, '
            'coordinates): '
            + '; '.join(f'{s} {listed(names)}' for s, names in shapes.items())
        )


def convert(
    in_dir: Path,
    table: Optional[Path] = None,
    scores: bool = False,
) -> Tuple[List[dict], Splits, List[str]]:
    """Read a folder.

    Args:
        in_dir (Path): Where the .npy files are, not searched deeper.
        table (Path, optional): What is known of them.
        scores (bool): Whether the last channel is a confidence.

    Returns:
        tuple: Annotations in the order of the file names, the splits, and
        the names of the classes.

    Raises:
        ConversionError: Something is not as it should be.
    """
    paths = sorted(Path(in_dir).glob('*.npy'))
    if not paths:
        raise ConversionError(f'there is no .npy file in {in_dir}')
    rows = None if table is None else read_table(table)
    found = [_read_one(path, scores) for path in track(paths, 'Sequences')]
    problems = [one for one in found if isinstance(one, str)]
    if problems:
        raise ConversionError(
            f'{len(problems)} of {len(paths)} files are malformed, nothing '
            f'was written: {listed(problems, "; ")}'
        )
    check_alike(found)
    splits, classes = describe(found, rows)
    return found, splits, classes


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the tool.

    Args:
        argv (Sequence[str], optional): Arguments, by default the process's.

    Returns:
        int: Exit status, 0 if the file was written and 1 if not.
    """
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('in_dir', type=Path, help='folder of .npy files')
    parser.add_argument(
        'out', type=Path, help='annotation file to write (.pkl)'
    )
    parser.add_argument('--table', type=Path, help='CSV, as above')
    parser.add_argument(
        '--scores',
        action='store_true',
        help='the last channel is a confidence, not a coordinate',
    )
    args = parser.parse_args(argv)
    try:
        check_output(args.out)
        items, splits, classes = convert(args.in_dir, args.table, args.scores)
        write_annotations(
            args.out, items, splits, dict(classes=classes) if classes else None
        )
    except (ConversionError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    print(summarise(items, splits))
    for number, name in enumerate(classes):
        print(f'label {number:<4} {name}')
    print(f'written    {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
