"""`python -m local_aws`: see `actions`."""

from local_aws import actions

actions.main()
