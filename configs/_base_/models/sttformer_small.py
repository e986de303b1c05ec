# Three blocks at a quarter of the width: sized for two CPU cores.
small_sttformer = dict(
    num_frames=32,
    len_parts=4,
    config=[[16, 16, 8], [16, 32, 8], [32, 64, 16]],
)
