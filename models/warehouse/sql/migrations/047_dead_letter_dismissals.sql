-- Dead letters that were no events of people, as an operator stated. A dismissal is of
-- those that have something in common and were recorded until then.
create table if not exists dead_letter_dismissals (
    dismissal_id String comment 'Names the dismissal, for taking it back',
    reason LowCardinality(String) comment 'Why the events were rejected; empty: for any reason',
    event_type LowCardinality(String) comment 'CloudEvents type; empty: any',
    origin String comment 'Origin, or its origin_id; empty: any',
    letters UInt64 comment 'Letters that were open and are dismissed',
    because String comment 'Why they are no events of people',
    recorded_at DateTime64(6, 'UTC') comment 'When it was stated; what was recorded later is not dismissed'
)
engine = ReplacingMergeTree
order by (recorded_at, dismissal_id)
comment 'Dismissals of dead letters; append-only'
