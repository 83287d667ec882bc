"""Copies docs/*.md, and the README of every environment's folder as a page, and fills in what the program declares about itself,
so that no table of the pages can go stale.

    python docs/generate.py build/docs-src --program build/flockstep

A line `<!-- generated: KIND ARGUMENTS -->` is replaced by:
    environments                  all environments and their Gymnasium ids
    settings NAME                 an environment's settings
    spaces NAME [key=value ...]   its roles, observations, actions, outputs, metrics, policies and state under these settings
    options COMMAND [WORD ...]    the settings that `flockstep COMMAND ... --help` shows
    readme HEADING                that section of the README
"""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import flockstep

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
MARKER = re.compile(r"^<!-- generated: (\w+) ?(.*?) -->$", re.MULTILINE)
TABLE_HEAD = re.compile(r"^( *)key +default +values +description$")
UNBOUNDED = 1e30
FEW = 8  # elements whose ranges are listed one by one


def markdown_table(head, rows):
    """Rows of texts below a head, as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", r"\|") for cell in line) + " |" for line in lines)


def code(text):
    return f"`{text}`"


def joined(names):
    return ", ".join(map(code, names))


# What the Python package knows of an environment


def environment_pages():
    """The README of each environment or family."""
    return sorted((ROOT / "envs").glob("*/README.md"))


def page_of(name):
    """The page that shows an environment's settings."""
    marker = f"<!-- generated: settings {name} -->"
    pages = [page for page in environment_pages() if marker in page.read_text()]
    if len(pages) != 1:
        raise SystemExit(f"docs: got {len(pages)} files envs/*/README.md with {marker}, want one")
    return pages[0]


def environments():
    rows = []
    for name, environment in flockstep.environments().items():
        ids = [f"flockstep/{id}" for id in environment["gymnasium_ids"]]
        page = f"environments/{page_of(name).parent.name}.md"
        rows.append([f"[{code(name)}]({page})", environment["summary"], joined(ids)])
    return markdown_table(["name", "summary", "Gymnasium ids"], rows)


def settings(name):
    rows = []
    for setting in flockstep.environments()[name]["settings"]:
        default = setting["default"] or '""'
        wanted = "true or false" if setting["type"] == "bool" else setting["want"]
        rows.append([code(setting["name"]), code(default), wanted, setting["help"]])
    return markdown_table(["setting", "default", "accepts", "meaning"], rows)


def number(value):
    """A bound as people write it."""
    if abs(value) > UNBOUNDED:
        return "inf" if value > 0 else "-inf"
    return f"{value:.4g}"


def bounds(part):
    """The range of a part's elements, or of each where they are few and differ."""
    low, high = part["low"], part["high"]
    if not low or not high:
        return "any"
    pairs = list(zip(low, high, strict=True)) if len(low) == len(high) else []
    if not 1 < len(set(pairs)) <= len(pairs) <= FEW:
        pairs = [(min(low), max(high))]
    return "; ".join(f"{number(least)} to {number(most)}" for least, most in pairs)


def shape(sizes):
    return "[" + ", ".join(map(str, sizes)) + "]"


def observation_rows(env, role):
    prefix = f"{role['name']}." if len(env.roles) > 1 else ""
    dtypes = {array.name: array.dtype for array in env._batch.observations}
    for part in role["observation"]:
        dtype = dtypes.get(prefix + part["name"], "disabled by these settings")
        yield [code(part["name"]), dtype, shape(part["shape"]), bounds(part)]


def action_rows(role):
    for part in role["action"]:
        if part["kind"] == "box":
            yield [code(part["name"]), "Box, float32", part["size"], bounds(part)]
        elif part["kind"] == "discrete":
            yield [code(part["name"]), "Discrete", 1, f"0 to {part['n'][0] - 1}"]
        else:
            yield [code(part["name"]), "MultiDiscrete", part["size"], "choices: " + ", ".join(map(str, part["n"]))]


def role_tables(env, role):
    agents = "1 agent" if role["count"] == 1 else f"{role['count']} agents"
    return "\n\n".join([
        f"**Role {code(role['name'])}**, {agents}. Shapes are those of one agent.",
        markdown_table(["observation", "dtype", "shape", "range"], observation_rows(env, role)),
        markdown_table(["action", "kind", "size", "range"], action_rows(role)),
    ])


