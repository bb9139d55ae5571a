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


class Failed(AssertionError):
    """A command that this machine can do was not done."""


def run(*command, fine=(0,)):
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed("%s: %s" % (" ".join(command), error)) from None
    said = done.stdout.decode(errors="replace").strip()
    if done.returncode not in fine:
        raise Failed("%s: %d, %s" % (" ".join(command), done.returncode,
                                     said))
    return said


def own_namespace():
    """What is mounted from now on, nobody else sees."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise Failed("unshare: " + os.strerror(ctypes.get_errno()))
    run("mount", "--make-rprivate", "/")


def why_not(directory):
    """None: this process, in a namespace of its own from now on, can do here
    whatever a Disk does.  Else the reason."""
    if os.geteuid() != 0:
        return "only root may mount"
    try:
        own_namespace()
        Disk(os.path.join(directory, "probe"), 16).try_all()
    except (Failed, OSError) as reason:
        return str(reason)
    return None


class Disk:
    """Mounted at `path`, which is made; its image lies beside it."""

    def __init__(self, path, mib=256):
        self.path, self.image = path, path + ".img"
        self.mounted = False
        os.makedirs(path)
        try:
            with open(self.image, "wb") as image:
                image.truncate(mib * MIB)
            run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0",
                self.image)
            self.mount()
        except BaseException:
            self.remove()
            raise

    def try_all(self):
        """Once, with nobody there; it is removed."""
        file = os.path.join(self.path, "file")
        try:
            open(file, "wb").close()
            self.freeze_files(True, file)
            self.freeze_files(False, file)
            self.remount("ro")
            self.remount("rw")
            self.give_up()
            self.repair()
        finally:
            self.remove()

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
            except Failed:		# somebody still has files open
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
        device = run("findmnt", "-n", "-o", "SOURCE", self.path)
        with open("/sys/fs/ext4/%s/trigger_fs_error" %
                  os.path.basename(device), "w") as trigger:
            trigger.write("proof")

    def repair(self):
        """Unmounts, checks and mounts it."""
        self.unmount()
        run("fsck.ext4", "-p", self.image, fine=(0, 1))	# 1: was corrected
        self.mount()
