#!/usr/bin/env python3
"""submit_and_wait.py -- the library from Python, by ctypes and nothing else.

    submit_and_wait.py [SERVER]		$LIBHEYGEN_CLIENT: where the library is
"""
import ctypes
import os
import sys

hg = ctypes.CDLL(os.environ.get("LIBHEYGEN_CLIENT", "libheygen-client.so.0"))


class Options(ctypes.Structure):
    """hg_client_options.  Fields behind the last one given stay the default: the
    struct says how large it is."""
    _fields_ = [("size", ctypes.c_size_t), ("base_url", ctypes.c_char_p)]


class Request(ctypes.Structure):
    """hg_request, as far as it is used here."""
    _fields_ = [("size", ctypes.c_size_t), ("source_url", ctypes.c_char_p),
                ("title", ctypes.c_char_p),
                ("source_language", ctypes.c_char_p),
                ("output_language", ctypes.c_char_p)]


Handle = ctypes.c_void_p
for name, result, *arguments in (
        ("client_new", ctypes.c_int, ctypes.POINTER(Options),
         ctypes.POINTER(Handle)),
        ("client_free", None, Handle),
        ("submit", ctypes.c_int, Handle, ctypes.POINTER(Request),
         ctypes.POINTER(Handle)),
        ("wait", ctypes.c_int, Handle, Handle, ctypes.c_int64, Handle, Handle),
        ("job_free", None, Handle),
        ("job_id", ctypes.c_char_p, Handle),
        ("job_result", ctypes.c_int, Handle),
        ("job_result_url", ctypes.c_char_p, Handle),
        ("job_error_message", ctypes.c_char_p, Handle),
        ("error_message", ctypes.c_char_p, Handle),
        ("strerror", ctypes.c_char_p, ctypes.c_int)):
    function = getattr(hg, "hg_" + name)
    function.restype, function.argtypes = result, arguments


def main():
    client, job = Handle(), Handle()
    options = Options(size=ctypes.sizeof(Options))
    if len(sys.argv) > 1:
        options.base_url = sys.argv[1].encode()
    code = hg.hg_client_new(options, client)
    if code:
        sys.exit(hg.hg_strerror(code).decode())
    request = Request(size=ctypes.sizeof(Request), output_language=b"es",
                      source_url=b"https://example.com/launch.mp4")
    try:
        code = (hg.hg_submit(client, request, job) or
                hg.hg_wait(client, job, -1, None, None))
        if code:
            sys.exit(hg.hg_error_message(client).decode())
        if hg.hg_job_result(job) != 1:
            sys.exit(hg.hg_job_error_message(job).decode())
        print(hg.hg_job_result_url(job).decode())
    finally:
        hg.hg_job_free(job)
        hg.hg_client_free(client)


if __name__ == "__main__":
    main()
