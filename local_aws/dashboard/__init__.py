"""The dashboards of the templates as an HTML page."""
