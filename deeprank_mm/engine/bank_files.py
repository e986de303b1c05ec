"""The feature banks of a run on disk, beside its checkpoints."""

from __future__ import annotations

import glob
import os
import os.path as osp
from typing import Dict, List, Optional

from mmengine.dist import barrier, is_main_process

from deeprank_mm.structures import FeatureBank, load_bank


def find_bank(
    path: str, cycle: Optional[int] = None, part: str = 'train'
) -> str:
    """A bank file, or a cycle's one in a work directory.

    Args:
        path (str): File or work directory.
        cycle (int, optional): Which cycle of the work directory. Defaults to
            the latest whose bank is still there.
        part (str): ``'train'`` or ``'val'``. Defaults to ``'train'``.

    Returns:
        str: The file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If a cycle is asked of a file.
    """
    if osp.isfile(path):
        if cycle is not None:
            raise ValueError(
                f'{path} is the bank of one cycle: name the work directory '
                'to choose a cycle.'
            )
        return path
    pattern = BankFiles.path(glob.escape(path), f'cycle_*_{part}.pth')
    files = {int(osp.basename(p).split('_')[1]): p for p in glob.glob(pattern)}
    if not files:
        raise FileNotFoundError(
            f'There is no feature bank at {path}: name a file, or the work '
            'directory of a pretraining run, which keeps them in banks/.'
        )
    if cycle is None:
        cycle = max(files)
    if cycle not in files:
        raise FileNotFoundError(
            f'{path} holds no bank of cycle {cycle}, but of '
            f'{", ".join(str(c) for c in sorted(files))}.'
        )
    return files[cycle]


class BankFiles:
    """One atomic file a bank and cycle, named and hashed in checkpoints.

    A checkpoint without its bank could not go on with the same labels, so a
    bank stays as long as a kept checkpoint refers to it.
    """

    def __init__(self) -> None:
        self.current: Dict[str, dict] = {}
        # names of the banks that a checkpoint refers to, by its step
        self._referenced: Dict[int, List[str]] = {}

    @staticmethod
    def path(work_dir: str, name: str) -> str:
        """Where a bank lies.

        Args:
            work_dir (str): Work directory of the run.
            name (str): File name.

        Returns:
            str: The path.
        """
        return osp.join(work_dir, 'banks', name)

    @staticmethod
    def name(cycle: int, part: str) -> str:
        """What the bank of a cycle is called.

        Args:
            cycle (int): Number of the cycle.
            part (str): ``'train'`` or ``'val'``.

        Returns:
            str: The file name.
        """
        return f'cycle_{cycle:03d}_{part}.pth'

    def write(
        self,
        work_dir: str,
        cycle: int,
        banks: Dict[str, FeatureBank],
        keep: Optional[int],
    ) -> None:
        """Write the banks of a cycle, on rank 0, and drop what is unneeded.

        Args:
            work_dir (str): Work directory of the run.
            cycle (int): Number of the cycle.
            banks (dict[str, FeatureBank]): By part, ``train`` and ``val``.
            keep (int, optional): How many checkpoints are kept; None or less
                than 1 for all, and then all banks are.
        """
        self.current = {
            part: dict(name=self.name(cycle, part), digest=bank.digest)
            for part, bank in banks.items()
        }
        if is_main_process():
            for part, bank in banks.items():
                bank.save(self.path(work_dir, self.current[part]['name']))
            if keep is not None and keep > 0:
                self._prune(work_dir, keep)
        barrier()

    def _prune(self, work_dir: str, keep: int) -> None:
        # one more than kept: the outdated one may not be deleted yet
        steps = sorted(self._referenced)[-keep - 1 :]
        self._referenced = {step: self._referenced[step] for step in steps}
        needed = {file['name'] for file in self.current.values()}
        needed.update(*self._referenced.values())
        folder = self.path(work_dir, '')
        for name in os.listdir(folder):
            if name.startswith('cycle_') and name not in needed:
                os.remove(osp.join(folder, name))

    def read(self, work_dir: str) -> Dict[str, FeatureBank]:
        """Read the banks of the current cycle.

        Args:
            work_dir (str): Work directory of the run.

        Returns:
            dict[str, FeatureBank]: By part.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If a file holds another bank than the one noted.
        """
        banks = {}
        for part, file in self.current.items():
            path = self.path(work_dir, file['name'])
            banks[part] = load_bank(path)
            if banks[part].digest != file['digest']:
                raise ValueError(
                    f'The feature bank {path} is not the one that the '
                    'checkpoint was trained with (its digest differs): a '
                    'resumed run would go on with other labels.'
                )
        return banks

    def state_dict(self, step: int) -> dict:
        """What a checkpoint that is being saved must know.

        Args:
            step (int): Iteration to go on from; several files may be saved
                at one (the last, the best), which count as one checkpoint.

        Returns:
            dict: For :meth:`load_state_dict`.
        """
        names = [file['name'] for file in self.current.values()]
        self._referenced[step] = names
        return dict(current=self.current, by_step=self._referenced)

    def load_state_dict(self, state: dict) -> None:
        """Take up what a checkpoint knows.

        Args:
            state (dict): From :meth:`state_dict`.
        """
        self.current = state['current']
        self._referenced = state.get('by_step', {})
