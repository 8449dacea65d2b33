-- A sheet is what one response says of one questionnaire; it is stored once, however
-- many imports state it. Rows of before get one for each import that brought them.
alter table responses
add column if not exists sheet FixedString(16) default MD5(concat(hex(participant_id), response, toString(toUnixTimestamp(responded_at)), toString(wave), instrument, import_id)) comment 'Hash of all that a response says of a questionnaire; the rows of one sheet have the same' after import_id
