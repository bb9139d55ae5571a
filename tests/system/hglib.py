"""hglib.py -- libheygen-client for the system tests, by ctypes.

Loads the library that was built, declares every function of the header, and
wraps what the tests use most: Client, with its details of the last failure, and
the codes and words as numbers.  Nothing here is an API for anybody else.
"""
import ctypes as C
import os
import subprocess
import sys

BUILDDIR = os.environ.get("HG_BUILDDIR", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))
SRCDIR = os.environ.get("HG_SRCDIR", os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", ".."))
SANITIZER = os.environ.get("HG_SANITIZER", "")

(OK, EINVAL, ENOMEM, ETIMEDOUT, EINTERRUPTED, ENETWORK, EUNAVAILABLE, ERATELIMIT,
 ECIRCUIT, EAUTH, ENOTFOUND, EGONE, ESTATE, EREJECTED, EPROTOCOL, EUNSUPPORTED,
 EPARTIAL) = range(0, -17, -1)
PENDING, COMPLETED, ERROR = range(3)
(UNKNOWN, QUEUED, RUNNING, PAUSED, STATE_COMPLETED, STATE_ERROR,
 CANCELED) = range(7)
BALANCED, COST, LATENCY = range(3)
SSE, HOLD, ETA, HISTORY, BULK = 1, 2, 4, 8, 16

LogFn = C.CFUNCTYPE(None, C.c_void_p, C.c_int, C.c_char_p, C.c_char_p)
JobFn = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_void_p)


class Options(C.Structure):
    _fields_ = [("size", C.c_size_t), ("base_url", C.c_char_p),
                ("api_key", C.c_char_p), ("ca_file", C.c_char_p),
                ("user_agent", C.c_char_p), ("status_path", C.c_char_p),
                ("timeout_ms", C.c_uint32), ("max_tries", C.c_uint32),
                ("profile", C.c_int32), ("use", C.c_int32),
                ("delay_price", C.c_double), ("on_log", LogFn),
                ("log_user", C.c_void_p), ("log_level", C.c_int32)]


class Request(C.Structure):
    _fields_ = [("size", C.c_size_t), ("source_url", C.c_char_p),
                ("title", C.c_char_p), ("source_language", C.c_char_p),
                ("output_language", C.c_char_p),
                ("tags", C.POINTER(C.c_char_p)),
                ("idempotency_key", C.c_char_p), ("not_before", C.c_int64),
                ("ttl_s", C.c_int64), ("priority", C.c_int32),
                ("on_error", C.c_int32), ("max_attempts", C.c_uint32),
                ("sim_fail_attempts", C.c_uint32),
                ("sim_duration_ms", C.c_int64), ("sim_seed", C.c_uint64),
                ("sim_error_rate", C.c_double), ("sim_fail_at", C.c_double)]


class Stats(C.Structure):
    _fields_ = [("size", C.c_size_t)] + [
        (name, C.c_uint64) for name in
        ("calls", "retries", "holds", "streams", "polls", "bytes_in")]


def find_library():
    for folder in (".libs", ""):
        path = os.path.join(BUILDDIR, folder, "libheygen-client.so")
        if os.path.exists(path):
            return path
    raise AssertionError("libheygen-client.so has not been built below %s" %
                         BUILDDIR)


def run_time(name):
    """The path of a sanitizer's run-time library, gcc's or clang's."""
    cc = os.environ.get("HG_CC", "gcc").split()[0]
    # clang knows gcc's library, too
    for file in ("libclang_rt.%s-%s.so" % (name, os.uname().machine),
                 "lib%s.so" % name):
        path = subprocess.run([cc, "-print-file-name=" + file], text=True,
                              stdout=subprocess.PIPE, check=True).stdout.strip()
        if os.path.isabs(path):
            return path
    raise AssertionError("%s knows no run-time library of %s" % (cc, name))


def preload_sanitizer():
    """A library built with AddressSanitizer wants its run-time loaded first;
    what this environment must be for another Python that loads the library.
    The programs bring their own."""
    if "address" not in SANITIZER:
        return {}
    if "HG_PRELOADED" in os.environ:
        return {name: os.environ.pop(name)
                for name in ("HG_PRELOADED", "LD_PRELOAD", "ASAN_OPTIONS")}
    os.environ["HG_PRELOADED"] = "1"
    os.environ["LD_PRELOAD"] = run_time("asan")
    # the interpreter's own leaks are not ours to count
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0"
    os.execv(sys.executable, [sys.executable] + sys.argv)


