#!/usr/bin/python3 -B
"""The prober against servers of known behaviour. usage: probing.py PROBER [unittest options]"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import observe

PROBER = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else None
PAGE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nrs7\n"
RUN_MS = 400
TAKEN = []
PATIENT = ("--limit", "5000")  # Where it is not lateness that is asked for.


class Server:
    """Answers each connection by `behave(connection)`; `behave` None: connections are taken but never answered."""

    def __init__(self, behave):
        self._behave = behave
        self._kept = []
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._socket.accept()
            if self._behave is None:
                self._kept.append(connection)
                continue
            try:
                self._behave(connection)
            except OSError:
                pass
            connection.close()


def answering(page):
    def behave(connection):
        connection.recv(4096)
        connection.sendall(page)
    return behave


def closed_port():
    """Taken, so that nobody else listens there, and nobody does."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    TAKEN.append(taken)
    return taken.getsockname()[1]


def probe(port, *options):
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        subprocess.run([PROBER, "--target", f"127.0.0.1:{port}", "--duration", str(RUN_MS), "--log", log.name,
                        *options], check=True, timeout=30)
        return observe.load(log.name)


class EachAttemptIsOneLine(unittest.TestCase):
    def details(self, attempts):
        return {(a.ok, a.detail) for a in attempts if a.detail != "not-started"}

    def test_an_answer_names_its_server(self):
        attempts = probe(Server(answering(PAGE)).port, *PATIENT)
        self.assertIn((True, "rs7"), self.details(attempts))
        self.assertGreater(len(attempts), RUN_MS / 5 / 2)

    def test_a_closed_port_is_refused(self):
        self.assertEqual(self.details(probe(closed_port(), *PATIENT)), {(False, "refused")})

    def test_another_status_is_no_success(self):
        server = Server(answering(PAGE.replace(b"200 OK", b"503 No")))
        self.assertEqual(self.details(probe(server.port, *PATIENT)), {(False, "answer")})

    def test_half_an_answer_is_no_success(self):
        self.assertEqual(self.details(probe(Server(answering(PAGE[:20])).port, *PATIENT)), {(False, "answer")})

    def test_no_answer_is_closed(self):
        seen = self.details(probe(Server(answering(b"")).port, *PATIENT))
        self.assertTrue(seen <= {(False, "closed"), (False, "reset")}, seen)


class TheRhythmIsKeptWhileNobodyAnswers(unittest.TestCase):
    def test_attempts_do_not_wait_for_each_other(self):
        attempts = probe(Server(None).port, "--interval", "5", "--limit", "100")
        self.assertEqual(len(attempts), RUN_MS // 5)
        self.assertEqual({a.detail for a in attempts} - {"not-started"}, {"late"})

    def test_the_limit_counts_from_the_due_time(self):
        attempts = [a for a in probe(Server(None).port, "--limit", "60") if a.detail == "late"]
        self.assertTrue(all(a.ended - a.due >= 59 * observe.NS_PER_MS for a in attempts))


class TheProberEnds(unittest.TestCase):
    def test_on_terminate_with_everything_written(self):
        with tempfile.NamedTemporaryFile(suffix=".log") as log:
            prober = subprocess.Popen([PROBER, "--target", f"127.0.0.1:{closed_port()}", "--log", log.name])
            deadline = time.monotonic() + 10
            while not observe.load(log.name) and time.monotonic() < deadline:
                time.sleep(0.01)
            prober.terminate()
            self.assertEqual(prober.wait(timeout=10), 0)
            self.assertTrue(observe.load(log.name))

    def test_a_wrong_target_is_a_usage_error(self):
        done = subprocess.run([PROBER, "--target", "nowhere"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected ADDRESS:PORT", done.stderr)


if __name__ == "__main__":
    unittest.main()
