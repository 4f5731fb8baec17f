"""Builds the project, starts the local AWS and an archive server, and deploys the template."""
