"""openapi.py -- an OpenAPI 3.1 document as tests need it.

Document    its operations, and whether an answer is one that it promises:
            status, content type, headers, body, events of a stream.
Schemas     JSON Schema, the part of it that the document uses.  A keyword
            that is not known here is an error: nothing goes unchecked.
candidates  values around a schema's borders, good and bad ones.
"""
import collections
import json
import re
from fractions import Fraction

TRANSPORT = {"connection", "content-length", "content-type", "date"}
NOTES = {"description", "default", "example", "x-events"}
DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(\.\d+)?"
    r"([Zz]|[+-](\d\d):(\d\d))")
MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

Operation = collections.namedtuple("Operation",
                                   "id method path fields parameters")


def parse(text):
    """JSON with exact numbers; a key that comes twice is an error."""
    def unique(pairs):
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key comes twice: %r" % (pairs,))
        return dict(pairs)
    return json.loads(text, parse_float=Fraction, object_pairs_hook=unique)


# --- JSON Schema --------------------------------------------------------------

def is_number(value):
    return isinstance(value, (int, float, Fraction)) and \
        not isinstance(value, bool)


def exact(value):
    return Fraction(repr(value)) if isinstance(value, float) else \
        Fraction(value)


TYPES = {
    "null": lambda v: v is None,
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: is_number(v) and exact(v) % 1 == 0,
    "number": is_number,
    "string": lambda v: isinstance(v, str),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
}


