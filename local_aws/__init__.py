"""AWS on this machine, with the project's stack in it.

- `ministack_patches` makes ministack behave like AWS, and knows nothing of this project.
- `stack` starts it, builds the project and deploys the template. `actions` are what `ghactivity local` runs.
- `demos`, `dashboard` and `measure` use a deployed stack.
- `venvs` makes the virtual environments in `.tools/`.
"""
