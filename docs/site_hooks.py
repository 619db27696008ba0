"""Hooks of mkdocs.yml: files of the repository outside docs/, and the modules of the API pages.

A page links to a file of the repository as it does in the repository view, for example
``../lammps/README.md``. The hooks copy such files to ``repository/`` in the site, Markdown files
as pages, and rewrite the links.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File, Files

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS, COPIED = "docs/", "repository/"
# Inline links and images with a relative target: [text](target#anchor)
LINK = re.compile(r"(\]\()(?![a-z]+:|#|/)([^)\s#]+)((?:#[^)\s]*)?\))")
MODULES = re.compile(r"^<!-- modules: ([\w.]+) -->$", re.MULTILINE)
IMPORT_ROOTS = (REPOSITORY / "plugin", REPOSITORY / "training")


def on_files(files: Files, config) -> Files:
    """Add the files outside docs/ that pages link to, and those that these link to."""
    pages = [file.src_uri for file in files.documentation_pages()]
    while pages:
        page = pages.pop()
        text = (REPOSITORY / repository_path(page)).read_text(encoding="utf-8")
        for target in links(text):
            path = posixpath.normpath(
                posixpath.join(posixpath.dirname(repository_path(page)), target)
            )
            added = site_path(path)
            if (
                path.startswith(DOCS)
                or not (REPOSITORY / path).is_file()
                or added in files.src_uris
            ):
                continue
            files.append(File.generated(config, added, abs_src_path=str(REPOSITORY / path)))
            if path.endswith(".md"):
                pages.append(added)
    return files


def on_page_markdown(markdown: str, page, config, files: Files) -> str:
    """Rewrite links to files outside docs/ and list the modules of API pages."""
    here = page.file.src_uri

    def rewritten(found: re.Match) -> str:
        source = posixpath.dirname(repository_path(here))
        target = site_path(posixpath.normpath(posixpath.join(source, found[2])))
        return found[1] + posixpath.relpath(target, posixpath.dirname(here) or ".") + found[3]

    return MODULES.sub(directives, LINK.sub(rewritten, markdown))


def links(markdown: str) -> list[str]:
    """Relative targets of the inline links of a page, without anchors."""
    return [found[2] for found in LINK.finditer(markdown)]


def site_path(path: str) -> str:
    """Where a file of the repository lies in the site's sources."""
    return path.removeprefix(DOCS) if path.startswith(DOCS) else COPIED + path


def repository_path(src_uri: str) -> str:
    """Inverse of `site_path`."""
    return src_uri.removeprefix(COPIED) if src_uri.startswith(COPIED) else DOCS + src_uri


def directives(found: re.Match) -> str:
    """mkdocstrings' directive of every public module of a package, in alphabetical order."""
    return "\n\n".join(f"::: {name}" for name in public_modules(found[1]))


def public_modules(package: str) -> list[str]:
    """Modules below a package, or the name itself where it is a module."""
    relative = package.replace(".", "/")
    for root in IMPORT_ROOTS:
        if (root / f"{relative}.py").is_file():
            return [package]
        paths = sorted((root / relative).rglob("*.py"))
        if paths:
            names = [".".join(path.relative_to(root).with_suffix("").parts) for path in paths]
            return [name for name in names if "._" not in name and not name.endswith("__init__")]
    raise ValueError(f"modules: {package} is in neither of {', '.join(map(str, IMPORT_ROOTS))}")
