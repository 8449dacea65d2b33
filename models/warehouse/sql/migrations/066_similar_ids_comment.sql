-- Ids in events are compared with those of enrolled people too.
alter table similar_ids modify comment 'What the ids of people in rosters and events look like, one row a person'
