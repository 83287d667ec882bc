"""Whatever the contract's headers offer has a `///`, and each header shows how it is used."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEADERS = [
    *sorted((ROOT / "sim/contract").glob("*.h")),
    ROOT / "replay/drawing.h",
    ROOT / "replay/replay.h",
    *sorted((ROOT / "envs/common").glob("*.h")),
]

COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
MACRO = re.compile(r"[ \t]*#[ \t]*define[ \t]+(\w+)")
TEMPLATE = re.compile(r"\btemplate\s*<")
ACCESS = re.compile(r"\s*(public|protected|private)\s*:")
TYPE = re.compile(r"(class|struct|union|enum(?:\s+(?:class|struct))?)\b(?:\s*alignas\s*\([^)]*\))?\s*(\w*)")
NOISE = re.compile(r"\balignas\s*\([^)]*\)|__attribute__\s*\(\(.*?\)\)|\[\[.*?\]\]|\b__extension__\b", re.DOTALL)
CODE_LINE = re.compile(r"^\s*/// {3,}.*[;{}](?:\s*//.*)?$")
CLOSING = {"(": ")", "[": "]", "{": "}"}


def blanked(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The code, every line in its place; what stands between quotes is blank too."""
    return COMMENT_OR_TEXT.sub(lambda m: blanked(m[0]) if m[0][0] == "/" else f'"{blanked(m[0][1:-1])}"', text)


def closing(code, start):
    """Place of the bracket that closes the one at `start`."""
    stack = []
    for at in range(start, len(code)):
        if code[at] in CLOSING:
            stack.append(CLOSING[code[at]])
        elif stack and code[at] == stack[-1]:
            stack.pop()
            if not stack:
                return at
    raise ValueError(f"a bracket that is not closed: {code[start:start + 60]!r}")


def behind_template(code, at):
    """Place behind the `template <...>` that begins at `at`, or `at` itself. Brackets within it may hold anything."""
    match = TEMPLATE.match(code, at)
    if not match:
        return at
    depth, at = 1, match.end()
    while depth:
        depth += {"<": 1, ">": -1}.get(code[at], 0)
        at = closing(code, at) + 1 if code[at] in CLOSING else at + 1
    return at


def without_template(head):
    """A declaration behind its `template <...>`."""
    head = head.strip()
    while (end := behind_template(head, 0)) > 0:
        head = head[end:].strip()
    return head


def kind_and_name(head, owner, at_namespace):
    """What a declaration declares, as ("function", "covering"); (None, ...) for what needs no comment of its own: data,
    constructors, operators. owner: the type that it is a member of, or None."""
    head = NOISE.sub(" ", without_template(head)).strip()
    if not head or head.startswith(("static_assert", "friend", "namespace", "extern")):
        return None, head
    if match := re.match(r"using\s+(\w+)\s*=", head):
        return "type", match[1]
    if head.startswith("using "):  # of a base's names
        return None, head
    if match := TYPE.match(head):
        return ("type", match[2]) if match[2] else (None, head)
    if head.startswith("typedef"):
        return "type", re.search(r"(\w+)\s*$", head)[1]
    if re.search(r"\boperator\b", head.split("(")[0]) or "operator()" in head:
        return None, head
    value = re.search(r"(?<![=!<>])=(?!=)", head)
    call = re.search(r"(~?\w+)\s*(?:<[^()]*>)?\s*\(", head)
    if call and (not value or call.start() < value.start()):
        if call[1].lstrip("~") == owner:
            return None, head
        return "function", call[1]
    is_constant = re.search(r"\bconstexpr\b", head) or (at_namespace and re.search(r"\bconst\b", head))
    if is_constant and (match := re.search(r"(\w+)\s*(?:<[^=]*>\s*)?(?:\[[^\]]*\]\s*)?(?:=|\{|$)", head)):
        return "constant", match[1]
    return None, head


