"""Lets `sam local invoke` talk to the local AWS of `make local-up`, from inside its container.

    make local-up
    .tools/local/bin/python -m local_aws.stack.docker_gateway &

While it runs it passes connections to Docker's bridge address, which only this machine and its containers reach, on to the
loopback ports of the local AWS and of the source. It also writes the functions' variables where `--env-vars` can read them,
and prints the commands to go on with.
"""

import argparse
import asyncio
import json
from pathlib import Path
from urllib.parse import urlsplit

from local_aws.stack.build import functions, logical_id
from local_aws.stack.aws import DIRECTORY, LocalAws

LOOPBACK = "127.0.0.1"


def main():
    parser = argparse.ArgumentParser(description="A way from Docker's containers to the local AWS.")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="of the local AWS (default: .local/aws)")
    parser.add_argument("--address", default="172.17.0.1", help="of Docker's bridge on this machine (default: 172.17.0.1)")
    options = parser.parse_args()
    aws = LocalAws(options.directory)
    variables = {one: seen_from(options.address, aws.function_variables(one)) for one in map(logical_id, functions())}
    path = options.directory / "sam-env.json"
    path.write_text(json.dumps(variables, indent=2) + "\n")
    sources = [url for one in variables.values() for url in one.get("SOURCE_URLS", "").split(",") if url]
    addresses = [aws.endpoint, *sources]
    ports = sorted({urlsplit(one).port for one in addresses if urlsplit(one).port})
    print("Containers now reach the local AWS. For example, after `sam build`:")
    print("  sam local invoke FetchFunction --event events/fetch.json \\")
    print(f"    --parameter-overrides Architecture=x86_64 EndpointUrl={at(options.address, aws.endpoint)} --env-vars {path}")
    print("Ctrl-C ends it.", flush=True)
    try:
        asyncio.run(forward(options.address, ports))
    except KeyboardInterrupt:
        pass


def seen_from(address, variables):
    """The variables with addresses as a container sees them."""
    return {key: at(address, value) for key, value in variables.items()}


def at(address, text):
    """The text with the address under which a container finds this machine."""
    return text.replace(LOOPBACK, address)


async def forward(address, ports):
    servers = [await asyncio.start_server(lambda *ends, to=port: connect(*ends, to), address, port) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def connect(reader, writer, port):
    try:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    main()
