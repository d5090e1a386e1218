"""filter.py UNIT: writes to standard output the seccomp program for what UNIT lets its service do.

That is its SystemCallFilter (the groups as systemd-analyze lists them), MemoryDenyWriteExecute and
RestrictAddressFamilies; all else fails with EPERM. A unit without one of them is an error, as is an option unknown here.
"""
import errno
import socket
import subprocess
import sys

import seccomp
from seccomp import ALLOW, EQ, ERRNO, MASKED_EQ, Arg

WRITE, EXECUTE = 2, 4


def calls(name):
    """A system call by its name, or those of a group."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in listed.stdout.splitlines()[1:]]
    return set().union(*(calls(line) for line in lines if line and not line.startswith("#")))


settings = [line.strip().split("=", 1) for line in open(sys.argv[1]) if "=" in line and not line.startswith("#")]
values = {key: [value for other, value in settings if other == key] for key, _ in settings}
assert values["MemoryDenyWriteExecute"] == ["yes"], values["MemoryDenyWriteExecute"]
assert values["SystemCallErrorNumber"] == ["EPERM"], values["SystemCallErrorNumber"]
(families,) = values["RestrictAddressFamilies"]
allowed = set()
for value in values["SystemCallFilter"]:
    named = set().union(*(calls(name) for name in value.removeprefix("~").split()))
    allowed = allowed - named if value.startswith("~") else allowed | named

program = seccomp.SyscallFilter(defaction=ERRNO(errno.EPERM))
for name in allowed - {"mmap", "mprotect", "pkey_mprotect", "socket", "shmat"}:
    try:
        program.add_rule(ALLOW, name)
    except RuntimeError:
        pass  # Not a system call of this processor.
for pages in (0, WRITE, EXECUTE):
    program.add_rule(ALLOW, "mmap", Arg(2, MASKED_EQ, WRITE | EXECUTE, pages))
for name in ("mprotect", "pkey_mprotect"):
    program.add_rule(ALLOW, name, Arg(2, MASKED_EQ, EXECUTE, 0))
for family in families.split():
    program.add_rule(ALLOW, "socket", Arg(0, EQ, getattr(socket, family)))
program.export_bpf(sys.stdout)
