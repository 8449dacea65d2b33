-- A projection: what the study's instruments ask.
create table if not exists instrument_items (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
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
    function String comment 'Platform function whose use the item asks about; empty: none'
)
engine = ReplacingMergeTree
order by (build, instrument, item)
comment 'Items of the instruments, of every build; derived, read it through dim_item'
