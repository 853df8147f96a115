"""A program in script time: python script_time.py CLOCK PROGRAM WORD..."""

import runpy
import sys
import time
from pathlib import Path

from simulator.clock import ScriptClock

clock, program, *words = sys.argv[1:]
script, real = ScriptClock(clock), time.time_ns
time.time_ns = lambda: real() + script.offset_ns
sys.argv = [program, *words]
sys.path[0] = str(Path(program).parent)
runpy.run_path(program, run_name="__main__")
