"""Serves a folder as a web server with ranges, or as an S3 bucket named "slides" by moto.

    serve.py http FOLDER
    serve.py s3 FOLDER

Prints the address on the first line, then a line "METHOD STATUS BYTES" for each request.
"""

import http.server
import logging
import os
import re
import sys

kind, folder = sys.argv[1:]


class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        # Before the answer, so that whoever has it finds the line.
        print(self.command, status, len(body) if self.command == "GET" else 0, flush=True)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_GET(self):
        path = os.path.join(folder, os.path.basename(self.path))
        if not os.path.isfile(path):
            return self.answer(404, headers=[("Content-Length", "0")])
        stat = os.stat(path)
        tag = f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'
        if self.headers.get("If-Match", tag) != tag:
            return self.answer(412, headers=[("Content-Length", "0")])
        headers = [("ETag", tag), ("Accept-Ranges", "bytes"), ("Last-Modified", self.date_time_string(stat.st_mtime))]
        with open(path, "rb") as file:
            wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if not wanted:
                length = [("Content-Length", str(stat.st_size))]
                return self.answer(200, file.read() if self.command == "GET" else b"", headers + length)
            first, last = int(wanted[1]), min(int(wanted[2]), stat.st_size - 1)
            file.seek(first)
            body = file.read(last - first + 1)
            headers += [("Content-Range", f"bytes {first}-{last}/{stat.st_size}"), ("Content-Length", str(len(body)))]
            self.answer(206, body, headers)

    do_HEAD = do_GET


def serve_s3():
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    s3 = boto3.client(
        "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    s3.create_bucket(Bucket="slides")
    for name in os.listdir(folder):
        s3.upload_file(os.path.join(folder, name), "slides", name)

    class Requests(logging.Handler):
        def emit(self, record):
            found = re.search(r'"([A-Z]+) /slides/\S* HTTP/1.1" (\d+)', re.sub(r"\x1b\[[0-9;]*m", "", record.getMessage()))
            if found:
                print(found[1], found[2], 0, flush=True)

    log = logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.handlers = [Requests()]
    log.propagate = False
    return address


if kind == "http":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()
else:
    print(serve_s3(), flush=True)
    # Until the test, which holds the other end, is done.
    sys.stdin.read()
