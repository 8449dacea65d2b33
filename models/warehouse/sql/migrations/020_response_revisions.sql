-- A revision is a row of its own, also where it goes back to an earlier answer.
alter table responses
add column if not exists response String comment 'Keyed hash of the survey tool''s own id of the response; empty: known by person and time' after participant_id,
add column if not exists finished Nullable(Bool) comment 'Whether the export says that the questionnaire was sent in; null: it does not say' after answer,
add column if not exists import_id String comment 'Import that said so, as in imports; empty: before there was a ledger' after origin,
comment column wave 'Wave that the import named; the newest statement holds',
modify order by (participant_id, wave, responded_at, instrument, item, answer, response, import_id)
