"""How fast a drill goes: what the machine under the lab can bear, and how patient one must be with it.

A user-mode kernel has one processor for all machines of the lab, and a system call there takes many times as long as
outside. Less is asked of it, and later; the same is expected. The bounds that belong to each tempo stand in judge.py.
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Tempo:
    name: str
    keepalive_ms: int           # of the pair's lvs.cf, as the next three
    deadtime_ms: int
    check_interval_ms: int
    check_timeout_ms: int
    probe_interval_ms: int      # between two attempts of the prober
    probe_limit_ms: int         # for the whole answer; below the second after which a lost SYN is sent again
    load_connections: int       # of wrk
    load_pause_ms: int          # before each request on each of them
    visit_timeout_s: float      # of one of the fifty clients
    poll_s: float               # between two looks at what one waits for
    patience: float             # times the time that anything may take

    @property
    def in_flight_ns(self):
        """What a changed table may need to be seen by an attempt that was under way."""
        return (self.probe_limit_ms + 10) * 1_000_000


TEMPOS = {tempo.name: tempo for tempo in (
    Tempo("machine", keepalive_ms=100, deadtime_ms=300, check_interval_ms=1000, check_timeout_ms=500,
          probe_interval_ms=5, probe_limit_ms=50, load_connections=4, load_pause_ms=5, visit_timeout_s=1.5,
          poll_s=0.01, patience=1),
    Tempo("emulated", keepalive_ms=300, deadtime_ms=1000, check_interval_ms=2000, check_timeout_ms=1500,
          probe_interval_ms=40, probe_limit_ms=900, load_connections=2, load_pause_ms=50, visit_timeout_s=4,
          poll_s=0.1, patience=4),
)}
