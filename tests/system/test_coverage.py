"""coverage.py: a function that no test reached whole has a reason in
COVERAGE.md, or the report fails.  Nothing is built or counted here."""
import contextlib
import io
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from heygend import SRCDIR, main  # noqa: E402

sys.path.insert(0, os.path.join(SRCDIR, "tests"))
import coverage  # noqa: E402

TABLE = """
- `core/a.c`: before any reason
## memory
Why.

- `core/a.c`: grow, shrink
## never
- `core/a.c`: grow
"""


def counted(*lines, functions=((1, "grow"), (10, "*shrink"))):
    """gcovr's data of one file: (number, count) for each line."""
    return [{"file": "core/a.c",
             "functions": [{"lineno": at, "name": name}
                           for at, name in functions],
             "lines": [{"line_number": number, "count": count, "branches": []}
                       for number, count in lines]}]


class Reasons(unittest.TestCase):
    def explained(self, *lines):
        """What nothing explains, what was printed, and what was warned of."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            bare = coverage.explain(
                coverage.functions_missed(counted(*lines)),
                coverage.reasons(TABLE))
        return bare, out.getvalue(), err.getvalue()

    def test_the_table_names_functions_under_each_of_their_reasons(self):
        self.assertEqual(coverage.reasons(TABLE), {
            ("core/a.c", "grow"): ["memory", "never"],
            ("core/a.c", "shrink"): ["memory"]})

    def test_each_function_is_printed_with_its_reasons(self):
        bare, out, err = self.explained((2, 0), (3, 0), (11, 0), (12, 5))
        self.assertEqual((bare, err), ([], ""))
        self.assertRegex(out, r"grow +2  memory never\n")
        self.assertRegex(out, r"shrink +1  memory\n")

    def test_a_function_without_a_reason_is_found(self):
        files = counted((2, 1), (21, 0),
                        functions=((1, "grow"), (20, "other")))
        with contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()):
            bare = coverage.explain(coverage.functions_missed(files),
                                    coverage.reasons(TABLE))
        self.assertEqual(bare, [("core/a.c", "other")])
        self.assertIn("NO REASON", out.getvalue())

    def test_a_reason_that_nothing_needs_is_warned_of(self):
        bare, out, err = self.explained((2, 0), (11, 1))
        self.assertEqual(bare, [])
        self.assertEqual(err.count("\n"), 1)
        self.assertIn("shrink", err)

    def test_the_table_of_the_sources_has_files_that_are_there(self):
        with open(os.path.join(SRCDIR, "tests", "COVERAGE.md")) as table:
            known = coverage.reasons(table.read())
        self.assertGreater(len(known), 300)
        for file in {file for file, _ in known}:
            self.assertTrue(os.path.exists(os.path.join(SRCDIR, file)), file)


main(Reasons)
