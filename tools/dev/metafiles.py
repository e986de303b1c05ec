r"""Write model-index.yml and the metafile.yml of every config folder.

OpenMMLab's tools find configs by them. They follow from the names of the
config files, so that nobody has to keep them by hand:

  python tools/dev/metafiles.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict

ROOT = Path(__file__).resolve().parents[2]
PAPER = (
    'Ranking-based Self-Supervised Representation Learning for '
    'Skeleton-based Action Recognition'
)
FOLDERS = {
    '3s_deeprank': '3s-DeepRank, self-supervised pretraining',
    'ablations': 'Ablations of DeepRank, self-supervised pretraining',
    'deepcluster': 'DeepCluster, self-supervised pretraining',
    'deeprank': 'DeepRank, self-supervised pretraining',
    'finetune': 'Finetuning',
    'images': 'Images, as in Table IX',
    'linear': 'Linear evaluation',
    'mv_deeprank': 'MV-DeepRank, self-supervised pretraining',
    'recipe': 'DeepRank for small data, self-supervised pretraining',
    'semi': 'Semi-supervised finetuning',
    'skeletonclr': 'SkeletonCLR, self-supervised pretraining',
    'transfer': 'Transfer',
}
BACKBONES = {
    'stgcn': 'ST-GCN',
    'stgcnpp': 'ST-GCN++',
    'aagcn': 'AAGCN',
    'sttformer': 'STTFormer',
}
DATA = {
    'cifar100': 'CIFAR-100',
    'digits': "scikit-learn's digits",
    'demo': 'synthetic demo data',
    'own': 'your own data',
    'ntu60': 'NTU RGB+D 60',
    'ntu120': 'NTU RGB+D 120',
    'nwucla': 'NW-UCLA',
    'pku1': 'PKU-MMD I',
    'pku2': 'PKU-MMD II',
    'utdmhad': 'UTD-MHAD',
}


def render(root: Path = ROOT) -> Dict[str, str]:
    """All files, by their path below the root.

    Args:
        root (Path): The source tree.

    Returns:
        dict[str, str]: Their texts.

    Raises:
        KeyError: A folder or file of configs has a name that is not known
            here.
    """
    files = {}
    for folder in sorted((root / 'configs').iterdir()):
        configs = sorted(folder.glob('*.py')) if folder.is_dir() else []
        if folder.name.startswith('_') or not configs:
            continue
        files[f'configs/{folder.name}/metafile.yml'] = metafile(
            folder.name, [path.stem for path in configs]
        )
    index = ''.join(f'  - {path}\n' for path in files)
    return {'model-index.yml': f'Import:\n{index}', **files}


def metafile(folder: str, stems: list) -> str:
    """The text of one ``metafile.yml``.

    Args:
        folder (str): Name of the folder.
        stems (list[str]): Names of its configs.

    Returns:
        str: YAML.
    """
    title = FOLDERS[folder]
    text = (
        f'Collections:\n  - Name: {folder}\n    Paper:\n'
        f"      Title: '{PAPER}'\n\nModels:\n"
    )
    if folder in ('deepcluster', 'skeletonclr'):  # other people's methods
        text = f'Collections:\n  - Name: {folder}\n\nModels:\n'
    for stem in stems:
        words = stem.split('_')
        data = [DATA[word] for word in words if word in DATA]
        # ablations name what they change, of a run with ST-GCN
        usual = 'ResNet-18' if folder == 'images' else BACKBONES['stgcn']
        backbone = BACKBONES.get(words[0], usual)
        text += (
            f'  - Name: {folder}_{stem}\n'
            f'    Config: configs/{folder}/{stem}.py\n'
            f'    In Collection: {folder}\n'
            '    Metadata:\n'
            f'      Architecture: {backbone}\n'
            f'      Training Data: {data[-1]}\n'
            '    Results:\n'
            f'      - Task: {title}\n'
            f'        Dataset: {data[-1]}\n'
        )
    return text


def main() -> None:
    """Write the files."""
    for path, text in render().items():
        (ROOT / path).write_text(text, encoding='utf-8')
        print(path)


if __name__ == '__main__':
    main()
