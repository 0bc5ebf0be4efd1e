"""Times in which the processors of the directors did nothing for anybody, not even for this process with its real-time
priority: a machine below the lab that was busy. A director that comes late then is not to blame. One line for each,
"nanoseconds of CLOCK_BOOTTIME at its end, length".

usage: stall_watch.py LOG
"""
import sys
import time

RHYTHM_S = 0.02


def main():
    with open(sys.argv[1], "w", encoding="ascii", buffering=1) as log:
        last = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        while True:
            time.sleep(RHYTHM_S)
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            late = now - last - int(RHYTHM_S * 1e9)
            if late > 50_000_000:
                log.write(f"{now} {late}\n")
            last = now


if __name__ == "__main__":
    main()
