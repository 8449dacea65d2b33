-- When conflicts were last looked for: another writer may still have been inserting.
alter table settlements
add column if not exists checked_at DateTime64(6, 'UTC') default settled_at comment 'Clock of who settled' after settled_at
