-- The sheets that hold at an instant, with the source that states them: of each source
-- the newest reading that was not retracted, and that speaks of the sheet's wave. A
-- response with an id that two of these readings have is where the newer one has it.
create or replace view standing_sheets_as_of as
select
    source,
    readings.participant_id as participant_id,
    readings.sheet as sheet,
    readings.content as content,
    readings.response as response,
    readings.wave as wave,
    readings.responded_at as responded_at,
    readings.instrument as instrument,
    max(standing.recorded_at) as stated_at
from readings
inner join
    (
        select valid.reading as reading, source, recorded_at, newest
        from
            (
                select source, reading, recorded_at
                from imports
                where
                    recorded_at <= {as_of:DateTime64(6)}
                    and import_id not in (
                        select import_id
                        from import_retractions
                        where recorded_at <= {as_of:DateTime64(6)}
                    )
            ) as valid
        inner join
            (
                select
                    source,
                    maxMap(
                        map(selection, toUnixTimestamp64Micro(recorded_at))
                    ) as newest
                from imports
                where
                    recorded_at <= {as_of:DateTime64(6)}
                    and import_id not in (
                        select import_id
                        from import_retractions
                        where recorded_at <= {as_of:DateTime64(6)}
                    )
                group by source
            ) as spoken
            on spoken.source = valid.source
        where toUnixTimestamp64Micro(recorded_at) >= newest[toUInt16(0)]
    ) as standing
    on standing.reading = readings.reading
where toUnixTimestamp64Micro(standing.recorded_at) >= standing.newest[readings.wave]
group by
    source, participant_id, sheet, content, response, wave, responded_at, instrument
qualify response = '' or stated_at = max(stated_at) over (partition by source, response)
comment 'Sheets of exports that hold at an instant; one row a source and sheet'
