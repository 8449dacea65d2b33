-- A projection: the study's waves.
create table if not exists study_waves (
    build String comment 'Build in projection_builds that the row belongs to',
    study_version String comment 'Hash of the study file, its catalogue and its instruments',
    as_of DateTime64(6, 'UTC') comment 'State of knowledge',
    wave UInt16 comment 'Wave',
    wave_index UInt16 comment 'Position of the wave, from 0',
    round UInt16 comment 'Round in which people enrol',
    opens_on Nullable(Date) comment 'First study-local day; null: counted from enrolment',
    closes_on Nullable(Date) comment 'Last study-local day; null: counted from enrolment',
    opens_after_days Nullable(UInt16) comment 'Days from enrolment to the first day; null: a day of the calendar',
    open_days Nullable(UInt16) comment 'How many days the wave is open; null: a day of the calendar'
)
engine = ReplacingMergeTree
order by (build, wave)
comment 'Waves, of every build; derived, read it through dim_wave'
