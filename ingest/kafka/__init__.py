"""From Kafka to the pipeline, and files to Kafka."""
