"""Every bound of this package, in one place.

Purpose: each wait, retry, size and count that the code respects has its name
and its reason here. Seconds, bytes and counts, as each line says.
"""

LOCK_WAIT = 300.0
"""Seconds to wait for an environment's or the cache's lock, as uv does by default."""
LOCK_POLL = (0.005, 0.25)
"""Seconds between two tries for a lock: the first pause, and the longest one."""
LOCK_NOTICE = 1.0
"""Seconds of waiting after which the person is told what is waited for."""
LOCK_NAMES = 8
"""Names that are tried for a lock in a folder open to everybody, where others may squat."""

WHEEL_MEMBERS = 150_000
"""Members of one wheel; the largest on the public index has some 90,000."""
WHEEL_MEMBER_SIZE = 8 << 30
"""Bytes of one member, unpacked."""
WHEEL_SIZE = 32 << 30
"""Bytes of all members of one wheel, unpacked."""
WHEEL_RATIO = 100
"""Unpacked over packed bytes of a wheel; of 890 real ones none has more than 18."""
WHEEL_RATIO_FROM = 64 << 20
"""Unpacked bytes of a wheel from which its ratio counts."""
WHEEL_MEMBER_RATIO = 200
"""Unpacked over packed bytes of one member; deflate reaches 1,032 with zeros."""
WHEEL_MEMBER_RATIO_FROM = 16 << 20
"""Bytes from which a member's ratio counts: small files may well be all zeros."""
CENTRAL_DIRECTORY_SIZE = 32 << 20
"""Bytes of an archive's central directory; 90,000 members take some 13 MB."""
METADATA_SIZE = 64 << 20
"""Bytes of one metadata file (RECORD, METADATA, a manifest, a journal's head)."""
INHERITED_SIZE = 1 << 20
"""Bytes of what an installer wrote into a dist-info that a repair reads and writes again."""
WHEEL_TEXT_SIZE = 256 << 10
"""Bytes of a wheel's WHEEL and entry_points.txt, and of METADATA that are looked at."""
STRAY_LINES = 1_000
"""Lines of entry_points.txt without ``=``; real ones have a handful, in values of two lines."""
RECORD_ROW_SIZE = 256
"""Bytes of one row of RECORD besides its path; a row with sha512 takes some 110."""
ALIAS_SIZE = 1_024
"""Bytes of an alias in the cache, which has two digests."""
WHEEL_PROBLEMS = 200
"""Problems of one wheel that are told one by one; the others are counted."""
PATH_LENGTH = 4_000
"""Characters of one path inside a wheel; Linux ends at 4,096 bytes."""
PATH_DEPTH = 200
"""Folders in one path inside a wheel: Python's own removal of trees goes to some 900."""
NAME_LENGTH = 255
"""Bytes of one file name, the bound of ext4, xfs, btrfs, APFS and NTFS."""

SHARING_PAUSES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3)
"""Seconds between the tries at a file that another process has open, on Windows: 0.6 in all."""
SHARING_WAIT = 1.5
"""Seconds of such pauses in one window, however many files refuse."""
SHARING_WINDOW = 30.0
"""Seconds after which such pauses are counted anew."""

MARKER_SIZE = 16 << 10
"""Bytes of an ``EXTERNALLY-MANAGED`` file that is read; Debian's has some 1,100."""
MARKER_GAP = 60
"""Spaces in a row in such a file, from which on it is not parsed: that takes quadratic time."""
SETTINGS_SIZE = 64 << 10
"""Bytes of a ``pyvenv.cfg`` that is read; virtualenv's has some 500."""
JOURNAL_SIZE = 1 << 30
"""Bytes of a journal; 54,000 files take some 6 MB."""
SEEDING_WAIT = 60.0
"""Seconds to wait, after Ctrl-C, for the threads by which virtualenv puts pip into place."""
SEEDING_POLL = 0.01
"""Seconds between two looks whether they have come to an end."""
VENV_JOURNAL_SIZE = 4_096
"""Bytes of the journal of a virtual environment's removal, which has five short lines."""
RETRIES = 5
"""Attempts at what others may undo at the same moment: a name, a place, a folder."""
USE_NOTED = 86_400.0
"""Seconds for which the use of a cache entry is not noted again."""
CLOCK_STEP = 20_000_000
"""Nanoseconds by which a file system's clock may be behind the one that programs read."""
SHEBANG_LENGTH = 127
"""Bytes of a shebang line that every kernel takes (Linux before 5.1)."""
INTERPRETER_WAIT = 60.0
"""Seconds an interpreter may take to answer what its schemes are."""
COMPILE_WAIT = 3_600.0
"""Seconds the compiling interpreter may take for one set of wheels."""
COMPILE_CRASHES = 20
"""Sources of one set of wheels that may crash the compiling interpreter; it is started again."""
WORKERS = 8
"""Processes that work at once; more of them wait for the disk and for each other."""
FORK_FROM_LINKS = 2_000
"""Links from which a second process pays for its fork, some 2 ms."""
THREADS_FROM_LINKS = 1_000
"""Links from which a second thread pays for its start, where no process may be forked."""
FORK_FROM_LOOKS = 2_000
"""Cached files to look at from which a second process pays for its fork."""
PART_OF_LOOKS = 128
"""Cached files that a process looks at at once where several work: some 0.3 ms."""
COPY_WEIGHT = 8
"""Links that take about as long as one copy of a small file."""
PART_OF_LINKS = 64
"""Links that a process takes at once where several work: some 0.5 ms."""
CREW_PARTS = 1_024
"""Parts of one work that processes share; their numbers have to fit into a pipe (pipe(7))."""
FORK_FROM_BYTES = 1 << 20
"""Bytes of wheels to unpack from which a second process pays."""
FORK_FROM_BRANCHES = 32
"""Folders side by side from which a second process pays for a removal."""
BRANCH_DEPTH = 6
"""Levels of a tree in which such folders are looked for: library folders are on the fourth."""
PROGRESS_AFTER = 0.5
"""Seconds after which a person at a terminal is told what is being done."""
PROGRESS_EVERY = 0.05
"""Seconds from one drawing of it to the next."""
COPY_CHUNK = 1 << 20
"""Bytes per read while unpacking, copying and hashing."""
SYMLINK_DEPTH = 40
"""Symbolic links followed while resolving one path, as Linux does."""
