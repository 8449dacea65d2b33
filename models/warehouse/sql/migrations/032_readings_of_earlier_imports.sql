-- Imports of before added to what earlier ones of the same file and wave had brought;
-- what a later import put into another wave is not stated any more. Ids and hashes are
-- as a new import of the same file makes them, so that it recognises what is unchanged.
insert into readings
select
    imports.reading as reading,
    stored.participant_id as participant_id,
    stored.sheet as sheet,
    stored.content as content,
    if(
        stored.response = '',
        '',
        lower(substring(hex(SHA256(concat(imports.source, ';', stored.response))), 1, 32))
    ) as response,
    stored.wave as wave,
    stored.responded_at as responded_at,
    stored.instrument as instrument
from imports
inner join
    (
        select
            sheets.*,
            earlier.source as source,
            argMax(sheets.wave, stored_at) over (
                partition by
                    participant_id,
                    instrument,
                    if(response = '', toString(toUnixTimestamp(responded_at)), response)
            ) as last_wave
        from
            (
                select
                    participant_id,
                    sheet,
                    response,
                    wave,
                    responded_at,
                    instrument,
                    import_id,
                    max(recorded_at) as stored_at,
                    concat(
                        toString(toUnixTimestamp(responded_at)),
                        ';',
                        instrument,
                        ';',
                        multiIf(max(finished) is null, 'None', max(finished), 'True', 'False'),
                        '\n',
                        arrayStringConcat(
                            arraySort(groupUniqArray(concat(item, '=', answer))), '\n'
                        )
                    ) as stated,
                    substring(SHA256(stated), 1, 16) as content
                from responses
                group by
                    participant_id, sheet, response, wave, responded_at, instrument, import_id
            ) as sheets
        inner join
            (
                select import_id, source
                from imports
                where import_id not in (select import_id from import_retractions)
            ) as earlier
            on earlier.import_id = sheets.import_id
    ) as stored
    on stored.source = imports.source
where stored.stored_at <= imports.recorded_at and stored.wave = stored.last_wave
order by stored_at desc
limit 1 by imports.import_id, participant_id, instrument, if(response = '', toString(toUnixTimestamp(responded_at)), response)
