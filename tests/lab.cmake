# The lab: judge, prober, and the drill itself (with the programs of this very build, generous bounds).
