# SPDX-License-Identifier: GPL-2.0
"""Initial RAM file systems for test machines.

An archive is a dictionary {path in the guest: content}. Content is bytes, a pathlib.Path of a file to
copy, Link(target) or None for a directory. Parent directories come by themselves.
"""

import hashlib
import os
import pathlib
import re
import stat
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
GUEST = pathlib.Path(__file__).resolve().parent / "guest"
# The host's, which also lists the applets that another architecture's has.
BUSYBOX = pathlib.Path("/bin/busybox")
HOST_ARCH = "arm64" if os.uname().machine == "aarch64" else "x86"

# Modules of the kernel's package that tests may load with modprobe, dependencies included.
MODULES = ("msr", "cpuid", "kvm_amd", "kvm_intel", "uio_pci_generic", "virtio_net", "virtio_blk", "nvme",
           "button", "evdev", "gpio_keys", "wdat_wdt", "sp805_wdt")


class Link(str):
    """Target of a symbolic link."""


class MissingFile(Exception):
    """A file that has to be built or fetched first."""


def build(arch):
    """Where everything for an architecture is: "x86" or "arm64"."""
    return BUILD if arch == "x86" else BUILD / arch


def compiled(program, source, arch):
    """Compiles a C file of guest/ for the test machines, which have no libraries; returns the program."""
    compiler = "gcc" if arch == HOST_ARCH else {"x86": "x86_64", "arm64": "aarch64"}[arch] + "-linux-gnu-gcc"
    subprocess.run([compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", program, GUEST / source], check=True)
    return program


def _entry(number, path, mode, data=b""):
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def pack(files):
    """Returns a cpio archive ("newc") of files; several can be concatenated. It is not compressed: a quarter to half of an emulated
    machine's boot would be unpacking."""
    tree = {}
    for path, content in files.items():
        path = path.strip("/")
        for parent in reversed(pathlib.PurePosixPath(path).parents[:-1]):
            tree.setdefault(str(parent), None)
        tree[path] = content

    out = []
    for number, (path, content) in enumerate(tree.items(), 1):
        if content is None:
            out.append(_entry(number, path, stat.S_IFDIR | 0o755))
        elif isinstance(content, Link):
            out.append(_entry(number, path, stat.S_IFLNK | 0o777, content.encode()))
        elif isinstance(content, bytes):
            out.append(_entry(number, path, stat.S_IFREG | 0o755, content))
        else:
            mode = 0o755 if os.access(content, os.X_OK) else 0o644
            out.append(_entry(number, path, stat.S_IFREG | mode, content.read_bytes()))
    out.append(_entry(0, "TRAILER!!!", 0))
    return b"".join(out)


def _cached(arch, name, files):
    """pack(files), kept in the build's initramfs/ until one of the files changes."""
    key = hashlib.sha256()
    for path, content in files.items():
        if isinstance(content, pathlib.Path):
            status = content.stat()
            content = f"{content} {status.st_mode} {status.st_mtime_ns} {status.st_size}"
        key.update(f"{path} {content!r}\n".encode())
    directory = build(arch) / "initramfs"
    archive = directory / f"{name}-{key.hexdigest()[:16]}.cpio"
    if not archive.exists():
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob(f"{name}-*"):
            old.unlink(missing_ok=True)
        # Two pytest runs may do this at once.
        temporary = directory / f".{os.getpid()}"
        temporary.write_bytes(pack(files))
        temporary.rename(archive)
    return archive.read_bytes()


def busybox(arch):
    """The program."""
    path = BUSYBOX if arch == HOST_ARCH else build(arch) / "sysroot" / "bin" / "busybox"
    if not path.exists():
        raise MissingFile(f"no {path}: run scripts/setup, scripts/fetch-kernel --arch {arch} 6.1")
    return path


def base(arch):
    """busybox and the guest's own scripts."""
    files = {name: None for name in ("proc", "sys", "dev", "tmp", "root", "etc", "sbin", "usr/sbin", "usr/bin")}
    files["bin/busybox"] = busybox(arch)
    applets = subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            files[f"bin/{applet}"] = Link("busybox")
    files["etc/passwd"] = b"root::0:0:root:/root:/bin/sh\n"
    files["etc/profile"] = b"PS1='\\w # '\n"
    files["init"] = GUEST / "init"
    files["agent"] = GUEST / "agent"
    return _cached(arch, "base", files)


def kernel_directory(flavour, arch):
    directory = build(arch) / "kernels" / flavour
    if not (directory / "complete").exists():
        raise MissingFile(f"no kernel in {directory}: run scripts/fetch-kernel --arch {arch} {flavour}")
    return directory


def kernel_modules(flavour, arch):
    """MODULES of a kernel with what they depend on, where modprobe finds them."""
    directory = kernel_directory(flavour, arch)
    tree = directory / "modules"
    release = (directory / "release").read_text().strip()
    if not (tree / "modules.dep").exists():
        # fetched for cells
        return b""
    depends = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        module, _, needs = line.partition(":")
        depends[module] = needs.split()
    by_name = {pathlib.PurePath(module).stem.replace("-", "_"): module for module in depends}

    files = {}
    for name in MODULES:
        # A kernel that has it built in needs no file.
        if name in by_name:
            for module in (by_name[name], *depends[by_name[name]]):
                files[f"lib/modules/{release}/{module}"] = tree / module
    for index in ("modules.dep", "modules.alias", "modules.builtin"):
        files[f"lib/modules/{release}/{index}"] = tree / index
    return _cached(arch, f"modules-{flavour}", files)


# Directory of the libraries in Debian's packages, and the loader that programs name
LIBRARIES = {"x86": ("x86_64-linux-gnu", "lib64/ld-linux-x86-64.so.2"), "arm64": ("aarch64-linux-gnu", "lib/ld-linux-aarch64.so.1")}


def programs(arch, *paths):
    """Programs of scripts/fetch-programs, with the libraries and the loader that they are linked with."""
    root = build(arch) / "programs" / "root"
    if not (root.parent / "complete").exists():
        raise MissingFile(f"no {root.parent}: run scripts/fetch-programs --arch {arch}")
    triplet, loader = LIBRARIES[arch]
    found = {path.name: path for directory in ("lib", "usr/lib") for path in (root / directory / triplet).iterdir()}
    files = {loader: found[loader.rpartition("/")[2]]}
    missing = [(path, root / path) for path in paths]
    while missing:
        place, path = missing.pop()
        files[place] = path
        text = subprocess.run(["readelf", "-d", path], stdout=subprocess.PIPE, text=True, check=True).stdout
        needed = {f"lib/{triplet}/{name}": found[name] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text)}
        missing += [(place, path) for place, path in needed.items() if place not in files]
    return files


def cloister(flavour, arch, image=""):
    """What has been built of Cloister: program, module, hypervisor images, cell configs, inmates.

    image  "fault-inject" for the hypervisor images that "make fault-inject" builds
    """
    files = {}
    top = build(arch)
    hvctl = top / "tools" / "hvctl-static"
    if hvctl.exists():
        files["usr/sbin/hvctl"] = hvctl
    module = top / "driver" / flavour / "cloister.ko"
    if module.exists():
        files["lib/modules/cloister.ko"] = module
    hostile = top / "tests" / "modules" / flavour / "hostile.ko"
    if hostile.exists():
        files["lib/modules/hostile.ko"] = hostile
    for image in sorted((top / image / "hypervisor").glob("cloister-*.bin")):
        files[f"lib/firmware/cloister/{image.name}"] = image
    for config in sorted((top / "configs").rglob("*.cell")):
        files[f"cells/{config.name}"] = config
    for inmate in sorted((top / "inmates").rglob("*.bin")):
        files[f"inmates/{inmate.name}"] = inmate
    return files
