-- Where the payload of a dead letter can be read again; and places in Kafka.
alter table dead_letters
add column if not exists path String comment 'Place of the file; -: standard input; empty: Kafka, or not known' after batch_index,
comment column origin 'File name, stdin, or topic[partition]',
comment column line '1-based line in a file, or offset in a partition'
