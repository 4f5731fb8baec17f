"""Lets containers of `sam local invoke` reach the local AWS of `ghactivity local up`.

    ghactivity local up
    .tools/local/bin/python -m local_aws.stack.docker_gateway &

It listens on the address of Docker's bridge, which only this machine and its containers reach, and forwards connections to the loopback
ports of the local AWS and of the archive server. It writes the functions' environment variables for `--env-vars`, and prints the
commands to continue with.
"""

import argparse
import asyncio
import json
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from local_aws.stack.aws import DIRECTORY, LocalAws
from local_aws.stack.function_variables import by_function

LOOPBACK = "127.0.0.1"
BUFFER_BYTES = 65_536


def main() -> None:
    parser = argparse.ArgumentParser(description="Forwards connections from Docker's containers to the local AWS.")
    parser.add_argument("--directory", type=Path, default=DIRECTORY, help="of the local AWS (default: .local/aws)")
    parser.add_argument("--address", default="172.17.0.1", help="of Docker's bridge on this machine (default: 172.17.0.1)")
    options = parser.parse_args()
    aws = LocalAws(options.directory)
    variables = {name: on_bridge(options.address, values) for name, values in by_function(aws).items()}
    path = options.directory / "sam-env.json"
    path.write_text(json.dumps(variables, indent=2) + "\n")
    sources = [url for one in variables.values() for url in one.get("SOURCE_URLS", "").split(",") if url]
    ports = sorted({port for url in (aws.endpoint, *sources) if (port := urlsplit(url).port)})
    endpoint = aws.endpoint.replace(LOOPBACK, options.address)
    print("Containers now reach the local AWS. For example, after `sam build`:")
    print("  sam local invoke FetchFunction --event events/fetch.json \\")
    print(f"    --parameter-overrides Architecture=x86_64 EndpointUrl={endpoint} --env-vars {path}")
    print("Ctrl-C ends it.", flush=True)
    with suppress(KeyboardInterrupt):
        asyncio.run(forward(options.address, ports))


def on_bridge(address: str, variables: dict[str, str]) -> dict[str, str]:
    """The variables with the address under which a container reaches this machine."""
    return {name: value.replace(LOOPBACK, address) for name, value in variables.items()}


async def forward(address: str, ports: list[int]) -> None:
    servers = [await listen(address, port) for port in ports]
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def listen(address: str, port: int) -> asyncio.Server:
    async def connect(reader: StreamReader, writer: StreamWriter) -> None:
        try:
            local_reader, local_writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, local_writer), copy(local_reader, writer))

    return await asyncio.start_server(connect, address, port)


async def copy(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(BUFFER_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    main()