if "thread" in SANITIZER:
    print("1..0 # SKIP ThreadSanitizer is for the C programs")
    sys.exit(0)
PRELOADED = preload_sanitizer()
lib = C.CDLL(find_library())

P = C.c_void_p
PP = C.POINTER(C.c_void_p)
for name, result, *arguments in (
        ("client_options_init", None, C.POINTER(Options), C.c_size_t),
        ("request_init", None, C.POINTER(Request), C.c_size_t),
        ("client_new", C.c_int, C.POINTER(Options), PP),
        ("client_free", None, P), ("interrupt", None, P),
        ("notify", None, P, C.c_char_p),
        ("client_save", C.c_int, P, PP, C.POINTER(C.c_size_t)),
        ("client_load", C.c_int, P, C.c_char_p, C.c_size_t),
        ("client_stats", None, P, C.POINTER(Stats)),
        ("free", None, P), ("version", C.c_char_p),
        ("strerror", C.c_char_p, C.c_int),
        ("error_message", C.c_char_p, P), ("error_code", C.c_char_p, P),
        ("error_request_id", C.c_char_p, P),
        ("error_http_status", C.c_int, P), ("error_tries", C.c_int, P),
        ("error_retry_after_ms", C.c_int64, P),
        ("job_new", C.c_int, C.c_char_p, PP), ("job_free", None, P),
        ("jobs_count", C.c_size_t, P), ("jobs_at", P, P, C.c_size_t),
        ("jobs_next_page_token", C.c_char_p, P), ("jobs_free", None, P),
        ("events_count", C.c_size_t, P),
        ("events_at", C.c_char_p, P, C.c_size_t), ("events_free", None, P),
        ("submit", C.c_int, P, C.POINTER(Request), PP),
        ("submit_many", C.c_int, P, C.POINTER(C.POINTER(Request)), C.c_size_t,
         PP),
        ("refresh", C.c_int, P, P),
        ("wait", C.c_int, P, P, C.c_int64, JobFn, P),
        ("wait_many", C.c_int, P, PP, C.c_size_t, C.c_size_t, C.c_int64, JobFn,
         P),
        ("pause", C.c_int, P, P), ("resume", C.c_int, P, P),
        ("cancel", C.c_int, P, P), ("restart", C.c_int, P, P),
        ("remove", C.c_int, P, P),
        ("set_priority", C.c_int, P, P, C.c_int32),
        ("list", C.c_int, P, C.c_char_p, C.c_char_p, PP),
        ("job_events", C.c_int, P, P, C.c_int64, PP),
        ("queue", C.c_int, P, C.c_char_p, PP),
        ("watch_new", C.c_int, P, JobFn, P, PP),
        ("watch_add", C.c_int, P, C.c_char_p),
        ("watch_drop", C.c_int, P, C.c_char_p), ("watch_fd", C.c_int, P),
        ("watch_step", C.c_int, P, C.POINTER(C.c_size_t)),
        ("watch_free", None, P)):
    function = getattr(lib, "hg_" + name)
    function.restype, function.argtypes = result, arguments
for names, result in (
        ("id title stage result_url error_code error_message json", C.c_char_p),
        ("state result err", C.c_int), ("progress", C.c_double),
        ("remaining_ms estimated_completion_at submitted_at finished_at",
         C.c_int64), ("priority attempt", C.c_int32)):
    for name in names.split():
        function = getattr(lib, "hg_job_" + name)
        function.restype, function.argtypes = result, [P]


def text(value):
    return None if value is None else value.decode()


def raw(value):
    return value.encode() if isinstance(value, str) else value


class Job:
    """A handle; the getters are attributes."""

    def __init__(self, handle=None, owned=True, id=None):
        if handle is None:
            out = P()
            code = lib.hg_job_new(raw(id), C.byref(out))
            assert code == OK, code
            handle = out.value
        self.handle, self.owned = handle, owned

    def __del__(self):
        if self.owned:
            lib.hg_job_free(self.handle)

    def __getattr__(self, name):
        value = getattr(lib, "hg_job_" + name)(self.handle)
        return text(value) if isinstance(value, bytes) else value


