"""Writers of the raw text formats of NTU RGB+D and PKU-MMD."""

import numpy as np

# Neighbours that are the same number as float64.
IDS = (72057594037931101, 72057594037931102, 72057594037931103)
INFO = '0 1 1 1 1 0 0.02764709 0.05745083 2'


def upright(frames, seed=0, at=(0, 0, 3), sway=0.1, width=0.2):
    """Joints (frames, 25, 3) of a standing body, as float32 can hold."""
    rng = np.random.default_rng(seed)
    pose = rng.uniform(-1, 1, (25, 3)) * (width, 0.8, 0.1) + at
    # The extremes are in the pose, whatever the seed.
    pose[:2] = np.add(at, [(-width, -0.8, 0), (width, 0.8, 0)])
    time = np.linspace(0, 6, frames)[:, None, None]
    return np.float32(pose + sway * np.sin(time))


def skeleton_text(frames, end='\r\n', joints=25, numbers=12):
    """A .skeleton file.

    Args:
        frames (list): For each frame the bodies as pairs (id, (25, 3)).
        end (str): End of line.
        joints (int): What the lines with the number of joints say.
        numbers (int): How many there are in a joint's line.
    """
    lines = [str(len(frames))]
    for bodies in frames:
        lines.append(str(len(bodies)))
        for body_id, body in bodies:
            lines += [f'{body_id} {INFO}', str(joints)]
            for joint in np.asarray(body)[:joints]:
                words = [repr(float(x)) for x in joint] + ['-0.25'] * 8 + ['2']
                lines.append(' '.join(words[:numbers]))
    return end.join(lines) + end


def recording(*bodies, frames=None):
    """What skeleton_text takes, of (id, first frame, (n, 25, 3)) each."""
    frames = frames or max(first + len(body) for _, first, body in bodies)
    result = [[] for _ in range(frames)]
    for body_id, first, body in bodies:
        for offset, pose in enumerate(body):
            result[first + offset].append((body_id, pose))
    return result


def pku_text(sequence, end='\n'):
    """A PKU-MMD skeleton file of joints (2, T, 25, 3)."""
    rows = np.moveaxis(np.asarray(sequence), 1, 0).reshape(
        sequence.shape[1], -1
    )
    return ''.join(
        ' '.join(repr(float(number)) for number in row) + end for row in rows
    )
