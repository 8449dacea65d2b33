-- Study-local days that are not known to be complete, from `from_on` until before
-- `until_on`: those of open dead letters and of gaps of the log. An empty function
-- means every one, an empty participant everybody.
select cause, participant_id, function, from_on, until_on, count() as number
from
    (
        select
            'dead letters' as cause,
            participant_id,
            if(every_function, '', function) as function,
            toDate32(unknown_from, {zone:String}) as from_on,
            toDate32(unknown_until - interval 1 microsecond, {zone:String})
            + 1 as until_on
        from open_dead_letters_as_of(as_of = {as_of:DateTime64(6)})
        where every_function or function != ''
        union all
        select
            'log gap' as cause,
            '' as participant_id,
            '' as function,
            toDate32(unknown_from, {zone:String}) as from_on,
            toDate32(unknown_until - interval 1 microsecond, {zone:String})
            + 1 as until_on
        from log_gaps final
        where recorded_at <= {as_of:DateTime64(6)}
    )
group by cause, participant_id, function, from_on, until_on
order by cause, participant_id, function, from_on, until_on
