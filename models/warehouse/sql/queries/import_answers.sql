-- Whether there is an import of that name, and how many responses it states.
select
    (select count() from imports where import_id = {import_id:String}) as imports,
    (
        select
            uniqExact(
                participant_id,
                wave,
                response,
                if(response = '', responded_at, toDateTime64(0, 6, 'UTC'))
            )
        from readings
        where
            reading
            in (select reading from imports where import_id = {import_id:String})
    ) as responses
