"""Fault harness: what is left of an environment when something goes wrong.

A *scenario* is written once: how the old state is made, the command that acts on
it, and the next runs that may follow a fault. A *fault* says at which points it
can strike and strikes at one of them. The *sweep* takes any scenario and any
fault, strikes at each point, lets one next run follow, and asks the *oracle*
whether what is there now is exactly old or exactly new.

===================  ==========================================================
``scenario``         what a scenario is: data only
``sandbox``          the folder a scenario lives in: environment, cache, temp, home
``kept``             bringing that folder back by what has changed alone
``ready``            an interpreter that has imported linkinstall, and forks for each command
``ready_server``     the program that does
``snapshot``         everything that is in a folder, as comparable values
``records``          each RECORD of an environment against the files it lists
``oracle``           old, new or broken, and what is wrong
``calls``            which system calls can change what is on disk
``cache_check``      each file of our cache against its digest
``strace``           recording a command's calls, and killing it before one of them
``sweep``            scenario and fault -> results
``figures``          the sum of each gate, written down for ``make proof``
``report``           tables, and details of what broke with how to see it again
``wheels``           the pinned wheels
``scenarios``        what linkinstall is put to
``peers``            the same for other tools
``projects``         PDM and Poetry, which install what a project asks for
``toys``             actors that are known to be good or bad: tests of the tests
``kill``             ``make kill``
``errors``           ``make faults``
``injection``        handing a command an error at one of its calls
``meanings``         which errors a call cannot give, and why
``verdicts``         what a command made of an error
``lost``             what a flush that failed may have lost, and who has to give it up
``race``             ``make race``: many processes at once
``contests``         what they do
``forking``          builds in which several processes work on little, and a kill for one of them
``virtualenvs``      what virtualenv does about errors of its own calls
``answers``          how each of them ended
``crowd``            the program that lets them loose, and kills some
``interference``     ``make interference``: somebody else acts before our recovery
``untidy``           ``make untidy``: commands by chance, where others do what they like
``untidy_steps``     the steps of a seed, and fewer of them
``untidy_session``   what a step is, and what is asked after it
``untidy_commands``  what is asked of linkinstall there, and its answers
``untidy_acts``      what others do to an environment
``untidy_tools``     what pip and uv do to it
``untidy_records``   the same to RECORD files and dist-info folders
``untidy_judge``     what a command may have changed there
``untidy_places``    environments of several kinds
``untidy_wheels``    wheels that clash
``ownership``        whose a file is, by the dist-info folders alone
``serial``           is there an order of them that leads to what is there
``soundness``        what all right outcomes have in common
``volumes``          file systems on loop devices, which can lose their power
``namespace``        mounts of our own, which nobody else holds
``mounted``          a sandbox on such volumes
``power_cut``        the fault, and what is judged otherwise after it
``power``            ``make power``: power cuts
``compound``         ``make compound``: the recovery is struck as well
``chains``           faults in a row: each world that they lead to, once
``states``           which worlds are the same to a recovery
``steps``            what the world is like before each call of a command
``images``           ``make images``: power cuts among the writes to a disk
``blocklog``         a disk that writes down what is written to it
``bad_builds``       linkinstall without what a promise hangs on: tests of the tests
``rivals``           ``make rivals``
``fuzz``             ``make fuzz``: spoilt files of every kind, put to their readers
``fuzz_targets``     the readers, and the errors that they may raise
``fuzz_wheels``      the wheels among what is spoilt
``mutations``        how bytes are spoilt
===================  ==========================================================

To add a fault: write a class with the two methods of ``sweep.Fault``. To add a
scenario: add a value to ``scenarios``. Neither has to know of the other. A command that
cleans the cache is put to the race in ``contests.CLEANERS``.
"""
