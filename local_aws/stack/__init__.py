"""Starting the local AWS, building the project, deploying the template."""
