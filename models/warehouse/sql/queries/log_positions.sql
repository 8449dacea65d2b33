-- How far each partition of a topic had been read.
select partition, topic_id, next_offset, last_time
from log_positions final
where topic = {topic:String}
