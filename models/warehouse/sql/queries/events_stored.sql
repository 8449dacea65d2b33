-- How many rows the log has; known without reading it.
select count() as stored from events
