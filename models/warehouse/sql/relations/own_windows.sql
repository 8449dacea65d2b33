-- The windows of the newest panel of the study's own kind; one row a person.
select participant_id, groupArray((start_on, end_on)) as periods
from exposure_windows final
where
    panel = concat(
        (
            select argMax(build, (as_of, finished_at))
            from projection_builds final
            where
                projection = 'exposure_windows'
                and finished_at > toDateTime64(0, 6, 'UTC')
        ),
        ' ',
        {own_window:String}
    )
group by participant_id
