-- Views that show more than the study's population are called operator_… now.
drop view if exists
    platform_events,
    daily_use,
    dim_participant,
    consents,
    answers,
    answer_statements,
    withdrawals,
    withdrawn_periods
