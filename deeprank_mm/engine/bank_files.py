"""The feature banks of a run on disk, beside its checkpoints."""

from __future__ import annotations

import os
import os.path as osp
from typing import Dict, List, Optional

from mmengine.dist import barrier, is_main_process

from deeprank_mm.structures import FeatureBank


class BankFiles:
    """One atomic file a bank and cycle, named and hashed in checkpoints.

    A checkpoint without its bank could not go on with the same labels, so a
    bank stays as long as a kept checkpoint refers to it.
    """

    def __init__(self) -> None:
        self.current: Dict[str, dict] = {}
        self._referenced: List[List[str]] = []

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
            part: dict(
                name=f'cycle_{cycle:03d}_{part}.pth', digest=bank.digest
            )
            for part, bank in banks.items()
        }
        if is_main_process():
            for part, bank in banks.items():
                bank.save(self.path(work_dir, self.current[part]['name']))
            if keep is not None and keep > 0:
                self._prune(work_dir, keep)
        barrier()

    def _prune(self, work_dir: str, keep: int) -> None:
        # one more than kept: a new checkpoint may be on its way
        self._referenced = self._referenced[-keep - 1 :]
        needed = {file['name'] for file in self.current.values()}
        needed.update(name for names in self._referenced for name in names)
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
            banks[part] = FeatureBank.load(path)
            if banks[part].digest != file['digest']:
                raise ValueError(
                    f'The feature bank {path} is not the one that the '
                    'checkpoint was trained with (its digest differs): a '
                    'resumed run would go on with other labels.'
                )
        return banks

    def state_dict(self) -> dict:
        """dict: What a checkpoint that is being saved must know."""
        self._referenced.append([f['name'] for f in self.current.values()])
        return dict(current=self.current, referenced=self._referenced)

    def load_state_dict(self, state: dict) -> None:
        """Take up what a checkpoint knows.

        Args:
            state (dict): From :meth:`state_dict`.
        """
        self.current = state['current']
        self._referenced = state['referenced']
