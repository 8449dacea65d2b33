-- How many people have answered waves, whatever of it counts.
select uniqExact(participant_id, wave) as responses
from
    (
        select person_as_of(sheets.participant_id) as participant_id, wave
        from standing_sheets_as_of(as_of = {as_of:DateTime64(6)}) as sheets
        union all
        select participant_id, wave
        from event_answers_as_of(as_of = {as_of:DateTime64(6)})
    )
