-- Sessions on days of consent, by the rule of the measure `sessions`.
create or replace view sessions
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    session UInt32 comment 'Number of the session of that person, from 1, in order of time',
    started_at DateTime64(6, 'UTC') comment 'First act',
    ended_at DateTime64(6, 'UTC') comment 'Last act',
    started_on Date comment 'Study-local day of the first act',
    local_start DateTime64(6, {zone:String}) comment 'First act by the clock of the study',
    local_end DateTime64(6, {zone:String}) comment 'Last act by the clock of the study',
    minutes Float64 comment 'From the first act to the last; 0: a single act',
    event_count UInt64 comment 'Acts of any function of the study, also those that were taken back'
)
sql security definer
as
select
    lower(hex(participant_id)) as participant_id,
    number as session,
    span.1 as started_at,
    span.2 as ended_at,
    toDate(started_at, {zone:String}) as started_on,
    toTimeZone(started_at, {zone:String}) as local_start,
    toTimeZone(ended_at, {zone:String}) as local_end,
    dateDiff('microsecond', started_at, ended_at) / 60000000 as minutes,
    arrayCount(act -> act between started_at and ended_at, acts) as event_count
from runs
array join arrayZip(starts, ends) as span, arrayEnumerate(starts) as number
comment 'Acts with at most 30 minutes between them; one row a person and session'