def output_table(env):
    arrays = [*env._batch.outputs, *env._batch.action_masks, *env._batch.states]
    return markdown_table(["output", "dtype", "shape"], [[code(a.name), a.dtype, shape(["num_envs", *a.shape[1:]])] for a in arrays])


def state_table(env):
    rows = []
    for field in env._batch.fields:
        if 0 not in field["shape"]:
            rows.append([code(field["name"]), field["dtype"], shape(["num_envs", *field["shape"][1:]]), "yes" if field["derived"] else "no"])
    return markdown_table(["state field", "dtype", "shape", "derived"], rows)


def spaces(name, *given):
    values = dict(word.split("=", 1) for word in given)
    with flockstep.make(name, num_envs=3, device="cpu", **values) as env:
        under = f"With {joined(given)}:" if given else "With the default settings:"
        tables = [role_tables(env, role) for role in env._batch.spaces]
        words = f"Metrics: {joined(env.metric_names)}. Policies: {joined(env.policies)}."
        return "\n\n".join([under, *tables, output_table(env), words, state_table(env)])


# What the program's help shows


def help_tables(text):
    """The tables of settings in a help text: lists of (key, default, values, description)."""
    tables, columns = [], None
    for line in text.splitlines():
        if match := TABLE_HEAD.match(line):
            columns = [line.index(word) for word in ("key", "default", "values", "description")]
            tables.append([])
        elif columns is None or not line.strip():
            columns = None
        elif line[columns[0]] != " ":
            ends = [*columns[1:], None]
            tables[-1].append([line[begin:end].strip() for begin, end in zip(columns, ends, strict=True)])
        else:  # goes on with the last column
            tables[-1][-1][3] += " " + line.strip()
    return tables


def options(program, *words):
    run = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True)
    rows = [[code(key), code(default), wants, text] for table in help_tables(run.stdout) for key, default, wants, text in table]
    if not rows:
        raise SystemExit(f"docs: flockstep {' '.join(words)} --help shows no settings")
    return markdown_table(["key", "default", "accepts", "meaning"], rows)


# What the README says


def readme(*words):
    """The text below a heading of the second level, up to the next one."""
    text, heading = (ROOT / "README.md").read_text(), " ".join(words)
    match = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not match:
        raise SystemExit(f'docs: README.md has no section "{heading}"')
    return relinked(match[1].strip())


# Pages


def fill_in(text, program):
    """A page with its tables."""
    kinds = {
        "environments": environments,
        "settings": settings,
        "spaces": spaces,
        "options": lambda *words: options(program, *words),
        "readme": readme,
    }

    def table(match):
        kind, arguments = match[1], match[2].split()
        if kind not in kinds:
            raise SystemExit(f'docs: got "{match[0]}", want one of: {", ".join(kinds)}')
        return kinds[kind](*arguments)

    return MARKER.sub(table, text)


def relinked(text):
    """Links between the files of the repository, written in docs/, the README or an environment's README, as links between
    pages: envs/NAME/README.md is environments/NAME.md."""
    text = re.sub(r"\]\((?:\.\./)?envs/(\w+)/README\.md", r"](environments/\1.md", text)
    return re.sub(r"\]\((?:\.\./\.\./)?docs/", lambda found: "](../" if ".." in found[0] else "](", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="the folder to write; what was there is removed")
    parser.add_argument("--program", type=Path, required=True, help="the flockstep program, whose help is read")
    given = parser.parse_args()
    if not given.program.is_file():
        raise SystemExit(f'docs: program: got "{given.program}", want the flockstep program; it is built where torch is installed')
    shutil.rmtree(given.output, ignore_errors=True)
    (given.output / "environments").mkdir(parents=True)
    pages = {path.name: path for path in DOCS.glob("*.md")}
    pages.update({f"environments/{path.parent.name}.md": path for path in environment_pages()})
    for name, path in pages.items():
        (given.output / name).write_text(fill_in(relinked(path.read_text()), given.program.resolve()))
    for picture in DOCS.glob("*.png"):
        shutil.copy(picture, given.output)


if __name__ == "__main__":
    main()
