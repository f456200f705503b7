"""`make bench`: what measuring costs, as ratios of CPU time against a named peer, in pairs that alternate.

The machine is shared: CPU time is told, not wall time, and each pair is run close together.
"""

from benchmarks import census, deployments, exposition, orchestration

if __name__ == "__main__":
    for bench in (exposition, census, deployments, orchestration):
        print(bench.compare())
