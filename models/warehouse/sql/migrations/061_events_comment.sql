-- The view of the log that operators read has another name.
alter table events modify comment 'Append-only log of accepted events; read it with FINAL, or through study_events and operator_events'
