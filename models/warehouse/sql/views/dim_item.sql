-- What the study's instruments ask.
create or replace view dim_item
(
    instrument LowCardinality(String) comment 'Questionnaire',
    item String comment 'Item code',
    position UInt16 comment 'Position in the questionnaire, from 1',
    label Map(String, String) comment 'What is asked, by language',
    low Nullable(Int64) comment 'Smallest coded answer; null: the answers are choices',
    high Nullable(Int64) comment 'Largest coded answer; null: the answers are choices',
    not_applicable Nullable(Int64) comment 'Code of the answer that the question does not apply; null: none',
    reversed Bool comment 'Whether scores turn the answer: low + high - answer',
    answers Map(String, Map(String, String)) comment 'What coded answers are called, by code and language',
    scores Array(String) comment 'Scores that count the item',
    function String comment 'Platform function whose use the item asks about; empty: none',
    study_version String comment 'Version of the study file, as in study_versions',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge'
)
sql security definer
as
select
    instrument,
    item,
    position,
    label,
    low,
    high,
    not_applicable,
    reversed,
    answers,
    scores,
    function,
    study_version,
    as_of
from instrument_items final
where
    build = (
        select argMax(build, (as_of, finished_at))
        from projection_builds final
        where projection = 'items' and finished_at > toDateTime64(0, 6, 'UTC')
    )
comment 'Items of the study''s instruments; one row an item'
