"""Errors: one tree, each with its data, and words that tell what to do."""

from __future__ import annotations

import copy
import errno
import pickle
from typing import Any

import pytest
from installer.exceptions import InstallerError

from linkinstall import errors
from linkinstall.errors import (
    ConflictError,
    FileSystemError,
    InvalidWheelError,
    LinkInstallError,
    LockTimeoutError,
    PathError,
    Problem,
)

CLASSES = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]


@pytest.mark.parametrize("error", CLASSES)
def test_every_error_is_of_one_tree(error: type[LinkInstallError]) -> None:
    """A caller catches all of them as LinkInstallError, or as installer's error."""
    assert issubclass(error, LinkInstallError)
    assert issubclass(error, InstallerError)


def test_the_codes_tell_the_errors_apart() -> None:
    """A program tells any two errors apart by their code."""
    assert len(CLASSES) == len({error.code for error in CLASSES})


@pytest.mark.parametrize("error", CLASSES)
def test_status_state_and_exit_status_agree(error: type[LinkInstallError]) -> None:
    """Exit status 3 goes with an unsettled environment, 1 and 2 with an unchanged one."""
    unsettled = error.state == "unsettled"

    assert error.state in {"unchanged", "unsettled"}
    assert error.status in {"refused", "failed", "unsettled"}
    assert unsettled == (error.status == "unsettled") == (error.exit_status == 3)


@pytest.mark.parametrize(
    ("error", "builtin"), [(ConflictError, FileExistsError), (InvalidWheelError, ValueError)]
)
def test_errors_stand_in_for_those_of_installer(
    error: type[LinkInstallError], builtin: type[Exception]
) -> None:
    """Where installer's destination raises a built-in error, ours can be caught as that."""
    with pytest.raises(builtin):
        raise error("no")


def test_the_text_tells_everything() -> None:
    """An error prints what happened, each reason, and the next step."""
    error = ConflictError(
        "a.whl cannot be installed.",
        problems=[
            Problem("unowned", "/env/a.py", None, "/env/a.py belongs to nobody"),
            Problem("x"),
        ],
        next_step="Use --overwrite-existing to take it over.",
    )

    assert [
        "a.whl cannot be installed.",
        "  /env/a.py belongs to nobody",
        "  x",
        "Use --overwrite-existing to take it over.",
    ] == str(error).splitlines()


def test_a_problem_has_a_form_for_programs() -> None:
    """The JSON form of a problem has its code, path and owner."""
    problem = Problem("owned", "/env/a.py", "rich", "words")

    assert {"code": "owned", "path": "/env/a.py", "owner": "rich"} == problem.to_dict()


def test_a_lock_that_is_not_had_is_named() -> None:
    """The error says which lock, how long was waited, and what to do."""
    error = LockTimeoutError("/env/.lock", 1.5, what="the environment /env")

    assert ("/env/.lock", 1.5) == (error.path, error.seconds)
    assert "the environment /env" in str(error)
    assert "1.5 s" in str(error)
    assert "--lock-timeout" in str(error)


def test_a_refusal_of_the_system_keeps_its_cause() -> None:
    """The path and the operating system's reason are in the text and in attributes."""
    cause = OSError(errno.ENOSPC, "No space left on device")
    error = FileSystemError("The change was rolled back.", path="/env/a.py", cause=cause)

    assert (errno.ENOSPC, "/env/a.py", cause) == (error.errno, error.path, error.cause)
    assert "/env/a.py: No space left on device" in str(error)


def test_a_refusal_of_the_system_is_an_oserror() -> None:
    """Callers that catch what the system refuses get number, reason and path as usual."""
    cause = OSError(errno.ENOSPC, "No space left on device", "/env/.linkinstall/new/0/a.py")

    with pytest.raises(OSError, match="rolled back") as caught:
        raise FileSystemError("The change was rolled back.", path="/env/a.py", cause=cause)

    error = caught.value
    assert (errno.ENOSPC, "No space left on device") == (error.errno, error.strerror)
    assert "/env/a.py" == error.filename
    assert str(error).startswith("The change was rolled back.")


@pytest.mark.parametrize("error", CLASSES)
def test_an_error_can_be_handed_to_another_process(error: type[LinkInstallError]) -> None:
    """An error that was pickled, or copied, is the same: class, text and all that it carries.

    Story: an error with problems raised another one where it was unpickled. In a pool of
    processes that ended the thread that hands results over: the program waited for ever.
    """
    words: dict[str, Any] = {"problems": [Problem("owned", "/env/a.py", "rich")]}
    arguments: tuple[Any, ...] = ("It is not to be.",)
    if error is PathError:
        words = {"path": "../a"}
    elif error is LockTimeoutError:
        arguments, words = ("/env/.lock", 1.5), {"what": "the environment /env"}
    elif error is FileSystemError:
        words = {"path": "/env/a.py", "cause": OSError(errno.ENOSPC, "No space left on device")}
    one = error(*arguments, **words)
    one.add_note("while it was tested")

    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):  # noqa: S301 - our own
        assert type(other) is error
        assert (str(one), one.args, repr(one)) == (str(other), other.args, repr(other))
        mine, theirs = vars(one) | {"cause": ""}, vars(other) | {"cause": ""}
        assert mine == theirs
        for name in ("errno", "strerror", "filename"):
            assert getattr(one, name, None) == getattr(other, name, None)
