"""Lambda reports a process that exits during the init phase as `Runtime.ExitError`; ministack reports no error type.

State machines match the error type in Retry and Catch.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (failures during the init phase)
"""

from typing import Any


def install() -> None:
    """Gives the error of an exit during init the type that ministack gives to a later exit. A timeout keeps its own type."""
    from ministack.core import lambda_runtime

    await_init = lambda_runtime.ProvidedWorker._await_init

    def await_init_with_type(worker: Any, *settings: Any) -> None:
        try:
            await_init(worker, *settings)
        except lambda_runtime.ProvidedInitTimeout:
            raise
        except RuntimeError as error:
            raise lambda_runtime.ProvidedRuntimeError(str(error), "Runtime.ExitError") from error

    lambda_runtime.ProvidedWorker._await_init = await_init_with_type
