#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The documentation names what there is, and nothing else."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import script

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HVCTL = os.environ["HVCTL"]


def read(name):
    return (TOP / name).read_text(encoding="utf-8")


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def struct_members(header, name):
    body = re.search(r"struct %s \{(.*?)\n\};" % name, header, re.S)[1]
    return re.findall(r"(\w+)(?:\[\w+\])?;", body)


def code_blocks(text):
    return re.findall(r"```c\n(.*?)```", text, re.S)


def help_of(*words):
    return subprocess.run([HVCTL, *words, "--help"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def man_text(name):
    """The words of a man page without their markup."""
    text = re.sub(r"\\f[BIR]", "", read(name))
    text = re.sub(r"^\.(BI|BR|RB|RI|IR|TP|SS|SH|B|I) ?", "", text, flags=re.M)
    return text.replace("\\-", "-").replace('"', "")


class CellConfig(unittest.TestCase):
    header = without_comments(read("include/cloister/config.h"))
    structs = ["cl_config", "cl_section", "cl_platform", "cl_cpu", "cl_memory", "cl_pio",
               "cl_irqchip", "cl_gic", "cl_iommu", "cl_firmware", "cl_watchdog", "cl_pci_device"]

    def names(self):
        """Everything that a person writes in a config, or finds in a blob."""
        found = set()
        for struct in self.structs:
            found.update(name.rstrip("0123456789") for name in struct_members(self.header, struct))
        found.update(re.findall(r"#define (CL_(?:CELL|MEM|RESTART_ON)_\w+)\s", self.header))
        found.update(re.findall(r"\b(CL_(?:CONSOLE|IOMMU)_\w+)\b", self.header))
        found.update(re.findall(r"#define (CLOISTER_\w+)\(", self.header))
        found.update(["CL_AUTO", "CL_DEVFN"])
        return found - {"CLOISTER_CONFIG_H", "CL_CELL_FLAGS", "CL_IOMMU_MAX", "CL_MEM_FLAGS"}

    def test_all_is_documented(self):
        text = read("docs/cell-config.md")
        for name in sorted(self.names()):
            self.assertRegex(text, r"`[^`\n]*\b%s\b[^`\n]*`" % name)

    def test_nothing_else_is(self):
        names = self.names()
        for name in re.findall(r"^\| `(\w+)` \|", read("docs/cell-config.md"), re.M):
            self.assertIn(name, names)
        for name in re.findall(r"`(CL_\w+|CLOISTER_\w+)\b", read("docs/cell-config.md")):
            self.assertIn(name, names)

    def test_man_page(self):
        text = read("tools/cloister-cell-config.5")
        internal = set(struct_members(self.header, "cl_section"))
        internal |= {"magic", "abi_version", "arch", "header_size", "total_size", "reserved"}
        for name in sorted(self.names() - internal):
            self.assertRegex(text, r"\b%s\b" % name)

    def test_example_compiles(self):
        examples = [code for code in code_blocks(read("docs/cell-config.md"))
                    if "CLOISTER_CELL" in code]
        self.assertTrue(examples)
        for code in examples:
            with tempfile.TemporaryDirectory() as directory:
                (pathlib.Path(directory) / "example.c").write_text(code, encoding="utf-8")
                subprocess.run(["make", "-s", "-f", TOP / "configs/cell.mk", "example.cell"],
                               cwd=directory, check=True)
                subprocess.run([HVCTL, "cell", "check", "example.cell"], cwd=directory,
                               stdout=subprocess.DEVNULL, check=True)


class Units(unittest.TestCase):
    def test_systemd_takes_them(self):
        with tempfile.TemporaryDirectory() as directory:
            prefix = pathlib.Path(directory)
            (prefix / "sbin").mkdir()
            shutil.copy(HVCTL, prefix / "sbin/hvctl")
            names = []
            for unit in sorted((TOP / "tools/systemd").iterdir()):
                names.append(prefix / unit.name.replace("@.", "@name."))
                (prefix / unit.name).write_text(read(unit).replace("@PREFIX@", directory), encoding="utf-8")
            result = subprocess.run(["systemd-analyze", "--man=no", "verify", *names], check=False, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual((result.returncode, result.stdout), (0, ""))


class Hvctl(unittest.TestCase):
    commands = re.findall(r"^  hvctl (\w+(?: [a-z]+)?)", help_of(), re.M)
    options = re.findall(r"^  (--[a-z-]+)", help_of(), re.M)

    def test_man_page(self):
        text = man_text("tools/hvctl.8")
        for command in self.commands:
            self.assertIn("hvctl " + command, text)
            self.assertRegex(text, r"(?m)^%s\b" % command)
        for option in self.options:
            self.assertIn(option, text)
        for option in re.findall(r"(?<![\w-])--[a-z-]+", text):
            self.assertIn(option, self.options)

    def test_synopsis_has_the_options(self):
        """Each command's options, as the program knows them."""
        text = man_text("tools/hvctl.8")
        for command in self.commands:
            line = re.search(r"(?m)^hvctl %s\b.*$" % command, text)[0]
            for option in re.findall(r"^  (--[a-z-]+)", help_of(*command.split()), re.M):
                short = "-s" if option == "--string" else option
                self.assertIn(short, line)

    def test_completion(self):
        text = read("tools/completion/hvctl")
        for word in " ".join(self.commands).split() + self.options:
            self.assertRegex(text, r"(?<![\w-])%s(?![\w-])" % word)

    def complete(self, line):
        words = line.split(" ")
        commands = ["source " + str(TOP / "tools/completion/hvctl"),
                    f"COMP_WORDS=({' '.join(repr(word) for word in words)})",
                    f"COMP_CWORD={len(words) - 1}",
                    "_hvctl", 'printf "%s\\n" "${COMPREPLY[@]}"']
        return subprocess.run(["bash", "-c", "\n".join(commands)], stdout=subprocess.PIPE,
                              text=True, check=True, cwd=TOP / "configs").stdout.split()

    def test_completion_runs(self):
        self.assertEqual(self.complete("hvctl sta"), ["status", "stats"])
        self.assertEqual(self.complete("hvctl cell l"), ["load", "linux", "list"])
        self.assertEqual(self.complete("hvctl cell list --j"), ["--json"])
        self.assertEqual(self.complete("hvctl --json cell cr"), ["create"])
        self.assertEqual(self.complete("hvctl log --severity w"), ["warning"])
        self.assertIn("x86", self.complete("hvctl cell check "))


class Inmates(unittest.TestCase):
    header = "".join(read(f"inmates/lib/{name}.h") for name in ("inmate", "x86/inmate_arch", "arm64/inmate_arch"))

    def test_functions_exist(self):
        for name in re.findall(r"`(\w+)\(", read("docs/writing-an-inmate.md")):
            if name != "run":
                self.assertRegex(self.header, r"\b%s\(" % name)

    def test_template_is_the_demo(self):
        demo = read("inmates/demos/template.c")
        shown = code_blocks(read("docs/writing-an-inmate.md"))[0]
        self.assertEqual(demo[demo.index("#include"):], shown)


class Debugging(unittest.TestCase):
    text = read("docs/debugging.md")
    # all string literals, adjacent ones joined
    sources = "\n".join("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
                        for directory in ("driver", "hypervisor", "include", "tools/hvctl")
                        for file in sorted((TOP / directory).rglob("*.[ch]"))
                        for literals in re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+',
                                                   file.read_text(encoding="utf-8")))

    def assert_in_sources(self, message):
        """... stands for what varies."""
        for part in message.split("..."):
            part = part.strip(" ()")
            if len(part) > 2:
                self.assertIn(part, self.sources, message)

    def test_messages_exist(self):
        messages = re.findall(r"^\| `([^`]+)` \|", self.text, re.M)
        self.assertGreater(len(messages), 30)
        for message in messages:
            self.assert_in_sources(message)

    def test_refused_accesses(self):
        """The row about refused accesses names all kinds that there are."""
        kinds = re.search(r"^\| `refused.*?\| (.*) \|$", self.text, re.M)[1]
        named = set(re.findall(r"`([^`]+)`", kinds))
        found = set()
        for file in (TOP / "hypervisor").rglob("*.c"):
            for call in re.findall(r"\b(?:cell|entry)_denied\((.*?)[,;]", file.read_text(encoding="utf-8"), re.S):
                found.update(re.findall(r'"(.*?)(?: \(.*)?"', call))
        self.assertEqual(named, found)


class Files(unittest.TestCase):
    pages = ["README.md"] + sorted(str(page.relative_to(TOP)) for page in (TOP / "docs").glob("*.md"))

    def test_links(self):
        for page in self.pages:
            for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", read(page)):
                self.assertTrue((TOP / page).parent.joinpath(link).exists(), f"{page}: {link}")

    def test_anchors(self):
        for page in self.pages:
            for link, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", read(page)):
                target = (TOP / page).parent / link if link else TOP / page
                headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
                anchors = [re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings]
                self.assertIn(anchor, anchors, page)

    def test_paths(self):
        """What is written as a path in the tree is there, or is built."""
        tops = "include|hypervisor|driver|tools|configs|inmates|scripts|tests|docs"
        for page in self.pages:
            for path in re.findall(r"`((?:%s)/[\w./-]+)`" % tops, read(page)):
                self.assertTrue((TOP / path).exists(), f"{page}: {path}")

    def test_all_pages_are_in_the_readme(self):
        text = read("README.md")
        for page in self.pages[1:]:
            self.assertIn(f"]({page})", text)


if __name__ == "__main__":
    script.main("documentation")
