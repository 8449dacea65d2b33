-- When each yes and each withdrawal of people who ever withdrew from collection was
-- first recorded.
select participant_id, stated_at, level, min(first_recorded_at) as recorded_at
from
    (
        select
            lower(hex(person_as_of(events.participant_id))) as participant_id,
            corrected(events.occurred_at) as stated_at,
            JSONExtractString(data, 'level') as level,
            events.recorded_at as first_recorded_at
        from events
        where
            events.recorded_at <= {as_of:DateTime64(6)}
            and event_type in ('study.consent_given', 'study.consent_withdrawn')
        union all
        select
            lower(hex(person_as_of(roster.participant_id))) as participant_id,
            arrayJoin(consented_at) as stated_at,
            '' as level,
            roster.recorded_at as first_recorded_at
        from roster
        where roster.recorded_at <= {as_of:DateTime64(6)}
        union all
        select
            lower(hex(person_as_of(responses.participant_id))) as participant_id,
            responded_at as stated_at,
            '' as level,
            responses.recorded_at as first_recorded_at
        from responses
        where
            responses.recorded_at <= {as_of:DateTime64(6)}
            and instrument = 'study.consent'
            and answer != ''
            and not startsWith(answer, 'no:')
    ) as statements
where
    level in ('', 'collection', 'erase')
    and participant_id in (
        select participant_id
        from consents_as_of(as_of = {as_of:DateTime64(6)})
        where level in ('collection', 'erase')
    )
group by participant_id, stated_at, level
order by participant_id, recorded_at, stated_at
