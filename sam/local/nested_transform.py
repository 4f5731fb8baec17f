"""SAM's transform for nested stacks, which the local CloudFormation applies to a stack of its own only."""

import contextvars

_parameters = contextvars.ContextVar("parameters_of_the_nested_stack", default=None)


def install():
    """Makes a nested template that declares the transform deploy as it does on AWS."""
    from ministack.services.cloudformation import engine, provisioners

    deploy, parse = provisioners._cfn_nested_stack_deploy, engine._parse_template

    def deploy_with_parameters(logical_id, properties, parent, **settings):
        given = properties.get("Parameters") or {}
        token = _parameters.set([{"Key": name, "Value": "" if value is None else str(value)} for name, value in given.items()])
        try:
            return deploy(logical_id, properties, parent, **settings)
        finally:
            _parameters.reset(token)

    def parse_and_transform(body):
        given = _parameters.get()
        if given is None:  # a stack of its own, which is transformed later
            return parse(body)
        template = engine._apply_transforms(parse(body), given)
        if isinstance(template, engine._TransformFailed):
            raise ValueError(f"the transform of a nested template failed: {template}")
        return template

    provisioners._cfn_nested_stack_deploy = deploy_with_parameters
    engine._parse_template = parse_and_transform
