"""Roster files: enrolment, groups, consent, invitations, test accounts."""
