"""The local AWS: ministack with the patches, in this process.

    python -m local_aws.stack.server --directory .local/aws [--port 4566] [--with-parent]

Listens on 127.0.0.1 only; port 0 takes a free one. `server.json` in the directory holds port, process id and endpoint as soon as the
server responds. All data is kept in the directory. With `--with-parent` the server ends when its standard input ends, and so with the
process that started it.
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


def main() -> None:
    options = arguments()
    directory = options.directory.resolve()
    listener = listen(options.port)
    port = listener.getsockname()[1]
    configure(directory, port)
    # A Lambda invocation is two small writes each way: Nagle's algorithm would delay it by 40 ms.
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True
    if options.with_parent:
        threading.Thread(target=end_with_standard_input, daemon=True).start()
    asyncio.run(serve(listener, directory / "server.json", port))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="AWS on this machine, for development and tests.")
    parser.add_argument("--directory", type=Path, required=True, help="folder of all data")
    parser.add_argument("--port", type=int, default=4566, help="0 takes a free one")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser.parse_args()


def listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        sys.exit(f"cannot listen on {HOST}:{port}: {error.strerror}")
    listener.setblocking(False)
    return listener


def configure(directory: Path, port: int) -> None:
    """Sets the environment variables that ministack reads when it is imported. The functions inherit the rest."""
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
        AUTH="true",  # a function may do only what its role allows
    )
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        os.environ.pop(name, None)


async def serve(listener: socket.socket, announcement: Path, port: int) -> None:
    """Serves until SIGTERM or SIGINT. `announcement` exists while the server runs."""
    # ministack reads the environment when it is imported.
    from hypercorn.asyncio import serve as serve_app
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
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    announcement.write_text(json.dumps({"port": port, "pid": os.getpid(), "endpoint": os.environ["AWS_ENDPOINT_URL"]}))
    try:
        await serve_app(app, config, shutdown_trigger=stop.wait)
    finally:
        announcement.unlink(missing_ok=True)
        lambda_runtime.reset()  # ends the functions' processes


def end_with_standard_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
