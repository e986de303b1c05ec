"""A user's copy of the configs, changed above the line in own.py."""

import shutil


def copy_configs(repo_root, folder, **settings):
    """Copy the configs to ``folder``, with settings of own.py as told."""
    shutil.copytree(repo_root / 'configs', folder / 'configs')
    own = folder / 'configs/_base_/datasets/own.py'
    lines = own.read_text().splitlines()
    for name, value in settings.items():
        (at,) = (
            i for i, line in enumerate(lines) if line.startswith(f'{name} = ')
        )
        lines[at] = f'{name} = {value!r}'
    own.write_text('\n'.join(lines) + '\n')
    return folder / 'configs'