def same(a, b):
    """Equality in JSON: true is not 1."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def is_date_time(text):
    match = DATE_TIME.fullmatch(text)
    if not match:
        return False
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (1 <= month <= 12 and 1 <= day <= MONTH_DAYS[month - 1] +
            (leap and month == 2) and hour < 24 and minute < 60 and
            second < 60 and int(match.group(9) or 0) < 24 and
            int(match.group(10) or 0) < 60)


# keyword: the type it speaks of, and what must hold
LIMITS = {
    "minimum": (is_number, lambda v, n: exact(v) >= n),
    "maximum": (is_number, lambda v, n: exact(v) <= n),
    "multipleOf": (is_number, lambda v, n: exact(v) % n == 0),
    "minLength": (TYPES["string"], lambda v, n: len(v) >= n),
    "maxLength": (TYPES["string"], lambda v, n: len(v) <= n),
    "pattern": (TYPES["string"], lambda v, p: re.search(p, v)),
    "minItems": (TYPES["array"], lambda v, n: len(v) >= n),
    "maxItems": (TYPES["array"], lambda v, n: len(v) <= n),
    "minProperties": (TYPES["object"], lambda v, n: len(v) >= n),
    "required": (TYPES["object"], lambda v, names: not set(names) - set(v)),
}


class Schemas:
    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        """The node itself, or what its $ref names."""
        while isinstance(node, dict) and "$ref" in node:
            assert set(node) == {"$ref"}, node
            target = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def fits(self, value, schema):
        return not self.complaints(value, schema)

    def complaints(self, value, schema, at=""):
        """What is wrong with the value, as a list of sentences."""
        schema = self.resolve(schema)
        if isinstance(schema, bool):
            return [] if schema else ["%s may not be there" % at]
        found = []
        for keyword in set(schema) - NOTES - {"then", "else"}:
            if keyword in LIMITS:
                concerns, holds = LIMITS[keyword]
                if concerns(value) and not holds(value, schema[keyword]):
                    found.append("%s: %.200r breaks %s %r" % (
                        at, value, keyword, schema[keyword]))
                continue
            check = getattr(self, "check_" + keyword, None)
            assert check, "the keyword %s is not known here" % keyword
            found += check(value, schema, at)
        return found

    def check_type(self, value, schema, at):
        types = schema["type"]
        types = types if isinstance(types, list) else [types]
        if any(TYPES[name](value) for name in types):
            return []
        return ["%s: %.200r is no %s" % (at, value, " or ".join(types))]

    def check_enum(self, value, schema, at):
        if any(same(value, member) for member in schema["enum"]):
            return []
        return ["%s: %.200r is none of %r" % (at, value, schema["enum"])]

    def check_const(self, value, schema, at):
        return [] if same(value, schema["const"]) else \
            ["%s: %.200r is not %r" % (at, value, schema["const"])]

    def check_format(self, value, schema, at):
        assert schema["format"] == "date-time", schema
        if not isinstance(value, str) or is_date_time(value):
            return []
        return ["%s: %.200r is no time" % (at, value)]

    def check_properties(self, value, schema, at):
        found = []
        for name, inner in schema["properties"].items():
            if isinstance(value, dict) and name in value:
                found += self.complaints(value[name], inner,
                                         "%s.%s" % (at, name))
        return found

    def check_additionalProperties(self, value, schema, at):
        assert schema["additionalProperties"] is False, schema
        if not isinstance(value, dict):
            return []
        return ["%s.%s is not documented" % (at, name)
                for name in set(value) - set(schema.get("properties", ()))]

    def check_items(self, value, schema, at):
        found = []
        for i, item in enumerate(value if isinstance(value, list) else ()):
            found += self.complaints(item, schema["items"],
                                     "%s[%d]" % (at, i))
        return found

    def check_allOf(self, value, schema, at):
        return [found for part in schema["allOf"]
                for found in self.complaints(value, part, at)]

    def choices(self, value, parts, at):
        results = [self.complaints(value, part, at) for part in parts]
        return sum(not result for result in results), min(results, key=len)

    def check_anyOf(self, value, schema, at):
        count, nearest = self.choices(value, schema["anyOf"], at)
        return nearest if count == 0 else []

    def check_oneOf(self, value, schema, at):
        count, nearest = self.choices(value, schema["oneOf"], at)
        if count > 1:
            return ["%s: %.200r fits %d of oneOf" % (at, value, count)]
        return nearest if count == 0 else []

    def check_if(self, value, schema, at):
        branch = "then" if self.fits(value, schema["if"]) else "else"
        return self.complaints(value, schema.get(branch, True), at)


# --- values ---------------------------------------------------------------------

INT_MAX = 2 ** 53 - 1
PLAIN = [
    None, True, False, -101, -100, -2, -1, 0, 0.5, 1, 1.0, 1.5, 2, 100, 101,
    INT_MAX, INT_MAX + 1, 1e300, "", "x", "10", "a b", "demo", "g\u00fcnstig",
    "high", "HIGH", "stop", "default", "x" * 64, "x" * 65,
    "https://example.com/v.mp4", "HTTP://h", "http://", "ftp://example.com",
    "http:///path", "http://h h", "2026-11-22T12:00:00Z",
    "2026-11-22t12:00:00.5+02:00", "2026-02-30T00:00:00Z", "2026-11-22",
    "2026-11-22T12:00:00", "2026-11-22T24:00:00Z", [], ["x"], [1], {},
    {"x": 1},
]


def distinct(values):
    seen = {json.dumps(value): value for value in values}
    return list(seen.values())


def candidates(schemas, schema):
    """Values in and out of the schema, those at its borders among them."""
    schema = schemas.resolve(schema)
    values = list(PLAIN)
    for part in schema.get("anyOf", []) + schema.get("oneOf", []):
        values += candidates(schemas, part)
    values += schema.get("enum", [])
    for key, step in (("minimum", -1), ("maximum", 1)):
        if key in schema:
            values += [int(schema[key]), int(schema[key]) + step]
    if "maxLength" in schema:
        values += ["y" * schema["maxLength"], "y" * (schema["maxLength"] + 1)]
    if "items" in schema:
        inner = candidates(schemas, schema["items"])
        values += [[value] for value in inner]
        good = next(v for v in inner if schemas.fits(v, schema["items"]))
        if "maxItems" in schema:
            values += [[good] * schema["maxItems"],
                       [good] * (schema["maxItems"] + 1)]
    for name, part in schema.get("properties", {}).items():
        values += [{name: value} for value in candidates(schemas, part)]
    return distinct(values)


# --- the document -----------------------------------------------------------------

class Document:
    def __init__(self, text):
        self.root = parse(text)
        self.schemas = Schemas(self.root)
        self.operations = []
        for path, item in self.root["paths"].items():
            for method in set(item) - {"parameters"}:
                fields = item[method]
                parameters = [self.schemas.resolve(p) for p in
                              item.get("parameters", []) +
                              fields.get("parameters", [])]
                self.operations.append(Operation(
                    fields["operationId"], method.upper(), path, fields,
                    parameters))
        self.by_id = {op.id: op for op in self.operations}
        assert len(self.by_id) == len(self.operations)

    def is_open(self, op):
        return op.fields.get("security") == []

    def body_schema(self, op):
        """None: the operation takes no body."""
        body = op.fields.get("requestBody")
        return body and body["content"]["application/json"]["schema"]

    def response(self, op, status):
        return self.schemas.resolve(op.fields["responses"].get(str(status)))

    def documented(self, op):
        """{(status, code)}; code is None where there is no problem."""
        found = set()
        for status in op.fields["responses"]:
            content = self.response(op, status).get("content", {})
            problem = content.get("application/problem+json")
            codes = problem["schema"]["allOf"][1]["properties"]["code"][
                "enum"] if problem else [None]
            found |= {(int(status), code) for code in codes}
        return found

    def events(self, op):
        """The names of the events that its streams send."""
        ok = self.response(op, 200) or {}
        return set(ok.get("content", {}).get("text/event-stream", {}).get(
            "x-events", ()))

    def check_headers(self, response, answer):
        found = []
        promised = {name.lower(): self.schemas.resolve(header)
                    for name, header in response.get("headers", {}).items()}
        for name, header in promised.items():
            if name not in answer.headers:
                if header.get("required"):
                    found.append("the header %s is missing" % name)
                continue
            value = answer.headers[name]
            if header["schema"]["type"] == "integer":
                value = int(value) if value.isdigit() else value
            found += self.schemas.complaints(value, header["schema"], name)
        for name in set(answer.headers) - set(promised) - TRANSPORT:
            found.append("the header %s is not documented" % name)
        return found

    def complaints(self, op, answer):
        """What in the answer the document does not promise."""
        response = self.response(op, answer.status)
        if response is None:
            return ["the status %d is not documented" % answer.status]
        found = self.check_headers(response, answer)
        kind = answer.headers.get("content-type", "").partition(";")[0]
        content = response.get("content", {})
        if kind not in content and (kind or content):
            return found + ["the type %r is not documented" % kind]
        if not kind:
            return found + (["there is a body"] if answer.body else [])
        if kind.endswith("json") and "content-encoding" not in answer.headers:
            found += self.schemas.complaints(parse(answer.body),
                                             content[kind]["schema"])
        return found

    def event_complaints(self, op, event):
        """The same of an event of a stream, as heygend.Stream has it."""
        kinds = self.response(op, 200)["content"]["text/event-stream"][
            "x-events"]
        name = event.get("event", "message")
        if name not in kinds:
            return ["the event %s is not documented" % name]
        return self.schemas.complaints(parse(json.dumps(event["data"])),
                                       kinds[name])