class Declarations:
    """Walks a header: namespaces, types and their public members, not the bodies of functions."""

    def __init__(self, text):
        self.lines = text.splitlines()
        self.code = without_comments(text)
        self.directives = set()
        self.found = []  # (line, last line, kind, name, scope)
        for match in DIRECTIVE.finditer(self.code):
            first, last = self.line(match.start()), self.line(match.end())
            self.directives |= set(range(first, last + 1))
            if macro := MACRO.match(match[0]):
                self.found.append((first, last, "macro", macro[1], ""))
        self.code = DIRECTIVE.sub(lambda m: blanked(m[0]), self.code)
        self.walk(0, len(self.code), owner=None, scope="", is_public=True)

    def line(self, at):
        return self.code.count("\n", 0, at)

    def walk(self, at, end, owner, scope, is_public):
        start = at
        while at < end:
            c = self.code[at]
            if match := ACCESS.match(self.code, start, end) if at == start else None:
                is_public = match[1] == "public"
                at = start = match.end()
            elif (behind := behind_template(self.code, at)) > at:
                at = behind
            elif c in "([":
                at = closing(self.code, at) + 1
            elif c == ";":
                is_forward = bool(TYPE.match(without_template(self.code[start:at])))
                self.declare(start, at, owner, scope, is_public, is_forward)
                at = start = at + 1
            elif c == "{":
                close = closing(self.code, at)
                head = without_template(self.code[start:at])
                if match := re.match(r"(?:inline\s+)?namespace\b\s*([\w:]*)", head):
                    if not match[1].endswith("detail"):
                        self.walk(at + 1, close, None, scope + match[1] + "::", True)
                    at = start = close + 1
                elif (match := TYPE.match(head)) and "(" not in NOISE.sub("", head):
                    self.declare(start, at, owner, scope, is_public)
                    if match[2] and is_public and not match[1].startswith("enum"):
                        self.walk(at + 1, close, match[2], scope + match[2] + "::", match[1] != "class")
                    at = start = self.code.index(";", close) + 1
                elif self.is_initialiser(head):
                    at = close + 1
                else:
                    self.declare(start, at, owner, scope, is_public, last=close)
                    at = start = close + 1
            else:
                at += 1

    @staticmethod
    def is_initialiser(head):
        """Whether the brace behind this begins a value and not a function's body."""
        outside = head
        while (reduced := re.sub(r"\([^()]*\)", "", outside)) != outside:
            outside = reduced
        return "operator" not in head and ("(" not in head or bool(re.search(r"(?<![=!<>])=(?!=)", outside)))

    def declare(self, start, at, owner, scope, is_public, is_forward=False, last=None):
        text = self.code[start:at]
        kind, name = kind_and_name(text, owner, at_namespace=owner is None)
        if kind is None or not is_public or is_forward or re.search(r"=\s*(default|delete)\s*$", text):
            return
        first = start + len(text) - len(text.lstrip())
        self.found.append((self.line(first), self.line(at if last is None else last), kind, name, scope))

    def undocumented(self):
        """A `///` is directly above, at the end of a line, or above a group of one-line declarations of one kind. Lines
        of the preprocessor between are skipped. A macro that is defined twice is documented once."""
        missing, covered, macros = [], {}, set()  # covered: last line of what a comment above covers -> kind
        for first, last, kind, name, scope in sorted(self.found):
            above = first - 1
            while above in self.directives and (kind != "macro" or above not in covered):
                above -= 1
            is_template = re.match(r"\s*template\b", self.lines[first]) and last > first
            is_one_line = last - first - bool(is_template) == 0
            is_above = above >= 0 and self.lines[above].lstrip().startswith("///")
            is_behind = any(re.match(r"\s*[^/\s].*///", line) for line in self.lines[first : last + 1])
            is_in_group = is_one_line and covered.get(above) == (kind, scope)
            if is_one_line and (is_above or is_in_group):
                covered[last] = (kind, scope)
            if is_above or is_behind or is_in_group:
                macros |= {name} if kind == "macro" else set()
            elif name not in macros:
                missing.append(f"line {first + 1}: {kind} {scope}{name}")
        return missing


def has_example(text):
    """An indented line of code in a `///` outside of all namespaces and types."""
    code, at = without_comments(text), 0
    for line in text.splitlines(keepends=True):
        before = code[:at]
        if CODE_LINE.match(line.rstrip()) and before.count("{") == before.count("}"):
            return True
        at += len(line)
    return False


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_a_header_of_the_contract_offers_is_documented(header):
    missing = Declarations(header.read_text()).undocumented()
    assert not missing


