"""lossy.py -- takes from a killed daemon's files what was not synced.

The notes are tests/unit/vfs_lossy.c's.  A disk may have written none of what
was not synced, or any part of it.
"""
import os
import struct

NOTE = struct.Struct("=qqqq")


def notes(path):
    """(at, size before, old bytes, new bytes or None for a cut)."""
    with open(path, "rb") as file:
        data = file.read()
    found, at = [], 0
    while at + NOTE.size <= len(data):
        where, size, old, new = NOTE.unpack_from(data, at)
        end = at + NOTE.size + old + max(new, 0)
        if end > len(data):
            break			# killed while it was noted
        at += NOTE.size
        found.append((where, size, data[at:at + old],
                      data[at + old:end] if new >= 0 else None))
        at = end
    return found


def lose(path, random, everything=False):
    """How many writes were lost.  random decides: all of them, or any."""
    if not os.path.exists(path + "-undo"):
        return 0
    unsynced = notes(path + "-undo")
    some = not everything and random.random() < 0.5
    lost = 0
    with open(path, "r+b") as file:
        for at, size, old, _ in reversed(unsynced):
            file.seek(at)
            file.write(old)
            file.truncate(size)
        for at, _, _, new in unsynced:
            if not some or random.random() < 0.5:
                lost += 1
            elif new is None:
                file.truncate(at)
            else:
                file.seek(at)
                file.write(new[:random.choice((len(new), len(new), 512))])
    os.unlink(path + "-undo")
    return lost
