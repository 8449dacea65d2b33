-- One row for everybody the warehouse knows of from events or the roster.
create or replace view dim_participant
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    enrolled_at Nullable(DateTime64(6, 'UTC')) comment 'First enrolment; null: never',
    cohort Nullable(String) comment 'Group of the latest enrolment; null or empty: none',
    consented_at Nullable(DateTime64(6, 'UTC')) comment 'First consent, whatever its scopes; null: never',
    withdrawn_at Nullable(DateTime64(6, 'UTC')) comment 'First withdrawal of any level; null: never',
    event_count UInt64 comment 'Events that count towards a function, until a withdrawal from collection'
)
as
select
    lower(hex(events.participant_id)) as participant_id,
    minOrNullIf(occurred_at, event_type = 'study.enrolled') as enrolled_at,
    argMaxOrNullIf(
        JSONExtractString(data, 'group'), occurred_at, event_type = 'study.enrolled'
    ) as cohort,
    minOrNullIf(occurred_at, event_type = 'study.consent_given') as consented_at,
    minOrNullIf(occurred_at, event_type = 'study.consent_withdrawn') as withdrawn_at,
    countIf(
        function != ''
        and (
            gone.person = toFixedString('', 16)
            or toDate(occurred_at, {zone:String}) < gone.withdrawn_on
        )
    ) as event_count
from events final
left join
    (
        select toFixedString(unhex(participant_id), 16) as person, withdrawn_on
        from withdrawals
    ) as gone
    on gone.person = events.participant_id
where events.participant_id != toFixedString('', 16)
group by events.participant_id
comment 'Everybody the warehouse knows of from events or the roster; one row a person'
