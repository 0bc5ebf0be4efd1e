# lvsd apart from its core and its mark rules.
