"""Demand as servers and agents recorded it, for the commands that read it."""
import gzip
import http.server
import json
import sqlite3
import threading
import urllib.parse

# An agent with one pool, whose engine is at one address and costs 3 USD an hour.
CONFIG = """
listen: LISTEN
state: STATE
gpu: {{source: off}}
pools:
  - name: chat
    engine: {{kind: vllm, endpoints: ["{engine}"], timeout: 2s}}
    capacity: 8
    max: {maximum}
    usd_per_hour: 3
    interval: {interval}
"""


def trace_writer(folder, usual):
    """Writes rows as a CSV file in `folder`; without any, those that `usual` gives."""

    def write(rows=None, name="trace.csv", header="t_s,other,requests"):
        text = "\n".join(([header] if header else []) + (rows or usual())) + "\n"
        path = folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


class FakePrometheus:
    """Answers every query with what it is told to, and remembers what it was asked."""

    def __init__(self, answer):
        self.queries, self.headers = [], []
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urllib.parse.urlsplit(self.path)
                query = {name: values[0] for name, values in urllib.parse.parse_qs(parts.query).items()}
                fake.queries.append((parts.path, query))
                fake.headers.append(self.headers)
                status, body = answer(query)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def end(self):
        self.server.shutdown()
        self.server.server_close()


def matrix(query, value, *metrics):
    """The answer to a range query: `value` of every second, for each of the series."""
    start, end, step = (float(query[name]) for name in ("start", "end", "step"))
    moments = [start + step * index for index in range(round((end - start) / step) + 1)]
    return {
        "status": "success",
        "data": {
            "resultType": "matrix",
            "result": [
                {"metric": metric, "values": [[moment, str(value(int(moment)))] for moment in moments]}
                for metric in metrics
            ],
        },
    }


def rewrite_history(file, ticks):
    """Replaces an agent's recorded ticks by others like its last one, with another demand at other moments.

    `ticks` are pairs of milliseconds since 1970 and requests.
    """
    database = sqlite3.connect(file)
    with database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(tick)")]
        first = dict(zip(columns, database.execute("SELECT * FROM tick ORDER BY at DESC LIMIT 1").fetchone()))
        database.execute("DELETE FROM tick")
        output = json.loads(first["output"])
        rows = []
        for at, requests in ticks:
            output["demand"].update(running=requests - 5, waiting=5)
            rows.append(tuple({**first, "at": at, "output": json.dumps(output)}[name] for name in columns))
        database.executemany(f"INSERT INTO tick VALUES ({','.join('?' * len(columns))})", rows)
    database.close()
