"""The superuser as anybody else: what is read-only cannot be written."""

import ctypes
import os
import sys
from contextlib import contextmanager

# linux/capability.h
_VERSION_3 = 0x20080522
# writing, and reading and searching, whatever the permissions say
_OVERRIDES = 1 << 1 | 1 << 2


class _Header(ctypes.Structure):
    _fields_ = [('version', ctypes.c_uint32), ('pid', ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ('effective', 'permitted', 'inheritable')
    ]


@contextmanager
def bound_by_permissions():
    """Let the permissions of files bind this thread, also as root.

    The user stays the same, who owns the files of the test; only the
    capabilities that override permissions are laid down for a while.
    """
    if os.name == 'nt' or os.geteuid() != 0 or sys.platform != 'linux':
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = _Header(_VERSION_3, 0)
    data = (_Data * 2)()
    if libc.capget(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), 'capget')
    before = data[0].effective

    def be(effective):
        data[0].effective = effective
        if libc.capset(ctypes.byref(header), data):
            raise OSError(ctypes.get_errno(), 'capset')

    be(before & ~_OVERRIDES)
    try:
        yield
    finally:
        be(before)
