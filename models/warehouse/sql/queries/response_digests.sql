-- What the warehouse holds of each response, in short, to tell what is new in an
-- import: the wave, and a hash of what the newest statements say of these items.
select
    participant_id,
    response,
    instrument,
    any(held .1) as wave,
    lower(
        hex(
            SHA256(
                arrayStringConcat(
                    arraySort(
                        groupArray(
                            concat(
                                item,
                                '=',
                                held .3,
                                ';',
                                toString(toUnixTimestamp(held .2)),
                                ';',
                                toString(held .1),
                                ';',
                                ifNull(toString(sent_in), '')
                            )
                        )
                    ),
                    '\n'
                )
            )
        )
    ) as digest
from
    (
        select
            participant_id,
            response,
            instrument,
            item,
            argMax((wave, responded_at, answer), (recorded_at, answer)) as held,
            argMax(finished, (recorded_at, answer)) as sent_in
        from answer_statements
        where
            import_id not in (select import_id from import_retractions)
            and (instrument, item) in (
                select
                    arrayJoin(
                        arrayZip({instruments:Array(String)}, {items:Array(String)})
                    )
            )
        group by participant_id, response, instrument, item
    )
group by participant_id, response, instrument
