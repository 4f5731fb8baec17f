"""The local AWS: ministack in this process, with an Athena that reads what Athena would read.

    .tools/local/bin/python -m local_aws.stack.server --directory .local/aws [--port 4566] [--with-parent]

Listens on 127.0.0.1 only; port 0 takes a free one. `server.json` in the directory tells port, process and endpoint once
it answers. Everything it keeps lies below the directory. With `--with-parent` it ends when its standard input does, so
that no server outlives the program that started it.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import socketserver
import sys
import threading
from pathlib import Path

HOST = "127.0.0.1"
REGION = "us-east-1"


def main():
    options = arguments()
    directory = options.directory.resolve()
    listener = listen(options.port)
    port = listener.getsockname()[1]
    configure(directory, port)
    # A Lambda invoke is two small writes each way: with Nagle's algorithm it waits 40 ms for an acknowledgement.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    if options.with_parent:
        threading.Thread(target=end_with_parent, daemon=True).start()
    asyncio.run(serve(listener, directory / "server.json", port))


def arguments():
    parser = argparse.ArgumentParser(description="AWS on this machine, for development and tests.")
    parser.add_argument("--directory", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "4566")), help="0 takes a free one")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def listen(port):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        sys.exit(f"cannot listen on {HOST}:{port}: {error.strerror}")
    listener.setblocking(False)
    return listener


def configure(directory, port):
    """ministack reads its settings from the environment while it is imported; the Lambdas inherit the rest."""
    for name in ("s3", "state", "tmp"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    os.environ.update(
        BIND_HOST=HOST,
        GATEWAY_PORT=str(port),
        AWS_ENDPOINT_URL=f"http://{HOST}:{port}",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION=REGION,
        AWS_DEFAULT_REGION=REGION,
        MINISTACK_REGION=REGION,
        TZ="UTC",
        TMPDIR=str(directory / "tmp"),
        S3_PERSIST="1",
        S3_DATA_DIR=str(directory / "s3"),
        PERSIST_STATE="1",
        STATE_DIR=str(directory / "state"),
        LAMBDA_EXECUTOR="local",
        ATHENA_ENGINE="duckdb",
        AUTH="true",  # a function may do what its role allows, and nothing else
    )
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)


async def serve(listener, announcement, port):
    from hypercorn.asyncio import serve as hypercorn_serve
    from hypercorn.config import Config
    from ministack.app import app
    from ministack.core import lambda_runtime

    from local_aws import ministack_patches

    ministack_patches.install()
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 1
    config.accesslog = None
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    announcement.write_text(json.dumps({"port": port, "pid": os.getpid(), "endpoint": os.environ["AWS_ENDPOINT_URL"]}))
    try:
        await hypercorn_serve(app, config, shutdown_trigger=stop.wait)
    finally:
        announcement.unlink(missing_ok=True)
        lambda_runtime.reset()  # ends the functions' processes


def end_with_parent():
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
