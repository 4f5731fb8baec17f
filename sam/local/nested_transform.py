"""The SAM transform in nested stacks for the local CloudFormation, which applies it to the outermost template alone."""


def install():
    """Makes whoever parses a nested template get it transformed; a template without transforms stays as it is."""
    from ministack.services.cloudformation import engine

    parse = engine._parse_template
    # The outermost template's handlers hold the former function already, and apply the transforms themselves.
    engine._parse_template = lambda body: engine._apply_transforms(parse(body))
