"""From finished cells to a table that says how sure it is."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from statistics import mean, stdev
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from scipy import stats


@dataclass
class Entry:
    """One number of the table.

    Attributes:
        row (str): The encoder.
        modality (str): The stream, or ``ensemble``.
        protocol (str): The protocol.
        accuracy (dict[int, float]): Top-1 by seed, in [0, 1].
        best (dict[int, float]): Of the best epoch, where there is training.
        seconds (float): Wall time of all its cells.
        pretraining (dict[int, float]): Wall time of the training steps that
            made the encoder, in seconds by seed, where that is known.
        difference (tuple, optional): Mean of the paired differences to the
            baseline, with the ends of its 95 % interval (None for one seed).
    """

    row: str
    modality: str
    protocol: str
    accuracy: Dict[int, float]
    best: Dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    pretraining: Dict[int, float] = field(default_factory=dict)
    difference: Optional[Tuple[float, Optional[float], Optional[float]]] = None

    def as_dict(self) -> dict:
        """dict: For JSON."""
        low, high = (self.difference or (None, None, None))[1:]
        return dict(
            row=self.row,
            modality=self.modality,
            protocol=self.protocol,
            accuracy={str(k): v for k, v in sorted(self.accuracy.items())},
            best={str(k): v for k, v in sorted(self.best.items())},
            mean=mean(self.accuracy.values()),
            std=_std(self.accuracy),
            difference=self.difference and self.difference[0],
            low=low,
            high=high,
            seconds=round(self.seconds, 1),
            pretraining={
                str(k): round(v, 3)
                for k, v in sorted(self.pretraining.items())
            },
        )


def _std(values: Mapping[int, float]) -> Optional[float]:
    return stdev(values.values()) if len(values) > 1 else None


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> Optional[Tuple[float, Optional[float], Optional[float]]]:
    """Mean difference over the seeds that both have, with its 95 % interval.

    Student's t over the paired differences.

    Args:
        values (Mapping[int, float]): By seed.
        baseline (Mapping[int, float]): By seed.

    Returns:
        tuple, optional: Mean, lower and upper end; the ends are None with
        one common seed. None without any.
    """
    pairs = [values[k] - baseline[k] for k in sorted(values) if k in baseline]
    if not pairs:
        return None
    if len(pairs) == 1:
        return pairs[0], None, None
    centre = mean(pairs)
    reach = float(stats.t.ppf(0.975, len(pairs) - 1)) * stdev(pairs)
    reach /= len(pairs) ** 0.5
    return centre, centre - reach, centre + reach


def compare(entries: Sequence[Entry], baselines: Sequence[str]) -> List[Entry]:
    """Fill in the differences to the baseline, the first that is there.

    Args:
        entries (Sequence[Entry]): The entries, changed in place.
        baselines (Sequence[str]): Names of rows in order of preference: the
            calibrated random encoder where features are frozen, the one from
            scratch where they are not.

    Returns:
        list[Entry]: The same.
    """
    known = {(e.row, e.modality, e.protocol): e.accuracy for e in entries}
    for entry in entries:
        # one that was read again has its difference to another row
        entry.difference = None
        for row in baselines:
            baseline = known.get((row, entry.modality, entry.protocol))
            if baseline is not None and row != entry.row:
                entry.difference = paired_difference(entry.accuracy, baseline)
                break
            if row == entry.row:
                break
    return list(entries)


def percent(value: Optional[float], signed: bool = False) -> str:
    """A share in percent, with one digit.

    Args:
        value (float, optional): In [0, 1].
        signed (bool): With a plus. Defaults to False.

    Returns:
        str: Empty for None.
    """
    if value is None:
        return ''
    return f'{100 * value:{"+" if signed else ""}.1f}'


def title_of(protocol: str) -> str:
    """What a protocol is called at the head of a column.

    Args:
        protocol (str): As on the command line.

    Returns:
        str: For people.
    """
    name, _, number = protocol.partition('@')
    if name == 'knn':
        return f'kNN-{number}'
    if number:
        return f'{name}, {100 * float(number):g} % of labels'
    return name


def markdown(entries: Sequence[Entry]) -> str:
    """The table for people.

    Args:
        entries (Sequence[Entry]): From :func:`compare`.

    Returns:
        str: One Markdown table a stream. A cell holds the mean and standard
        deviation in percent, for trained ones the best epoch's mean behind a
        slash, and the paired difference with its interval below; the last
        one the minutes of pretraining, where some are known.
    """
    protocols = list(dict.fromkeys(e.protocol for e in entries))
    rows = list(dict.fromkeys(e.row for e in entries))
    cells = {(e.row, e.modality, e.protocol): e for e in entries}
    parts = []
    timed = any(e.pretraining for e in entries)
    for modality in dict.fromkeys(e.modality for e in entries):
        heads = [modality, *map(title_of, protocols)]
        heads += ['pretraining, min'] * timed
        lines = [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
        for row in rows:
            found = [cells.get((row, modality, p)) for p in protocols]
            if any(found):
                texts = [row, *map(cell, found)]
                texts += [_minutes(found)] * timed
                lines.append(f'| {" | ".join(texts)} |')
        parts.append('\n'.join(lines))
    return '\n\n'.join(parts)


def cell(entry: Optional[Entry]) -> str:
    """What a table says of an entry.

    Args:
        entry (Entry, optional): Of one row, stream and protocol.

    Returns:
        str: Mean and standard deviation in percent, below them the paired
        difference with its interval. Empty for None.
    """
    if entry is None:
        return ''
    text = percent(mean(entry.accuracy.values()))
    if len(entry.accuracy) > 1:
        text += f' ± {percent(_std(entry.accuracy))}'
    if entry.best:
        text += f' / {percent(mean(entry.best.values()))}'
    if entry.difference is not None:
        centre, low, high = entry.difference
        text += f'<br>{percent(centre, True)}'
        if low is not None:
            text += f' [{percent(low, True)}, {percent(high, True)}]'
    return text


def _minutes(entries: Sequence[Optional[Entry]]) -> str:
    """Mean minutes of pretraining over the seeds of a row."""
    seconds: Dict[int, float] = {}
    for entry in entries:
        seconds.update(entry.pretraining if entry else {})
    return f'{mean(seconds.values()) / 60:.1f}' if seconds else ''


def as_csv(entries: Sequence[Entry]) -> str:
    """The table for spreadsheets: a line an entry.

    Args:
        entries (Sequence[Entry]): From :func:`compare`.

    Returns:
        str: Shares in [0, 1], times in seconds.
    """
    lines = []
    for entry in entries:
        line = entry.as_dict()
        line['n'] = len(line.pop('accuracy'))
        best = line.pop('best')
        line['best'] = mean(best.values()) if best else None
        times = line['pretraining']
        line['pretraining'] = mean(times.values()) if times else None
        lines.append(line)
    columns = (
        'row modality protocol n mean std best difference low high seconds '
        'pretraining'
    ).split()
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator='\n')
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def entries_of(content: dict) -> List[Entry]:
    """The entries of a table that was read again.

    Args:
        content (dict): As in ``table.json``.

    Returns:
        list[Entry]: Its entries.
    """
    return [
        Entry(
            e['row'],
            e['modality'],
            e['protocol'],
            {int(k): v for k, v in e['accuracy'].items()},
            {int(k): v for k, v in e['best'].items()},
            e['seconds'],
            # tables of earlier versions do not have it
            {int(k): v for k, v in e.get('pretraining', {}).items()},
            None
            if e['difference'] is None
            else (e['difference'], e['low'], e['high']),
        )
        for e in content['entries']
    ]


def finished_table(
    title: str,
    command: str,
    entries: Sequence[Entry],
    revision: Optional[str],
    versions: Mapping[str, str],
) -> dict:
    """A table of numbers that are all there already.

    Args:
        title (str): Of the table.
        command (str): What made it.
        entries (Sequence[Entry]): From :func:`compare`.
        revision (str, optional): The commit it was made with.
        versions (Mapping[str, str]): Of the packages.

    Returns:
        dict: As in ``table.json``.
    """
    cells = sum(len(entry.accuracy) for entry in entries)
    return dict(
        title=title,
        command=command,
        finished=cells,
        cells=cells,
        revision=revision,
        versions=dict(versions),
        entries=[entry.as_dict() for entry in entries],
    )


def page(content: dict) -> str:
    """The table with what one must know to read and to repeat it.

    Args:
        content (dict): As in ``table.json``.

    Returns:
        str: Markdown.
    """
    entries = entries_of(content)
    if not entries:
        return 'No cell is finished.\n'
    return f'{markdown(entries)}\n\n{notes(content)}'


def _compared_with(entries: Sequence[Entry]) -> str:
    """What the differences are to, if there are any."""
    different = [e for e in entries if e.difference is not None]
    places = {(e.modality, e.protocol) for e in different}
    others = {e.row for e in different}
    rows = dict.fromkeys(
        e.row
        for e in entries
        if (e.modality, e.protocol) in places and e.row not in others
    )
    if not rows:
        return ''
    return (
        f' Below: paired difference to *{"* or *".join(rows)}*, with its 95 % '
        'interval.'
    )


def notes(content: dict) -> str:
    """What one must know to read a table and to repeat it.

    Args:
        content (dict): As in ``table.json``, with entries.

    Returns:
        str: Markdown.
    """
    entries = entries_of(content)
    seeds = sorted({seed for e in entries for seed in e.accuracy})
    minutes = sum(e.seconds for e in entries) / 60
    time = f' Wall time of the cells: {minutes:.0f} min.' if minutes else ''
    if any(e.pretraining for e in entries):
        time += (
            ' Pretraining is the wall time of its steps, as the checkpoint '
            'notes it, beside whatever else the machine did; of a run that '
            'trains several streams, of all of them.'
        )
    return (
        '\n\n'.join(
            [
                'Top-1 on the test split in percent, mean ± standard '
                f'deviation over seeds {", ".join(map(str, seeds))}; where '
                'there is training, of the last epoch / of the best one.'
                + _compared_with(entries),
                f'Finished: {content["finished"]} of {content["cells"]} '
                f'cells.{time}',
                f'```\n{content["command"]}\n```',
                ', '.join(f'{k} {v}' for k, v in content['versions'].items())
                + f'; revision {content["revision"]}.',
            ]
        )
        + '\n'
    )
