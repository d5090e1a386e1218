"""Tries what the unit forbids, under its filter. Ends with 0 when all of it fails as it should."""
import ctypes
import errno
import mmap
import os
import socket

libc = ctypes.CDLL(None, use_errno=True)


def fails(what, attempt):
    try:
        attempt()
    except OSError as error:
        assert error.errno in (errno.EPERM, errno.EROFS), f"{what}: {error}"
        return
    raise AssertionError(f"{what} works")


def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


fails("memory to write and execute", lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC))
fails("a netlink socket", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
fails("chroot", lambda: os.chroot("/"))
fails("a mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
fails("a trace of another process", lambda: call("ptrace", 16, os.getppid(), None, None))
fails("a file in /etc", lambda: open("/etc/inventree-auth-was-here", "w"))
