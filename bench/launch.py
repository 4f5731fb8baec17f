"""Runs one command and prints its status, CPU seconds, wall seconds and peak KiB: LOG COMMAND…

It is a separate program with few imports: the kernel counts the parent's memory in the peak memory of a child.
"""

import os
import sys
import time

log, *command = sys.argv[1:]
output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
redirect = [(os.POSIX_SPAWN_DUP2, output, stream) for stream in (1, 2)]
begun = time.perf_counter()
child = os.posix_spawn(command[0], command, os.environ, file_actions=redirect)
_, status, usage = os.wait4(child, 0)
wall = time.perf_counter() - begun
print(os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss)
