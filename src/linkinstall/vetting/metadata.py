"""What a wheel says about itself: its dist-info folder, ``METADATA`` and ``WHEEL``.

Purpose: find the one ``.dist-info`` folder, check that it, ``METADATA`` and the file
name agree on project and version, and learn from ``WHEEL`` where the root goes.

Calling sequence::

    dist_info = find_dist_info(names, wheel_name, problems)
    root_scheme = check_wheel_file(data, problems, warnings)
    check_metadata(data, wheel_name, problems, warnings)

Guarantees: the root scheme is the one that ``installer.install`` takes: purelib for
exactly ``Root-Is-Purelib: true``, else platlib. No I/O.

Errors: none; what is found is noted.

Specifications: PyPA, "Binary distribution format" and "Core metadata".
"""

from __future__ import annotations

from linkinstall import limits
from linkinstall.errors import InvalidWheelError
from linkinstall.outcome import Warn
from linkinstall.vetting.problems import shown
from linkinstall.wheel import canonicalize, check_dist_info, same_version

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

    from linkinstall.vetting.problems import Problems
    from linkinstall.wheel import WheelName

__all__ = ["check_metadata", "check_own_files", "check_wheel_file", "find_dist_info"]

_SUFFIX = ".dist-info"
_NEEDED = ("METADATA", "WHEEL", "RECORD")
# What the installer writes, and a wheel therefore may not bring.
_INSTALLERS_OWN = {"installer", "requested", "direct_url.json"}
_WHEEL_MAJOR, _WHEEL_MINOR = 1, 0
_METADATA_MAJOR = 2


def find_dist_info(names: Iterable[str], wheel: WheelName, problems: Problems) -> str | None:
    """Return the name of the wheel's one dist-info folder, None if there is no such one."""
    tops = sorted({name.split("/", 1)[0] for name in names})
    folders = [top for top in tops if top.casefold().endswith(_SUFFIX)]
    if len(folders) != 1:
        reason = ", ".join(shown(folder) for folder in folders[:5]) or "none"
        problems.add("dist-info", "", f"a wheel has one .dist-info folder; this has {reason}")
        return None
    if not folders[0].endswith(_SUFFIX):
        problems.add("dist-info", folders[0], "its suffix must be written .dist-info")
        return None
    try:
        check_dist_info(wheel, folders[0])
    except InvalidWheelError as error:
        problems.add("dist-info-name", folders[0], error.problems[0].message)
    return folders[0]


def check_own_files(names: Iterable[str], dist_info: str, problems: Problems) -> None:
    """Check that the dist-info folder has the files it needs, and none of the installer's."""
    prefix = f"{dist_info}/"
    inside = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    for needed in _NEEDED:
        if needed not in inside:
            problems.add("metadata-missing", prefix + needed, "every wheel has this file")
    for name in sorted(inside):
        if name.split("/", 1)[0].casefold() in _INSTALLERS_OWN:
            problems.add(
                "installer-file",
                prefix + name,
                "the installer writes this file, no wheel brings it",
            )


def check_wheel_file(data: bytes | None, problems: Problems, warnings: list[Warn]) -> str:
    """Check ``WHEEL``; return the scheme of the archive's root."""
    if data is None:
        return "platlib"
    try:
        message = _parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        problems.add("wheel-file", "WHEEL", "it is not UTF-8")
        return "platlib"
    # What stands before it counts: to installer a folded line is part of the value.
    version = str(message["Wheel-Version"] or "").rstrip()
    major, *minors = version.split(".")
    if not (minors and all(map(_is_number, (major, *minors)))):
        problems.add("wheel-version", "WHEEL", f"{shown(version)} is not a Wheel-Version")
    elif major != str(_WHEEL_MAJOR):  # as text: installer refuses "01.0"
        problems.add(
            "wheel-version",
            "WHEEL",
            f"it has Wheel-Version {shown(version)}; this program knows version {_WHEEL_MAJOR}",
        )
    elif int(minors[0]) > _WHEEL_MINOR:
        sentence = (
            f"Wheel-Version {version} is newer than 1.0; what is new in it is not known here."
        )
        warnings.append(Warn("wheel-version", sentence))
    root = message["Root-Is-Purelib"]
    if str(root).lower() not in ("true", "false"):
        sentence = f"WHEEL has Root-Is-Purelib {shown(str(root))}; it is taken for false."
        warnings.append(Warn("root-is-purelib", sentence))
    return "purelib" if root == "true" else "platlib"


def check_metadata(
    data: bytes | None, wheel: WheelName, problems: Problems, warnings: list[Warn]
) -> None:
    """Check that ``METADATA`` is of the project and the version of the file name."""
    if data is None:
        return
    head = data.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    try:
        message = _parse(head.decode("utf-8"))
    except UnicodeDecodeError:
        warnings.append(Warn("metadata", "METADATA is not UTF-8; its text may look odd."))
        message = _parse(head.decode("utf-8", "replace"))
    for field in ("Name", "Version"):
        if len(set(message.get_all(field, []))) != 1:
            cut = len(data) >= limits.WHEEL_TEXT_SIZE
            where = f" in its first {limits.WHEEL_TEXT_SIZE >> 10} KiB" if cut else ""
            problems.add("metadata-name", "METADATA", f"it must have one {field}{where}")
            return
    name, version = str(message["Name"]).strip(), str(message["Version"]).strip()
    if canonicalize(name) != wheel.name or not same_version(version, wheel.version):
        problems.add(
            "metadata-name",
            "METADATA",
            f"it is of {shown(name)} {shown(version)}, the file name says "
            f"{wheel.distribution} {wheel.version}",
        )
    major = str(message["Metadata-Version"] or "").partition(".")[0]
    if not _is_number(major) or int(major) > _METADATA_MAJOR:
        sentence = f"METADATA has Metadata-Version {shown(str(message['Metadata-Version']))}."
        warnings.append(Warn("metadata", sentence))


def _parse(text: str) -> Message:
    from installer.utils import parse_metadata_file

    return parse_metadata_file(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < len("1000")
