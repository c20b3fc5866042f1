"""The digest: what Today tells, as a mail a day or a week, to those who want it."""
