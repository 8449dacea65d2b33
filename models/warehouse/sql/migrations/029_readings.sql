-- Which sheets a reading of an export states; imports name their reading.
create table if not exists readings (
    reading FixedString(16) comment 'Hash of all sheets that are stated',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    sheet FixedString(16) comment 'Sheet, as in responses',
    content FixedString(16) comment 'Hash of time and answers alone: the same for another person or wave',
    response String comment 'Keyed hash of the survey tool''s own id of the response within its source; empty: known by person and time',
    wave UInt16 comment 'Wave of the response',
    responded_at DateTime64(6, 'UTC') comment 'When the questionnaire was sent in',
    instrument LowCardinality(String) comment 'Questionnaire'
)
engine = ReplacingMergeTree
order by (reading, participant_id, sheet)
comment 'Sheets that each reading of a survey export states'
