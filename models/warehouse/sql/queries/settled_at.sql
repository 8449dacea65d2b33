-- Up to where the log is settled, and what settling has to look at.
-- Nothing that still runs can precede the instant `settled`: a writer enters its batch
-- in `arrivals` within 5 seconds of the instant that it gave it, or gives it a later
-- one; so whatever is ten seconds old and still being written is there without a
-- completion. One that has not ended in ten minutes never will.
-- What was settled stays so: what is entered later under an earlier instant has no
-- rows. Conflicts after the watermark are set apart at once, and looked for again
-- until the watermark has passed them.
with
    {now:DateTime64(6)} as now,
    (select max(settled_at) from settlements) as watermark,
    (
        select minOrNull(recorded_at)
        from
            (
                select recorded_at, sum(entered) as open
                from
                    (
                        select recorded_at, 1 as entered
                        from arrivals
                        where
                            recorded_at > watermark
                            and recorded_at > now - interval 10 minute
                        union all
                        select recorded_at, -1
                        from completions
                        where
                            recorded_at > watermark
                            and recorded_at > now - interval 10 minute
                    )
                group by recorded_at
                having open > 0
            )
    ) as first_open,
    (select max(recorded_at) from events) as newest
select
    watermark as since,
    newest as until,
    newest > watermark as due,
    if(
        {shared:Bool},
        greatest(
            watermark,
            least(
                now - interval 10 second,
                ifNull(first_open - interval 1 microsecond, now)
            )
        ),
        greatest(
            now - interval 1 microsecond,
            newest,
            (select max(recorded_at) from arrivals),
            (select max(recorded_at) from imports)
        )
    ) as settled
