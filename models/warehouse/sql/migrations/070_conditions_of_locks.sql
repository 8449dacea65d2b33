-- What decides use and scores besides the plan, as it was when the plan was locked.
alter table plan_locks
add column if not exists conditions String comment 'What decides use and scores besides the plan, as JSON by key; empty: not recorded' after text
