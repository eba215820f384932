"""Which model serves, which of them the operator trusts, and the policies a team agreed on."""
