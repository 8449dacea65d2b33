-- Which version of the study held from when on: a row where it is another than before.
create table if not exists study_uses (
    version String comment 'Version of the study, as in study_texts',
    used_at DateTime64(6, 'UTC') comment 'When it was first used after another version'
)
engine = ReplacingMergeTree
order by (used_at, version)
comment 'Versions of the study by the time from which they held'
