"""CloudFormation treats a nested stack like any other stack; ministack differs in three ways.

- It applies the SAM transform to root templates only.
  AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-serverless.html
- After an update it forgets the attributes (`!GetAtt`) of a resource that the update does not return.
  AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudformation-stack.html
- It ignores `DeletionPolicy` when it deletes a nested stack.
  AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

Resources = dict[str, Any]

#: The parameters of the nested stack that is being deployed; None while a root template is parsed.
nested_parameters: ContextVar[list[dict[str, str]] | None] = ContextVar("nested_parameters", default=None)

#: Statuses of a parent that undoes a creation. `RetainExceptOnCreate` then deletes the resource.
UNDOES_CREATION = {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}


def install() -> None:
    transform_nested_templates()
    keep_attributes_on_update()
    apply_deletion_policies()


def transform_nested_templates() -> None:
    """ministack parses a nested template inside its deployment: there the parameters are set, and parsing also transforms."""
    from ministack.services.cloudformation import engine, provisioners

    deploy, parse = provisioners._cfn_nested_stack_deploy, engine._parse_template

    def deploy_with_parameters(logical_id: str, properties: Resources, parent: Any, **settings: Any) -> Any:
        given = properties.get("Parameters") or {}
        pairs = [{"Key": name, "Value": "" if value is None else str(value)} for name, value in given.items()]
        token = nested_parameters.set(pairs)
        try:
            return deploy(logical_id, properties, parent, **settings)
        finally:
            nested_parameters.reset(token)

    def parse_and_transform(body: str) -> Any:
        parameters = nested_parameters.get()
        if parameters is None:
            return parse(body)
        template = engine._apply_transforms(parse(body), parameters)
        if isinstance(template, engine._TransformFailed):
            raise ValueError(f"the transform of a nested template failed: {template}")
        return template

    provisioners._cfn_nested_stack_deploy = deploy_with_parameters
    engine._parse_template = parse_and_transform


def keep_attributes_on_update() -> None:
    from ministack.services.cloudformation import _stacks, provisioners

    update = provisioners._update_resource

    def update_and_merge(
        resource_type: str, physical_id: str, old: Resources, new: Resources, stack: str, logical_id: str, *rest: Any, **settings: Any
    ) -> tuple[str, Resources]:
        updated_id, attributes = update(resource_type, physical_id, old, new, stack, logical_id, *rest, **settings)
        before = _stacks.get(stack, {}).get("_resources", {}).get(logical_id, {}).get("Attributes")
        if before and updated_id == physical_id:
            attributes = {**before, **(attributes or {})}
        return updated_id, attributes

    provisioners._update_resource = update_and_merge


def apply_deletion_policies() -> None:
    from ministack.services.cloudformation import _stacks, provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::CloudFormation::Stack"]
    delete = handlers["delete"]

    def delete_unretained(physical_id: str, properties: Resources) -> Any:
        stack = _stacks.get(provisioners._nested_stack_lookup_name(physical_id)) or {}
        for name in retained(stack, _stacks):
            stack["_resources"].pop(name)
        return delete(physical_id, properties)

    handlers["delete"] = delete_unretained


def retained(stack: Resources, stacks: Mapping[str, Resources]) -> list[str]:
    """The logical ids of a nested stack's resources that its deletion retains."""
    parents = (parent for parent in stacks.values() if parent.get("StackId") == stack.get("ParentId"))
    undoes_creation = any(parent.get("StackStatus") in UNDOES_CREATION for parent in parents)
    policies = {"Retain"} if undoes_creation else {"Retain", "RetainExceptOnCreate"}
    declared = stack.get("_template", {}).get("Resources", {})
    return [name for name in stack.get("_resources", {}) if declared.get(name, {}).get("DeletionPolicy") in policies]
