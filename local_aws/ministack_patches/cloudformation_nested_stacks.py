"""Nested stacks for the local CloudFormation, which does three things for a stack of its own only: it applies SAM's transform,
when it updates a resource it remembers the attributes (`!GetAtt`) that the update does not tell, and it keeps what a
`DeletionPolicy` keeps."""

import contextvars

_parameters = contextvars.ContextVar("parameters_of_the_nested_stack", default=None)


#: An operation that takes back what it made: `RetainExceptOnCreate` keeps nothing then.
TAKES_BACK = {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}


def install():
    """Makes a nested template that declares the transform deploy, and go, as it does on AWS."""
    from ministack.services.cloudformation import engine, provisioners

    from ministack.services.cloudformation import _stacks

    deploy, parse, update = provisioners._cfn_nested_stack_deploy, engine._parse_template, provisioners._update_resource

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

    def update_with_attributes(resource_type, physical_id, old, new, stack, logical_id, *rest, **settings):
        updated_id, attributes = update(resource_type, physical_id, old, new, stack, logical_id, *rest, **settings)
        before = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        if before and updated_id == physical_id:
            attributes = {**before, **(attributes or {})}
        return updated_id, attributes

    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    delete = handlers["delete"]

    def delete_but_what_is_kept(physical_id, properties):
        stack = _stacks.get(provisioners._nested_stack_lookup_name(physical_id)) or {}
        for name in kept(stack, _stacks):
            stack["_resources"].pop(name)
        return delete(physical_id, properties)

    handlers["delete"] = delete_but_what_is_kept
    provisioners._update_resource = update_with_attributes
    provisioners._cfn_nested_stack_deploy = deploy_with_parameters
    engine._parse_template = parse_and_transform


def kept(stack, stacks):
    """The resources of a nested stack that outlive it."""
    parents = (one for one in stacks.values() if one.get("StackId") == stack.get("ParentId"))
    takes_back = any(one.get("StackStatus") in TAKES_BACK for one in parents)
    keeping = {"Retain"} if takes_back else {"Retain", "RetainExceptOnCreate"}
    declared = stack.get("_template", {}).get("Resources", {})
    return [name for name in stack.get("_resources", {}) if declared.get(name, {}).get("DeletionPolicy") in keeping]
