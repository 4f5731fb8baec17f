"""A function's process that ends before it asks for work, as AWS names it; the local Lambda knows that end under no name."""


def install():
    """Makes such an invocation fail with `Runtime.ExitError`, as one whose process ends later does."""
    from ministack.core import lambda_runtime

    waits = lambda_runtime.ProvidedWorker._await_init

    def await_init(worker, *settings):
        try:
            waits(worker, *settings)
        except lambda_runtime.ProvidedInitTimeout:
            raise
        except RuntimeError as error:
            raise lambda_runtime.ProvidedRuntimeError(str(error), "Runtime.ExitError") from error

    lambda_runtime.ProvidedWorker._await_init = await_init