class Client:
    """One client.  Methods return the call's code."""

    def __init__(self, url, log=None, **options):
        self.logged = []
        o = Options()
        lib.hg_client_options_init(C.byref(o), C.sizeof(o))
        o.base_url = raw(url)
        o.log_level = 7
        for name, value in options.items():
            setattr(o, name, raw(value))
        self.on_log = LogFn(self._log)
        o.on_log = self.on_log
        self.echo = log
        out = P()
        code = lib.hg_client_new(C.byref(o), C.byref(out))
        if code:
            raise ValueError(code)
        self.handle = out.value

    def _log(self, user, level, event, fields):
        self.logged.append((level, text(event), fields.decode(
            errors="replace")))
        if self.echo:
            print("#", level, text(event), text(fields), flush=True)

    def events(self, name):
        return [fields for _, event, fields in self.logged if event == name]

    def close(self):
        lib.hg_client_free(self.handle)
        self.handle = None

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    @property
    def stats(self):
        s = Stats(size=C.sizeof(Stats))
        lib.hg_client_stats(self.handle, C.byref(s))
        return s

    @property
    def message(self):
        return text(lib.hg_error_message(self.handle))

    @property
    def code(self):
        return text(lib.hg_error_code(self.handle))

    @property
    def status(self):
        return lib.hg_error_http_status(self.handle)

    @property
    def tries(self):
        return lib.hg_error_tries(self.handle)

    @property
    def retry_after_ms(self):
        return lib.hg_error_retry_after_ms(self.handle)

    def interrupt(self):
        lib.hg_interrupt(self.handle)

    def notify(self, id):
        lib.hg_notify(self.handle, raw(id))

    def submit(self, **fields):
        """(code, Job or None)"""
        out = P()
        code = lib.hg_submit(self.handle, C.byref(request(**fields)),
                             C.byref(out))
        return code, Job(out.value) if code == OK else None

    def submit_many(self, n, **fields):
        """(code, list of Jobs): the list's owner is its first element's"""
        requests = [request(**fields) for _ in range(n)]
        array = (C.POINTER(Request) * n)(*[C.pointer(r) for r in requests])
        out = P()
        code = lib.hg_submit_many(self.handle, array, n, C.byref(out))
        return code, Jobs(out.value) if code == OK else None

    def refresh(self, job):
        return lib.hg_refresh(self.handle, job.handle)

    def wait(self, job, deadline_ms=-1, on_change=None):
        return lib.hg_wait(self.handle, job.handle, deadline_ms,
                           job_fn(on_change), None)

    def wait_many(self, jobs, until=0, deadline_ms=-1, on_change=None):
        array = (P * len(jobs))(*[j.handle for j in jobs])
        return lib.hg_wait_many(self.handle, array, len(jobs), until,
                                deadline_ms, job_fn(on_change), None)

    def verb(self, name, job, *more):
        return getattr(lib, "hg_" + name)(self.handle, job.handle, *more)

    def list(self, query=None, token=None):
        out = P()
        code = lib.hg_list(self.handle, raw(query), raw(token), C.byref(out))
        return code, Jobs(out.value) if code == OK else None


class Jobs(list):
    def __init__(self, handle):
        super().__init__(Job(lib.hg_jobs_at(handle, i), owned=False)
                         for i in range(lib.hg_jobs_count(handle)))
        self.handle = handle
        self.token = text(lib.hg_jobs_next_page_token(handle))

    def __del__(self):
        lib.hg_jobs_free(self.handle)


def job_fn(function):
    """A callback for (Job), whose answer None means go on."""
    if not function:
        return JobFn()
    return JobFn(lambda user, handle: function(Job(handle, owned=False)) or 0)


def request(tags=None, **fields):
    r = Request()
    lib.hg_request_init(C.byref(r), C.sizeof(r))
    for name, value in fields.items():
        setattr(r, name, raw(value))
    if tags is not None:
        r.tags = (C.c_char_p * (len(tags) + 1))(*[raw(t) for t in tags], None)
    return r
