"""Internal entry of `ghactivity local`, which has the defaults and the help: `python -m local_aws --directory DIR ACTION`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import actions
from local_aws.stack.athena_client import QueryError
from local_aws.stack.deploy import DeployError


def main() -> None:
    options = arguments()
    try:
        options.run(options)
    except (DeployError, QueryError, RuntimeError, ClientError, BotoCoreError) as error:
        sys.exit(f"local: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"local: {' '.join(map(str, error.cmd[:2]))} failed")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="local_aws", description="Internal: use `ghactivity local`.")
    parser.add_argument("--directory", type=Path, required=True)
    commands = parser.add_subparsers(required=True, metavar="ACTION")
    parsers = {}
    for action in (actions.up, actions.deploy, actions.status, actions.dashboard, actions.down):
        parsers[action.__name__] = commands.add_parser(action.__name__)
        parsers[action.__name__].set_defaults(run=action)
    parsers["up"].add_argument("--hours", type=int, required=True)
    parsers["up"].add_argument("--events", type=int, required=True)
    parsers["up"].add_argument("--port", type=int, required=True)
    parsers["up"].add_argument("--data", type=Path)
    parsers["up"].add_argument("--source-url")
    parsers["status"].add_argument("--json", action="store_true")
    for name in ("up", "deploy"):
        parsers[name].add_argument("--parameter", action="append", default=[])
    return parser.parse_args()


main()
