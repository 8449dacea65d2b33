-- An import is a reading of a source: of a form, whose state an export is. Before, a
-- source was a file name and a wave.
alter table imports
add column if not exists source String default concat(replaceRegexpOne(origin, '[.][^.]*$', ''), '@', toString(wave)) comment 'Form or file lineage whose state this is' after import_id,
add column if not exists name String default replaceRegexpOne(origin, '[.][^.]*$', '') comment 'Source that the mapping names, else the file name without its ending' after source,
add column if not exists selection UInt16 comment 'Wave of which the import speaks; 0: of all that the source holds' after name,
add column if not exists reading FixedString(16) default MD5(import_id) comment 'What it states, as in readings' after selection,
add column if not exists header String comment 'Hash of the file''s headers' after sha256,
add column if not exists links String comment 'Hash of the link file; empty: none' after mapping,
add column if not exists items Array(String) comment 'Items of which the file has a column' after links,
add column if not exists people UInt64 comment 'People who answered' after rows,
add column if not exists unchanged UInt64 comment 'Responses that are as before' after moved,
add column if not exists gone UInt64 comment 'Responses of the reading before that this one does not have' after unchanged,
comment column wave 'Wave that was named; 0: the file tells the wave of each row'
