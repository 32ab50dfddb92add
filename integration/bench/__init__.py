"""``make bench``: what an install costs beside uv, pip, ``installer`` and PDM, as ratios.

Purpose: the figures of ``docs/reference/measurements.md`` and of the table of goals in
``docs/explanation/performance.md``, and a quick answer to one question while code changes.

Calling sequence: see ``python -m integration.bench --help``; ``__main__`` drives the rest::

    corpora      which wheels: sets of real ones, and synthetic ones of any size
    interpreters the environments that Python programs are run in, ours and PDM's
    tools        the commands that are measured
    rows         what a table is made of, and what runs are called
    groups       which commands are compared with which, on which wheels
    profiles     groups about ourselves: phases, threads and processes
    workplace    a volume of its own, and what has to be there before a run
    gauges       what is read from a run: seconds, memory, or the time of each phase
    results      figures that were kept, ratios
    goals        what was aimed at
    best         the best that was ever reached
    programs     what is measured and is no command line; traced notes the phases
    tables, plot the figures for readers

Guarantees: a time is that of a whole process, started after a flush, in an environment that
was made before. A round runs every command of a group once, and rounds begin at different
ones; a ratio is taken within a round. After each run it is checked that what should be in
the environment is there, and nothing else.

Errors: ``SystemExit`` with the output of a command that failed or left something else.
"""