def test_every_header_of_the_contract_shows_how_it_is_used():
    names = {str(path.relative_to(ROOT)): path for path in HEADERS}
    assert not {name for name, path in names.items() if not has_example(path.read_text())}


def test_the_headers_declarations_are_found():
    """The parser must not pass for want of anything to complain about."""
    every = [entry for path in HEADERS for entry in Declarations(path.read_text()).found]
    found = {f"{kind} {scope}{name}" for _, _, kind, name, scope in every}
    assert len(found) > 400
    assert found >= {
        "macro SIM_HD",
        "constant flockstep::sum_leaves",
        "constant flockstep::is_streamed",
        "constant flockstep::RowTable::rows",
        "type flockstep::ActionPart::Kind",
        "type flockstep::SharedOf",
        "function flockstep::real::pow",
        "function flockstep::Role::observation",
        "function flockstep::Outcome::value",
        "function flockstep::in_polygon",
    }


SAMPLE = """
#pragma once

/// A header.
///
///   const int two = twice(1);
namespace sample {

/// Documented.
struct Point {
    float x, y;
    float length() const { return x; }
    /// Documented, and the next with it.
    float squared() const { return x * x; }
    float cubed() const { return x * x * x; }
    Point(float x, float y) : x(x), y(y) {}
    bool operator==(const Point&) const = default;
    template <class T>
    T as(T low = {}) const requires(sizeof(T) > 1) {
        return T(x);
    }

  private:
    float hidden() const { return x; }
};
struct Line {
    static constexpr int ends = 2;
    int behind() const;  /// Documented.
    /// Documented.
    enum class Side { left, right };
};
#define TWICE(x) ((x) + (x))
class Later;
/// Documented.
template <class T, int n = (1 > 0), Range range = Range{0, 1}>
inline constexpr bool is_wide = requires(T t) {
    t.wide;
};
int twice(int x);  // not a word for the reader of the header

template <class T>
inline constexpr bool is_narrow = requires(T t) {
    t.narrow;
};
using Number = int;
namespace detail {
int helper(int x);
}
}  // namespace sample
"""


def test_the_parser_sees_what_has_no_comment():
    names = [entry.split(": ")[1] for entry in Declarations(SAMPLE).undocumented()]
    assert names == [
        "function sample::Point::length",
        "function sample::Point::as",
        "type sample::Line",
        "constant sample::Line::ends",
        "macro TWICE",
        "function sample::twice",
        "constant sample::is_narrow",
        "type sample::Number",
    ]


@pytest.mark.parametrize(
    "before, after",
    [
        ("/// Documented.\nstruct Point", "struct Point"),
        ("    /// Documented, and the next with it.\n", ""),
        ("  /// Documented.\n    ///", "\n    ///"),
        ("/// Documented.\ntemplate", "\ntemplate"),
    ],
)
def test_a_comment_that_is_taken_away_is_missed(before, after):
    assert before in SAMPLE
    lesser = Declarations(SAMPLE.replace(before, after, 1)).undocumented()
    assert len(lesser) > len(Declarations(SAMPLE).undocumented())


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_comment_of_a_header_is_needed(header):
    """Taken away one by one, each is missed; and so is one for what is added at the header's end."""
    lines = header.read_text().splitlines()
    for first, _, kind, name, scope in Declarations("\n".join(lines)).found:
        lesser, above = list(lines), first - 1
        while lesser[above].lstrip().startswith("///"):
            lesser[above], above = "", above - 1
        if lesser != lines:
            missing = Declarations("\n".join(lesser)).undocumented()
            assert f"line {first + 1}: {kind} {scope}{name}" in missing
    more = "\n".join([*lines, "", "int added(int x);"])
    assert Declarations(more).undocumented()[-1].endswith("function added")


def test_an_example_is_code_in_the_headers_own_comment():
    assert has_example(SAMPLE)
    assert not has_example(SAMPLE.replace("///   const int two = twice(1);", "///   twice(x)   the double of x"))
    assert not has_example("namespace a {\n///   f(x);\nvoid f(int x);\n}\n")
