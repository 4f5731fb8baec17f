"""Draws the CloudWatch dashboards of the templates as an HTML page: `ghactivity local dashboard`.

`metrics` collects what the functions and state machines counted, `series` computes statistics as CloudWatch does, `page` writes the page.
"""
