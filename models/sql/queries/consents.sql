-- When each participant had agreed to all required scopes, and when they withdrew.
select
    lower(hex(participant_id)) as participant,
    toString(
        minIf(
            toDate(occurred_at, {zone:String}),
            event_type = 'study.consent_given'
            and hasAll(
                JSONExtract(data, 'scopes', 'Array(String)'), {scopes:Array(String)}
            )
        )
    ) as consented_on,
    toString(
        minIf(
            toDate(occurred_at, {zone:String}),
            event_type = 'study.consent_withdrawn'
            and JSONExtractString(data, 'level') in ('collection', 'erase')
        )
    ) as withdrawn_on
from events final
where
    recorded_at <= {as_of:DateTime64(6)}
    and event_type in ('study.consent_given', 'study.consent_withdrawn')
group by participant_id
order by participant
