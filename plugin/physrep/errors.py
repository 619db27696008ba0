"""The base of every error that a user can mend."""


class UserError(ValueError):
    """The message says what was wrong, with the value, and what to do; the command line shows it
    in one line.
    """
