-- Imports of before added to what earlier ones of the same file and wave had brought;
-- what a later import put into another wave is not stated any more.
insert into readings
select
    imports.reading as reading,
    stored.participant_id as participant_id,
    stored.sheet as sheet,
    stored.sheet as content,
    stored.response as response,
    stored.wave as wave,
    stored.responded_at as responded_at,
    stored.instrument as instrument
from imports
inner join
    (
        select distinct
            participant_id,
            sheet,
            responses.response as response,
            responses.wave as wave,
            responded_at,
            instrument,
            responses.recorded_at as stored_at,
            earlier.source as source,
            argMax(responses.wave, stored_at) over (
                partition by
                    participant_id,
                    instrument,
                    if(response = '', toString(toUnixTimestamp(responded_at)), response)
            ) as last_wave
        from responses
        inner join
            (
                select import_id, source
                from imports
                where import_id not in (select import_id from import_retractions)
            ) as earlier
            on earlier.import_id = responses.import_id
    ) as stored
    on stored.source = imports.source
where stored.stored_at <= imports.recorded_at and stored.wave = stored.last_wave
order by stored_at desc
limit 1 by imports.import_id, participant_id, instrument, if(response = '', toString(toUnixTimestamp(responded_at)), response)
