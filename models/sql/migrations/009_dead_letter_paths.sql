-- Where the payload of a dead letter can be read again.
alter table dead_letters
add column if not exists path String comment 'Place of the file; -: standard input; empty: Kafka, or not known' after batch_index
