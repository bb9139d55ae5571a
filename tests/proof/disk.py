"""disk.py -- a small disk that can be filled and made read-only.

An ext4 in a file, mounted in a namespace of this process and its children:
whatever happens, it is gone with them.  Needs root.
"""
import ctypes
import errno
import os
import subprocess
import time

MIB = 1 << 20
CLONE_NEWNS = 0x20000


class CannotMount(Exception):
    """This machine does not let us; the reason."""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, timeout=60)
    if done.returncode != 0:
        raise CannotMount("%s: %s" % (" ".join(command),
                                      done.stdout.decode().strip()))


def own_namespace():
    """What is mounted from now on, nobody else sees."""
    if os.geteuid() != 0:
        raise CannotMount("only root may mount")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise CannotMount("unshare: " + os.strerror(ctypes.get_errno()))
    run("mount", "--make-rprivate", "/")


class Disk:
    """Mounted at `path`, which is made; its image lies beside it."""

    def __init__(self, path, mib=256):
        self.path, self.image = path, path + ".img"
        self.mounted = False
        os.makedirs(path)
        with open(self.image, "wb") as image:
            image.truncate(mib * MIB)
        run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0",
            self.image)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop,errors=remount-ro", self.image, self.path)
        self.mounted = True

    def unmount(self):
        if self.mounted:
            run("umount", self.path)
            self.mounted = False

    def remove(self):
        """At the end; nothing is left mounted."""
        if self.mounted:
            try:
                self.unmount()
            except CannotMount:		# somebody still has files open
                run("umount", "--lazy", self.path)
        if os.path.exists(self.image):
            os.unlink(self.image)

    def fsync_s(self):
        """How long one takes, the slowest of some."""
        slowest = 0
        with open(os.path.join(self.path, "fsync"), "wb") as file:
            for _ in range(50):
                file.write(b"x" * 4096)
                file.flush()
                begun = time.monotonic()
                os.fdatasync(file.fileno())
                slowest = max(slowest, time.monotonic() - begun)
        return slowest

    def sync(self):
        """All of it."""
        run("sync", "--file-system", self.path)

    # --- full ---------------------------------------------------------------

    @property
    def filler(self):
        return os.path.join(self.path, "filler")

    def fill(self):
        """To the last block."""
        fd = os.open(self.filler, os.O_WRONLY | os.O_CREAT, 0o600)
        size, step = os.fstat(fd).st_size, 64 * MIB
        try:
            while step >= 1024:
                try:
                    os.posix_fallocate(fd, size, step)
                    size += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2
        finally:
            os.close(fd)

    def free(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)

    # --- read-only ----------------------------------------------------------

    def freeze_files(self, frozen, *paths):
        """Files that are open for writing cannot be made read-only by a mount
        (it is busy); ext4 refuses to write to immutable ones at once."""
        run("chattr", "+i" if frozen else "-i", *paths)

    def remount(self, how):
        """"ro" or "rw"; nobody may have a file open for writing."""
        run("mount", "-o", "remount," + how, self.path)

    def give_up(self):
        """As after an error on the device: ext4 makes itself read-only, also
        for who has files open, and stays so until it is mounted again."""
        device = subprocess.run(
            ["findmnt", "-n", "-o", "SOURCE", self.path], check=True,
            stdout=subprocess.PIPE, timeout=60).stdout.decode().strip()
        with open("/sys/fs/ext4/%s/trigger_fs_error" %
                  os.path.basename(device), "w") as trigger:
            trigger.write("proof")

    def repair(self):
        """Unmounts, checks and mounts it."""
        self.unmount()
        done = subprocess.run(["fsck.ext4", "-p", self.image], check=False,
                              stdout=subprocess.DEVNULL, timeout=60)
        if done.returncode > 1:		# 1: errors were corrected
            raise CannotMount("fsck: %d" % done.returncode)
        self.mount()
