"""The peer: ClickHouse inserts the same lines itself, sorted by the same columns.

It checks no type, field or time, and keeps the platform's ids as they are.
"""

import sys
import tempfile

import clickhouse_connect

from bench.measuring import measured

TABLE = """
create table lines (
    specversion LowCardinality(String), id String, source LowCardinality(String),
    type LowCardinality(String), time DateTime64(6, 'UTC') codec(Delta, ZSTD(1)),
    subject String, datacontenttype LowCardinality(String), data String codec(ZSTD(1))
)
engine = ReplacingMergeTree order by (subject, type, time, source, id, data)
"""
INSERT = """
insert into lines select * from file({path:String}, 'JSONEachRow', 'specversion String,
id String, source String, type String, time DateTime64(6, ''UTC''), subject String,
datacontenttype String, data String')
"""
SETTINGS = {
    "input_format_json_read_objects_as_strings": 1,
    "date_time_input_format": "best_effort",
}

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        client = clickhouse_connect.get_client(dsn=f"chdb://{folder}/warehouse")
        client.command(TABLE)
        with measured():
            client.command(INSERT, parameters={"path": sys.argv[1]}, settings=SETTINGS)
        client.close()
