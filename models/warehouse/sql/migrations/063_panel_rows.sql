-- A projection: the panel of the study's own window.
create table if not exists panel_rows (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    participant_id FixedString(16) comment 'Keyed hash of the platform user',
    wave UInt16 comment 'Wave',
    responded_at Nullable(DateTime64(6, 'UTC')) comment 'When the answer was sent; null: not answered',
    window_start Nullable(DateTime64(6, 'UTC')) comment 'First instant of the window; null: no window',
    window_end Nullable(DateTime64(6, 'UTC')) comment 'First instant after it; null: no window',
    numbers Map(LowCardinality(String), Float64) comment 'Every further column that is a number, by name; absent: null',
    texts Map(LowCardinality(String), String) comment 'Every further column that is a text, by name; absent: null'
)
engine = ReplacingMergeTree
order by (build, participant_id, wave)
comment 'Panel, of every build; derived, read it through panel and scores'
