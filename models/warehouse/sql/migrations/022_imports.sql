-- Every import of a survey export, also one that had nothing new.
create table if not exists imports (
    import_id String comment 'Names the import, for taking it back',
    origin String comment 'File name',
    sha256 String comment 'Hash of the file',
    format LowCardinality(String) comment 'Format that was found or declared',
    encoding LowCardinality(String) comment 'Encoding of the text',
    timezone LowCardinality(String) comment 'Where times without an offset were written',
    coding Map(String, String) comment 'By instrument the coding that the mapping declares',
    mapping String comment 'Hash of the mapping',
    wave UInt16 comment 'Wave that was named',
    rows UInt64 comment 'Rows of the file',
    responses UInt64 comment 'Responses that were understood',
    answers UInt64 comment 'Answers in them',
    added UInt64 comment 'Responses that were not known before',
    changed UInt64 comment 'Responses with an answer, a time or a state other than before',
    moved UInt64 comment 'Responses that an earlier import had put into another wave',
    refused UInt64 comment 'Responses given after a withdrawal from collection; not stored',
    set_apart UInt64 comment 'Rows and cells that were set apart',
    recorded_at DateTime64(6, 'UTC') comment 'Same as of the rows of the import'
)
engine = ReplacingMergeTree
order by (recorded_at, import_id)
comment 'Ledger of imports of answers'
