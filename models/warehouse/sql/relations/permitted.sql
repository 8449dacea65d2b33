-- On which study-local days the use of each person may be looked at: consent as the
-- newest panel knew it, but nothing from the day of a withdrawal that came in since.
select
    toFixedString(unhex(participants.participant_id), 16) as participant,
    consent_periods as consented,
    withdrawn.periods as withdrawn
from participants
left join
    (select participant_id, periods from operator_withdrawn_periods) as withdrawn
    on withdrawn.participant_id = participants.participant_id
